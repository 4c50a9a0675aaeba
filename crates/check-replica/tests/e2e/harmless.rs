//! It writes nothing, waits for nobody, and does without the rights that it asks for.
use replica_core::ledger::DDL;
use replica_testkit::Pair;

use crate::util::{CONFIG, found, pair, problems, tool, tool_with};

/// Everything in a database: its tables with their rows, its objects with their dates, its options.
fn everything(pair: &Pair) -> Vec<String> {
    let mut all = Vec::new();
    for database in [&pair.source, &pair.target] {
        let mut client = database.client();
        let tables = client.rows(
            "SELECT QUOTENAME(s.name) + '.' + QUOTENAME(t.name) AS n FROM sys.tables AS t JOIN sys.schemas AS s \
             ON s.schema_id = t.schema_id ORDER BY 1",
        );
        for table in tables {
            let name: &str = table.get(0).unwrap();
            all.push(format!("{name}: {:?}", client.values(&format!("SELECT * FROM {name}"))));
        }
        for sql in [
            "SELECT object_id, name, type, modify_date FROM sys.objects WHERE is_ms_shipped = 0 ORDER BY object_id",
            "SELECT object_id, index_id, name, is_disabled FROM sys.indexes ORDER BY object_id, index_id",
            "SELECT * FROM sys.databases WHERE name = DB_NAME()",
            "SELECT name FROM sys.schemas ORDER BY name",
        ] {
            all.push(format!("{:?}", client.values(sql)));
        }
    }
    all
}

#[test]
fn nothing_is_written_and_no_lock_but_for_reading_is_taken() {
    let pair = pair();
    pair.target("CREATE SCHEMA replica");
    pair.target(DDL);
    let before = everything(&pair);
    let mut spy = pair.server.client("master");
    let last = spy.number("SELECT COALESCE(MAX(sequence), 0) FROM sys.sandbox_lock_log");
    let databases = spy.values("SELECT name FROM sys.databases ORDER BY name");
    let run = tool(&pair).run(&[]).exits(0);
    let writing = spy.values(&format!(
        "SELECT event, resource_type, request_mode FROM sys.sandbox_lock_log WHERE sequence > {last} \
         AND resource_type <> 'XACT' AND request_mode NOT IN ('Sch-S', 'IS', 'S')"
    ));
    assert!(writing.is_empty(), "{writing:?}\n{run}");
    assert_eq!(everything(&pair), before, "{run}");
    assert_eq!(spy.values("SELECT name FROM sys.databases ORDER BY name"), databases, "{run}");
    assert_eq!(spy.number("SELECT COUNT(*) FROM sys.dm_tran_locks WHERE resource_type = 'APPLICATION'"), 0);
}

#[test]
fn a_clean_pair_has_nothing_to_be_warned_of() {
    let pair = pair();
    let run = tool(&pair).run(&["--strict"]).exits(0);
    assert_eq!(problems(&run), [""; 0], "{run}");
    // The stand-in has no SQL Server Agent.
    let skipped = found(&run, &["skipped"]);
    assert_eq!(skipped, ["source skipped jobs", "target skipped jobs"], "{run}");
    let quiet = tool(&pair).run(&["--quiet"]).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn every_denied_right_is_skipped_with_its_grant_and_the_rest_is_asked() {
    let pair = pair();
    pair.server.client("master").batch("CREATE LOGIN minimal WITH PASSWORD = 'Minimal-1'");
    pair.both("CREATE USER minimal FOR LOGIN minimal");
    pair.source("GRANT SELECT ON dbo.parent TO minimal; GRANT SELECT ON dbo.sales TO minimal; GRANT VIEW DEFINITION TO minimal");
    pair.target("CREATE SCHEMA replica AUTHORIZATION minimal");
    pair.target(
        "GRANT CREATE TABLE TO minimal; GRANT VIEW DEFINITION TO minimal; \
         GRANT SELECT, INSERT, DELETE, ALTER ON dbo.parent TO minimal; GRANT SELECT, INSERT, DELETE, ALTER ON dbo.sales TO minimal",
    );
    let as_minimal = |pair: &Pair| {
        let of = |name: &str| pair.server.connection_as(name, "minimal", "Minimal-1");
        tool(pair)
            .with("REPLICA_SOURCE", &of(&pair.source.name))
            .with("REPLICA_TARGET", &of(&pair.target.name))
    };
    let run = as_minimal(&pair).run(&["--strict"]).exits(0);
    assert_eq!(problems(&run), [""; 0], "{run}");
    let of_state = [
        "tempdb_space",
        "long_transaction",
        "blocked",
        "backup",
        "connections",
        "workload_group",
        "replica_health",
    ];
    let mut expected: Vec<String> = Vec::new();
    for id in of_state {
        expected.extend(["source", "target"].map(|side| format!("{side} skipped {id}")));
    }
    expected.extend(["log_space", "disk_space"].map(|id| format!("target skipped {id}")));
    expected.extend(["source", "target"].map(|side| format!("{side} skipped jobs")));
    let mut skipped = found(&run, &["skipped"]);
    expected.sort();
    skipped.sort();
    assert_eq!(skipped, expected, "{run}");
    for line in run.lines().iter().filter(|line| line[3] == "skipped" && line[0] != "jobs") {
        assert_eq!(line[5], "GRANT VIEW SERVER PERFORMANCE STATE TO [minimal] (in master)", "{run}");
    }
    // All other checks ran.
    for info in ["size", "version", "name_resolution", "certificate"] {
        assert!(run.lines().iter().any(|line| line[0] == info), "{info}: {run}");
    }
    // The GRANT that it names is the one that it needs.
    pair.server.client("master").batch("GRANT VIEW SERVER PERFORMANCE STATE TO minimal");
    let run = as_minimal(&pair).run(&["--strict"]).exits(0);
    assert_eq!(found(&run, &["skipped"]), ["source skipped jobs", "target skipped jobs"], "{run}");
}

#[test]
fn rights_that_a_run_lacks_are_named() {
    let pair = pair();
    pair.server.client("master").batch("CREATE LOGIN minimal WITH PASSWORD = 'Minimal-1'");
    pair.both("CREATE USER minimal FOR LOGIN minimal");
    pair.target("GRANT SELECT, INSERT, DELETE ON dbo.parent TO minimal; GRANT VIEW DEFINITION TO minimal; GRANT SELECT ON dbo.sales TO minimal");
    let target = pair.server.connection_as(&pair.target.name, "minimal", "Minimal-1");
    let run = tool(&pair).with("REPLICA_TARGET", &target).run(&[]).exits(1);
    let problems = problems(&run);
    for line in [
        "target error ledger_rights",
        "target error no_insert dbo.sales",
        "target warning delete_without_alter dbo.parent",
    ] {
        assert!(problems.contains(&line.to_owned()), "{line}: {run}");
    }
    run.says("GRANT CREATE TABLE").says("GRANT ALTER ON OBJECT::dbo.parent");
    let source = pair.server.connection_as(&pair.source.name, "minimal", "Minimal-1");
    pair.source("GRANT SELECT ON dbo.sales TO minimal; GRANT VIEW DEFINITION TO minimal");
    pair.source("ALTER TABLE dbo.sales ALTER COLUMN label ADD MASKED WITH (FUNCTION = 'default()')");
    let run = tool_with(&pair, CONFIG).with("REPLICA_SOURCE", &source).run(&["dbo.sales"]).exits(1);
    assert!(run.stdout.contains("\tdbo.sales\terror\t") && run.stdout.contains("UNMASK"), "{run}");
    let run = tool_with(&pair, CONFIG).with("REPLICA_SOURCE", &source).run(&["dbo.parent"]).exits(1);
    assert!(run.stdout.contains("source\tdbo.parent\terror"), "{run}");
}

#[test]
fn a_table_that_somebody_empties_is_not_waited_for() {
    let pair = pair();
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("TRUNCATE TABLE dbo.parent");
    let begun = std::time::Instant::now();
    let run = tool(&pair).run(&[]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{run}");
    assert!(run.code == Some(0), "{run}");
    other.batch("ROLLBACK");
    // As SQL Server answers meanwhile, which waits for more than the stand-in does.
    pair.server
        .client("master")
        .batch("EXEC sp_sandbox_fault @fault = 'locked_view', @table = 'sys.columns', @count = 1");
    let run = tool(&pair).run(&["dbo.parent"]).exits(0);
    assert_eq!(problems(&run), ["source warning lock_held dbo.parent"], "{run}");
}

/// It accepts connections, and says nothing.
#[test]
fn a_server_that_is_silent_is_given_up() {
    let pair = pair();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let connection = format!("Server=127.0.0.1,{port};Database=d;User Id=u;Password=p;Connect Timeout=1");
    let run =
        tool(&pair).with("REPLICA_TARGET", &connection).run(&[]).exits(3).says("no connection within 1 s");
    assert_eq!(problems(&run), ["target error connection"], "{run}");
}

#[test]
fn one_object_a_line() {
    let pair = pair();
    let run = tool(&pair).run(&["--output", "json"]).exits(0);
    for line in run.stdout.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().cloned().collect();
        let mut expected = ["id", "side", "table", "severity", "what", "remedy"].map(str::to_owned);
        expected.sort();
        let mut keys = keys;
        keys.sort();
        assert_eq!(keys, expected);
    }
    let run = tool(&pair).run(&["--output", "text"]).exits(0);
    assert!(run.stdout.starts_with("configuration\n  info     machine  replica.toml is /"), "{run}");
    assert!(run.stdout.contains("\nnetwork\n  info     source   127.0.0.1 is 127.0.0.1:"), "{run}");
}
