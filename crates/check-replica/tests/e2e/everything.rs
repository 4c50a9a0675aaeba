//! The worst of nights: every obstacle at once, and each is found. What stands by itself is in the other files.
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use replica_core::check::Check;
use replica_core::ledger::DDL;
use replica_testkit::{Client, Identity, Pair, Program, ProgramExit, Server, Tenant};
use time::{Duration, OffsetDateTime};

use crate::util::{on, problems, tool_with};

const LISTS: &str = "
reference_tables = ['dbo.parent', 'dbo.wide', 'dbo.k', 'dbo.mine', 'dbo.more', 'dbo.narrow', 'dbo.guarded', 'dbo.fixed',
    'dbo.shut', 'dbo.few']
date_tables = ['dbo.sales']
change_tables = ['dbo.kept']

[etl]
record_dir = 'file/runs'
prometheus_file = 'no/x.prom'

[notify]
command = ['tell-nobody']
";

/// What every check of the list finds there, as `side severity id table`.
const FOUND: [&str; 65] = [
    "machine error parquet_dir",
    "machine error prometheus_file",
    "machine error record_dir",
    "machine warning cron_environment",
    "machine warning cron_environment",
    "machine warning notify",
    "source error no_versions dbo.kept",
    "source error version",
    "source warning auth_scheme",
    "source warning certificate",
    "source warning clock",
    "source warning connections",
    "source warning credential",
    "source warning jobs",
    "source warning password_expiry",
    "source warning row_versioning",
    "source warning secondary",
    "source warning statistics dbo.sales",
    "source warning tempdb_space",
    "source warning workload_group",
    "target error acting_foreign_keys dbo.sales",
    "target error columns dbo.more",
    "target error data_space dbo.parent",
    "target error ledger_rights",
    "target error log_space dbo.parent",
    "target error secondary",
    "target error table dbo.mine",
    "target error version",
    "target warning accelerated_recovery",
    "target warning auth_scheme",
    "target warning auto_close",
    "target warning auto_shrink",
    "target warning backup",
    "target warning block_predicate dbo.guarded",
    "target warning blocked",
    "target warning certificate",
    "target warning change_capture dbo.guarded",
    "target warning clock",
    "target warning compatibility_level",
    "target warning connections",
    "target warning database_state",
    "target warning dead_run dbo.sales",
    "target warning delayed_durability",
    "target warning delete_without_alter dbo.fixed",
    "target warning disabled_index dbo.shut",
    "target warning disk_space",
    "target warning failed_windows dbo.sales",
    "target warning key_collation dbo.k",
    "target warning lock_held",
    "target warning log_growth",
    "target warning log_reuse_wait",
    "target warning long_transaction",
    "target warning no_success dbo.parent",
    "target warning password_expiry",
    "target warning plan_warning dbo.narrow",
    "target warning recorded_index dbo.sales",
    "target warning recovery_model",
    "target warning replica_health",
    "target warning row_count dbo.few",
    "target warning row_size dbo.wide",
    "target warning secret_file",
    "target warning tempdb_space",
    "target warning trigger dbo.guarded",
    "target warning user_access",
    "target warning workload_group",
];

fn tables(pair: &Pair) {
    let both = |sql: &str| pair.both(sql);
    let wide: Vec<_> = (0..350).map(|n| format!("c{n} varchar(max) NULL")).collect();
    both(&format!("CREATE TABLE dbo.wide ({})", wide.join(", ")));
    for (side, collation) in [(&pair.source, "CS"), (&pair.target, "CI")] {
        side.client().batch(&format!(
            "CREATE TABLE dbo.k (a varchar(9) COLLATE Latin1_General_{collation}_AS NOT NULL CONSTRAINT PK_k PRIMARY KEY)"
        ));
    }
    pair.source("CREATE TABLE dbo.mine (id int NOT NULL)");
    for name in ["more", "guarded", "fixed", "shut", "few", "kept"] {
        both(&format!(
            "CREATE TABLE dbo.{name} (id int NOT NULL CONSTRAINT PK_{name} PRIMARY KEY, n int NULL)"
        ));
    }
    pair.source("ALTER TABLE dbo.more ADD extra int NULL");
    pair.source("CREATE TABLE dbo.narrow (id int NOT NULL, label nvarchar(9) NULL)");
    pair.target("CREATE TABLE dbo.narrow (id int NOT NULL, label varchar(9) NULL)");
    for sql in [
        "CREATE TRIGGER dbo.tr ON dbo.guarded AFTER INSERT AS SET NOCOUNT ON",
        "CREATE FUNCTION dbo.mine_alone (@id int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS ok WHERE @id > 0",
        "CREATE SECURITY POLICY dbo.refuses ADD BLOCK PREDICATE dbo.mine_alone(id) ON dbo.guarded AFTER INSERT WITH (STATE = ON)",
        "CREATE TABLE dbo.child (id int NOT NULL, day date NOT NULL, CONSTRAINT FK_child FOREIGN KEY (day, id) \
         REFERENCES dbo.sales (day, id) ON DELETE CASCADE)",
        "CREATE INDEX ix ON dbo.shut (n)",
        "ALTER INDEX ix ON dbo.shut DISABLE",
        "CREATE INDEX ix ON dbo.sales (label)",
        "ALTER INDEX ix ON dbo.sales DISABLE",
        "DECLARE @n int = 0 WHILE @n < 1500 BEGIN INSERT INTO dbo.few VALUES (@n, 1) SET @n = @n + 1 END",
    ] {
        pair.target(sql);
    }
}

/// A dead run with a failed window and an index, and a table that has not gone well for long.
fn ledger(pair: &Pair) {
    pair.target("CREATE SCHEMA replica");
    pair.target(DDL);
    let run = |table: &str, ended: &str| {
        format!(
            "INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, host, pid, shared, phase, \
             started, lease_until, windows_done, windows_failed, windows_skipped, row_count, byte_count, retries, disable_ms, \
             rebuild_ms, ended, outcome) VALUES (1, 'run-replica-etl', 'dbo', '{table}', 1, 's', 'etl-7', 42, 0, 'copying', \
             '2020-01-01', '2020-01-01', 0, 0, 0, 0, 0, 0, 0, 0, {ended})"
        )
    };
    pair.target(&run("sales", "NULL, NULL"));
    pair.target(&run("parent", "'2020-01-01', 'ok'"));
    pair.target(
        "INSERT INTO replica.windows (schema_name, table_name, first_date, next_date, state, object_id, date_column, \
         fingerprint, source, batch_id, attempts, estimated_rows, completed, error) VALUES ('dbo', 'sales', '2024-01-01', \
         '2024-01-02', 'failed', 1, 'day', '', '', 1, 1, 1, NULL, 'it broke')",
    );
    pair.target(
        "INSERT INTO replica.disabled_indexes VALUES ('dbo', 'sales', 'ix', 1, 1, '2020-01-01', NULL)",
    );
}

/// What the server says of itself, and its neighbours' jobs.
fn pretended(pair: &Pair) {
    let mut master = pair.server.client("master");
    let id = pair.target.client().number("CAST(DB_ID() AS int)");
    let target = &pair.target.name;
    let of_target = format!("name={target}");
    let files = |database: &str, kind: u8, set: &str| {
        format!(
            "EXEC sp_sandbox_plant 'sys.database_files', @database = '{database}', @where = 'type={kind}', @set = '{set}'"
        )
    };
    let request =
        format!("EXEC sp_sandbox_plant 'sys.dm_exec_requests', @add = 'database_id={id};session_id=");
    for sql in [
        "EXEC sp_sandbox_answer 'CONNECTIONPROPERTY', 'auth_scheme', 'NTLM'".to_owned(),
        "EXEC sp_sandbox_answer 'LOGINPROPERTY', 'DaysUntilExpiration', '9'".to_owned(),
        "EXEC sp_sandbox_clock 90".to_owned(),
        "EXEC sp_sandbox_answer 'SERVERPROPERTY', 'EngineEdition', '6'".to_owned(),
        format!(
            "EXEC sp_sandbox_plant 'sys.databases', @where = '{of_target}', @set = 'compatibility_level=100;state=4;\
             state_desc=SUSPECT;user_access=2;user_access_desc=RESTRICTED_USER;recovery_model=1;log_reuse_wait=2;\
             log_reuse_wait_desc=LOG_BACKUP;is_auto_shrink_on=1;is_auto_close_on=1;delayed_durability=2;\
             delayed_durability_desc=FORCED;is_accelerated_database_recovery_on=1'"
        ),
        format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION OFF", pair.source.name),
        format!("EXEC sp_sandbox_plant 'sys.tables', @database = '{target}', @where = 'name=guarded', @set = 'is_published=1'"),
        files(target, 1, "growth=128;max_size=128"),
        files(target, 0, "max_size=128"),
        files("tempdb", 0, "max_size=1024"),
        "EXEC sp_sandbox_plant 'sys.dm_db_file_space_usage', @set = 'unallocated_extent_page_count=9', @database = 'tempdb'"
            .to_owned(),
        "EXEC sp_sandbox_plant 'sys.dm_os_volume_stats', @set = 'available_bytes=1000'".to_owned(),
        "EXEC sp_sandbox_plant 'sys.dm_tran_active_transactions', @set = 'transaction_begin_time=2020-01-01'".to_owned(),
        format!("{request}977;blocking_session_id=978;wait_type=LCK_M_X;wait_time=5000'"),
        format!("{request}976;command=BACKUP DATABASE;percent_complete=40'"),
        "EXEC sp_sandbox_plant 'sys.configurations', @set = 'value_in_use=3', @where = 'name=user connections'".to_owned(),
        "EXEC sp_sandbox_plant 'sys.dm_resource_governor_workload_groups', @set = 'group_max_requests=1', @where = 'group_id=2'"
            .to_owned(),
        "EXEC sp_sandbox_answer 'DATABASEPROPERTYEX', 'Updateability', 'READ_ONLY'".to_owned(),
        format!("EXEC sp_sandbox_plant 'sys.dm_hadr_database_replica_states', @add = 'database_id={id};redo_queue_size=2000000'"),
        "EXEC sp_sandbox_answer 'STATS_DATE', '1', '2020-01-01'".to_owned(),
    ] {
        master.batch(&sql);
    }
    let mut agent = pair.server.client("msdb");
    for sql in [
        "CREATE TABLE dbo.sysjobs (job_id int NOT NULL, name nvarchar(128) NOT NULL, enabled tinyint NOT NULL)",
        "CREATE TABLE dbo.sysjobsteps (job_id int NOT NULL, command nvarchar(max) NULL)",
        "CREATE TABLE dbo.sysjobschedules (job_id int NOT NULL, next_run_date int NOT NULL, next_run_time int NOT NULL)",
        "INSERT INTO dbo.sysjobs VALUES (1, N'nightly', 1)",
        "INSERT INTO dbo.sysjobsteps VALUES (1, N'DBCC CHECKDB')",
        "INSERT INTO dbo.sysjobschedules VALUES (1, 20240102, 30000)",
    ] {
        agent.batch(sql);
    }
}

/// A login of the target's that may do most of what it has to.
fn loader(pair: &Pair) {
    let mut master = pair.server.client("master");
    master.batch("CREATE LOGIN loader WITH PASSWORD = 'Loader-4711'");
    master.batch("GRANT VIEW SERVER PERFORMANCE STATE TO loader");
    for sql in [
        "CREATE USER loader FOR LOGIN loader",
        "GRANT VIEW DEFINITION TO loader",
        "GRANT SELECT, INSERT, DELETE, ALTER ON SCHEMA::dbo TO loader",
        "DENY ALTER ON OBJECT::dbo.fixed TO loader",
        "GRANT SELECT, INSERT, UPDATE ON SCHEMA::replica TO loader",
    ] {
        pair.target(sql);
    }
}

/// The source by a token that is about to end, the target by a password that others may read.
fn program(pair: &Pair, tenant: &Tenant) -> Program {
    let (place, authority) = pair.server.place();
    let side = |name: &str, database: &str, login: &str| {
        format!(
            "[{name}]\nserver = '{place}'\ndatabase = '{database}'\nserver_certificate = '{}'\n{login}\n",
            authority.display()
        )
    };
    let config = [
        LISTS,
        &side("source", &pair.source.name, "access_token_file = 'token'"),
        &side("target", &pair.target.name, "user = 'loader'\npassword_file = 'password'"),
    ];
    let tool = tool_with(pair, &config.concat()).with("REPLICA_SOURCE", "").with("REPLICA_TARGET", "");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let token = tenant.token(&format!("{{\"exp\": {}}}", now + 200));
    let tool = tool.file("token", &token).file("password", "Loader-4711").file("file", "");
    let mode = |file: &str, mode| {
        std::fs::set_permissions(tool.folder().join(file), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("token", 0o400);
    mode("password", 0o644);
    tool
}

fn holding(pair: &Pair) -> Client {
    let mut other = pair.target.client();
    other
        .run("EXEC sp_getapplock @Resource = 'replica run', @LockMode = 'Exclusive', @LockOwner = 'Session'");
    other.batch("CREATE TABLE dbo.other (id int NOT NULL)");
    other.batch("BEGIN TRANSACTION");
    other.batch("INSERT INTO dbo.other VALUES (1)");
    other
}

/// Errors and warnings all have a way out, and what may not be known the right that it needs.
fn ways_out(run: &ProgramExit, without: &mut BTreeSet<String>) {
    for line in run.lines() {
        if line[3] != "info" && line[5].is_empty() {
            without.insert(format!("{}: {}", line[0], line[4]));
        }
    }
}

#[test]
fn every_obstacle_at_once_is_found() {
    let end = OffsetDateTime::now_utc() + Duration::days(9);
    let pair = on(Pair::on(Server::sandbox_as(Identity::generate_until(Some(end)).unwrap())));
    let tenant = Tenant::default();
    pair.server.accept_tokens(&tenant.trust("{}"));
    tables(&pair);
    ledger(&pair);
    loader(&pair);
    pretended(&pair);
    let other = holding(&pair);
    let tool = program(&pair, &tenant).with("TERM", "xterm");
    let (mut found, mut without) = (BTreeSet::new(), BTreeSet::new());
    let mut keep = |run: &ProgramExit| {
        ways_out(run, &mut without);
        found.extend(problems(run).into_iter().map(|line| line.split(' ').nth(2).unwrap().to_owned()));
    };

    let run = tool.run(&["--at", "02:15", "--parquet-dir", "nowhere"]).exits(1);
    let mut at_once = problems(&run);
    at_once.sort();
    assert_eq!(at_once, FOUND, "{run}");
    keep(&run);
    // What the target's login may not ask, with the statement that lets it.
    let skipped: Vec<_> = run.lines().into_iter().filter(|line| line[3] == "skipped").collect();
    assert_eq!(
        skipped.iter().map(|line| [line[1], line[0]]).collect::<Vec<_>>(),
        [["target", "jobs"]],
        "{run}"
    );
    assert!(skipped[0][5].starts_with("In msdb: CREATE USER [loader]"), "{run}");

    drop(other);
    pair.target("UPDATE replica.ledger SET version = 99");
    pair.server.client("master").batch(&format!(
        "EXEC sp_sandbox_plant 'sys.databases', @where = 'name={}', @set = 'is_read_only=1'",
        pair.target.name
    ));
    let run = tool.run(&["dbo.parent"]).exits(1);
    for line in ["target error database_read_only", "target error ledger"] {
        assert!(problems(&run).contains(&line.to_owned()), "{line}: {run}");
    }
    keep(&run);
    // What keeps all the rest from being looked at.
    let nowhere = "Server=127.0.0.1,1;Database=d;User Id=u;Password=p;Connect Timeout=5";
    let wrong = format!("{};Password=Wrong-4711", pair.target.connection);
    for (run, expected) in [
        (tool.run(&["--config", "nowhere.toml"]).exits(2), &["configuration"][..]),
        (tool.run(&["no*such"]).exits(1), &["table_names"]),
        (
            program(&pair, &tenant)
                .with("REPLICA_SOURCE", &nowhere.replace("127.0.0.1", "no-such-host.invalid"))
                .run(&[])
                .exits(3),
            &["name_resolution"],
        ),
    ] {
        let ids: BTreeSet<_> = problems(&run).into_iter().collect();
        for id in expected {
            assert!(ids.iter().any(|line| line.contains(id)), "{id}: {run}");
        }
        keep(&run);
    }
    keep(&program(&pair, &tenant).with("REPLICA_TARGET", &wrong).run(&[]).exits(3).says("18456"));
    keep(&program(&pair, &tenant).with("REPLICA_SOURCE", nowhere).run(&[]).exits(3));

    let missing: Vec<_> = Check::ALL
        .iter()
        // A fact and no obstacle; and what a refusal's own code stands for.
        .filter(|check| !matches!(check, Check::Size | Check::Refused))
        .map(|check| check.code())
        .filter(|code| !found.contains(*code))
        .collect();
    assert_eq!(missing, [""; 0], "checks without an obstacle here: plant one");
    assert_eq!(without, BTreeSet::new(), "no way out is named");
}
