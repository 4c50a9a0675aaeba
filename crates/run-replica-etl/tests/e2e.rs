//! Runs of the real binary, and what they leave in the target, in the record, and for Prometheus.
use std::time::{Duration, Instant};

use replica_testkit::{Pair, Program, ProgramExit, Troubled};
use serde_json::Value;
use tempfile::TempDir;

/// A replica, and where its runs leave their traces.
struct Replica {
    pair: Pair,
    folder: TempDir,
}

impl Replica {
    fn new() -> Self {
        Self { pair: Pair::new(), folder: TempDir::new().unwrap() }
    }

    /// The tool with this configuration; `$etl` is the section, with record and metrics.
    fn tool(&self, config: &str) -> Program {
        let folder = self.folder.path().display();
        let etl = format!("[etl]\nrecord_dir = '{folder}/runs'\nprometheus_file = '{folder}/replica.prom'\n");
        Program::new(env!("CARGO_BIN_EXE_run-replica-etl"))
            .between(&self.pair)
            .file("replica.toml", &config.replace("$etl", &etl))
    }

    /// The record's lines, oldest first.
    fn record(&self) -> Vec<Value> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder.path().join("runs")).unwrap().collect();
        files.sort_by_key(|file| file.as_ref().unwrap().path());
        let texts = files.into_iter().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        let texts: String = texts.collect();
        texts.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn figures(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("replica.prom")).unwrap()
    }

    /// Waits until the target's server has a lock that somebody waits for.
    fn somebody_waits(&self) {
        let begun = Instant::now();
        let mut client = self.pair.target.client();
        while client.number("SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_status = 'WAIT'") == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody waits for a lock");
        }
    }
}

/// `dbo.parent` and `dbo.child`, which points at it, with rows on both sides.
fn family() -> Replica {
    let replica = Replica::new();
    let pair = &replica.pair;
    pair.both("CREATE TABLE dbo.parent (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
    pair.both(
        "CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, parent int NULL, \
         CONSTRAINT fk_child FOREIGN KEY (parent) REFERENCES dbo.parent (id))",
    );
    pair.target("INSERT INTO dbo.parent VALUES (1, 'old'), (2, 'gone')");
    pair.target("INSERT INTO dbo.child VALUES (10, 1), (20, 2)");
    pair.source("INSERT INTO dbo.parent VALUES (1, 'new'), (3, 'new')");
    pair.source("INSERT INTO dbo.child VALUES (10, 1), (30, 3)");
    replica
}

fn assert_refreshed(replica: &Replica) {
    replica.pair.assert_equal("SELECT id, label FROM dbo.parent ORDER BY id");
    replica.pair.assert_equal("SELECT id, parent FROM dbo.child ORDER BY id");
}

/// The first columns of the lines on stdout.
fn tables(run: &ProgramExit) -> Vec<String> {
    run.lines().iter().map(|line| line[0].to_owned()).collect()
}

#[test]
fn parents_come_before_their_children() {
    let replica = family();
    replica.pair.target("DELETE FROM dbo.child WHERE parent = 2");
    let tool = replica.tool("reference_tables = ['dbo.child', 'parent']");
    let explained = tool.run(&["--t0", "--explain"]).exits(0);
    assert_eq!(tables(&explained), ["dbo.parent", "dbo.child"]);
    explained.says("after dbo.parent");
    assert_eq!(replica.pair.target.client().number("SELECT COUNT(*) FROM dbo.parent WHERE label = 'new'"), 0);

    let run = tool.run(&["--t0", "--max-workers", "2"]).exits(0).says("2 of 2 tables refreshed");
    assert_eq!(tables(&run), ["dbo.parent", "dbo.child"]);
    assert_refreshed(&replica);
}

#[test]
fn a_parent_that_its_childs_old_rows_hold_back_is_tried_again_after_the_child() {
    let replica = family();
    let run = replica.tool("reference_tables = ['dbo.parent', 'dbo.child']\n$etl").run(&["--t0"]).exits(0);
    let run = run.says("dbo.parent: once more");
    assert_eq!(tables(&run), ["dbo.child", "dbo.parent"]);
    assert_refreshed(&replica);
    assert!(replica.record().iter().all(|line| line["outcome"] == "ok"));
}

#[test]
fn tables_that_point_at_each_other_are_both_refreshed() {
    let replica = Replica::new();
    for table in ["a", "b"] {
        replica.pair.both(&format!("CREATE TABLE dbo.{table} (id int NOT NULL PRIMARY KEY, other int NULL)"));
        replica.pair.source(&format!("INSERT INTO dbo.{table} VALUES (1, 1)"));
    }
    replica.pair.target("ALTER TABLE dbo.a ADD CONSTRAINT fk_a FOREIGN KEY (other) REFERENCES dbo.b (id)");
    replica.pair.target("ALTER TABLE dbo.b ADD CONSTRAINT fk_b FOREIGN KEY (other) REFERENCES dbo.a (id)");
    let run = replica.tool("reference_tables = ['dbo.a', 'dbo.b']").run(&["--t1"]).exits(0);
    let run = run.says("does not wait for");
    assert_eq!(run.lines().len(), 2, "{run}");
    for table in ["a", "b"] {
        replica.pair.assert_equal(&format!("SELECT id, other FROM dbo.{table}"));
    }
}

#[test]
fn a_table_that_fails_does_not_stop_the_others() {
    let replica = family();
    replica.pair.target("DELETE FROM dbo.child WHERE parent = 2");
    replica.pair.source("CREATE TABLE dbo.missing (id int NOT NULL)");
    let config = "reference_tables = ['dbo.missing', 'dbo.parent', 'dbo.child']\n$etl";
    let run = replica.tool(config).run(&["--as-of", "2024-02-29"]).exits(1);
    let run = run.says("2 of 3 tables refreshed").says("failed: dbo.missing");
    assert_eq!(tables(&run), ["dbo.missing", "dbo.parent", "dbo.child"]);
    assert_refreshed(&replica);

    let record = replica.record();
    let outcomes: Vec<_> =
        record.iter().map(|line| (&line["table"], &line["outcome"], &line["rows"])).collect();
    assert_eq!(
        outcomes,
        [
            (&Value::from("dbo.missing"), &Value::from("failed"), &Value::Null),
            (&Value::from("dbo.parent"), &Value::from("ok"), &Value::from(2)),
            (&Value::from("dbo.child"), &Value::from("ok"), &Value::from(2)),
            (&Value::Null, &Value::from("failed"), &Value::from(4)),
        ]
    );
    assert!(record[0]["error"].as_str().unwrap().contains("dbo.missing"));
    assert!(record.iter().all(|line| line["day"] == "2024-02-29" && line["kind"] == "as-of"));
    assert_eq!(record[1]["hash"], run.lines()[1][7], "the record has the hash of stdout");

    let figures = replica.figures();
    for line in [
        "replica_run_success{run=\"as-of\"} 0",
        "replica_table_success{run=\"as-of\",table=\"dbo.missing\"} 0",
        "replica_table_success{run=\"as-of\",table=\"dbo.child\"} 1",
        "replica_table_rows{run=\"as-of\",table=\"dbo.child\"} 2",
    ] {
        assert!(figures.lines().any(|found| found == line), "{line}\n{figures}");
    }
    assert!(
        !figures.contains("last_success_timestamp_seconds{run=\"as-of\",table=\"dbo.missing\"}"),
        "{figures}"
    );
}

#[test]
fn quiet_is_quiet_unless_something_is_wrong() {
    let replica = family();
    replica.pair.target("DELETE FROM dbo.child WHERE parent = 2");
    let tool = replica.tool("reference_tables = ['dbo.parent', 'dbo.child']");
    let run = tool.run(&["--t0", "--quiet"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    replica.pair.target("DROP TABLE dbo.child");
    let run = tool.run(&["--t0", "--quiet"]).exits(1);
    assert_eq!(tables(&run), ["dbo.child"]);
    run.says("dbo.child").says("1 of 2 tables refreshed");
}

#[test]
fn only_some_tables() {
    let replica = family();
    let tool = replica.tool("reference_tables = ['dbo.parent', 'dbo.child']\n[groups]\nsmall = ['child']");
    let run = tool.run(&["--t0", "--only", "small"]).exits(0).says("1 of 1 tables refreshed");
    assert_eq!(tables(&run), ["dbo.child"]);
    let run = tool.run(&["--t0", "--only", "child", "dbo.parent"]).exits(0);
    assert_eq!(tables(&run), ["dbo.parent", "dbo.child"]);
    tool.run(&["--t0", "--only", "dbo.other"]).exits(2).says("dbo.other is not in the configuration");
}

#[test]
fn overlapping_runs_do_not_meet() {
    let replica = family();
    let mut other = replica.pair.target.client();
    other.batch(
        "EXEC sp_getapplock @Resource = 'replica run', @LockMode = 'Exclusive', @LockOwner = 'Session'",
    );
    let tool = replica.tool("reference_tables = ['dbo.parent', 'dbo.child']\n$etl");
    let run = tool.run(&["--t0"]).exits(4).says("another run").says("login sa, session ");
    assert_eq!((run.stdout.as_str(), run.stderr.lines().count()), ("", 1), "{run}");
    let run = tool.run(&["--t0", "--quiet"]).exits(4);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{run}");
    assert_eq!(replica.pair.target.client().number("SELECT COUNT(*) FROM dbo.parent WHERE label = 'new'"), 0);
    assert_eq!(replica.record()[0]["outcome"], "busy");
    assert!(!replica.folder.path().join("replica.prom").exists(), "the figures are the other run's");
    // Looking is free.
    tool.run(&["--t0", "--explain"]).exits(0);
    drop(other);
    tool.run(&["--t0"]).exits(0);
    assert_refreshed(&replica);
}

#[test]
fn a_signal_ends_the_run_and_its_record() {
    let replica = family();
    let mut other = replica.pair.target.client();
    other.batch("BEGIN TRANSACTION; UPDATE dbo.child SET parent = parent WHERE id = 10");
    other.batch("SELECT * INTO #held FROM dbo.child WITH (TABLOCKX, HOLDLOCK)");
    let tool = replica.tool("reference_tables = ['dbo.child']\n$etl");
    let running = tool.start(&["--t0"]);
    replica.somebody_waits();
    running.signal("TERM");
    running.finish().exits(143);
    let record = replica.record();
    assert_eq!((record.len(), &record[0]["outcome"]), (1, &Value::from("terminated")));
    other.batch("ROLLBACK");
    // Its lock went with it.
    tool.run(&["--t0"]).exits(0);
    replica.pair.assert_equal("SELECT id, parent FROM dbo.child ORDER BY id");
}

/// `dbo.sales`, with a row for each of six days of 2024 in the source, and old rows in the target; and a reference table.
fn sales() -> Replica {
    let replica = Replica::new();
    let pair = &replica.pair;
    pair.both("CREATE TABLE dbo.shops (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.shops VALUES (1), (2)");
    pair.both(
        "CREATE TABLE dbo.sales (id int NOT NULL PRIMARY KEY, sold datetime2(3) NOT NULL, entered date NOT NULL, \
         label varchar(10) NULL)",
    );
    pair.both("CREATE INDEX ix_sold ON dbo.sales (sold)");
    for day in 25..=30 {
        pair.source(&format!(
            "INSERT INTO dbo.sales VALUES ({day}, '2024-03-{day} 23:59:59.999', '2024-04-01', 'new')"
        ));
        pair.target(&format!("INSERT INTO dbo.sales VALUES ({day}, '2024-03-{day}', '2024-04-01', 'old')"));
    }
    replica
}

const SALES: &str = "reference_tables = ['dbo.shops']\ndate_tables = ['dbo.sales']\n\
                     [date_filter_columns]\n'dbo.sales' = 'sold'\n$etl";

/// The days of March that have new rows in the target.
fn renewed(replica: &Replica) -> Vec<i32> {
    let mut target = replica.pair.target.client();
    let rows = target.rows("SELECT id FROM dbo.sales WHERE label = 'new' ORDER BY id");
    rows.iter().filter_map(|row| row.get::<i32, _>(0)).collect()
}

#[test]
fn a_day_and_its_look_back_are_replaced_after_the_reference_tables() {
    let replica = sales();
    // A row that came late, and one that is gone.
    replica.pair.source("INSERT INTO dbo.sales VALUES (99, '2024-03-27 08:00', '2024-04-01', 'new')");
    replica.pair.target("INSERT INTO dbo.sales VALUES (98, '2024-03-28 08:00', '2024-04-01', 'old')");
    let tool = replica.tool(&format!("{SALES}look_back_days = 1\nverify = 'hash'\n"));
    let run =
        tool.run(&["--as-of", "2024-03-28", "--max-workers", "4"]).exits(0).says("2 of 2 tables refreshed");
    let mut lines: Vec<_> = run.lines().iter().map(|line| (line[0], line[1], line[2], line[3])).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            ("dbo.sales", "2024-03-27", "ok", "2"),
            ("dbo.sales", "2024-03-28", "ok", "1"),
            ("dbo.shops", "", "ok", "2")
        ]
    );
    assert_eq!(run.lines()[0][0], "dbo.shops", "reference tables come first");
    assert_eq!(renewed(&replica), [27, 28, 99]);
    let mut target = replica.pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.sales"), 7, "the other days are as they were");
    assert_eq!(target.number("SELECT CAST(is_disabled AS int) FROM sys.indexes WHERE name = 'ix_sold'"), 0);
    assert_eq!(target.number("SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'"), 2);

    let record = replica.record();
    let day = record.iter().find(|line| line["window"] == "2024-03-27").unwrap();
    assert_eq!((&day["rows"], &day["retries"]), (&Value::from(2), &Value::from(0)));
    assert!(day["phases"]["INSERT"].is_number() && day["phases"]["DELETE"].is_number(), "{day}");
    let shops = record.iter().find(|line| line["table"] == "dbo.shops").unwrap();
    assert!(shops["phases"]["COMMIT"].is_number(), "{shops}");
    let line = "replica_table_rows{run=\"as-of\",table=\"dbo.sales\"} 3";
    assert!(replica.figures().lines().any(|found| found == line), "{}", replica.figures());
}

#[test]
fn t1_is_yesterday_and_t0_today() {
    let replica = Replica::new();
    replica.pair.both("CREATE TABLE dbo.sales (sold datetime2(0) NOT NULL)");
    let today =
        |replica: &Replica| replica.pair.source.client().values("SELECT CAST(SYSUTCDATETIME() AS date)");
    let before = today(&replica);
    for days in -2..=1 {
        replica.pair.source(&format!(
            "INSERT INTO dbo.sales SELECT DATEADD(day, {days}, CAST(CAST(SYSUTCDATETIME() AS date) AS datetime2(0)))"
        ));
    }
    let tool = replica.tool("date_tables = ['dbo.sales']\n$etl\ntime_zone = 'UTC'\n");
    let days = "SELECT DATEDIFF(day, CAST(SYSUTCDATETIME() AS date), MAX(sold)) FROM dbo.sales";
    tool.run(&["--t1"]).exits(0);
    let after_t1 = (replica.pair.target.client().number(days), count(&replica));
    tool.run(&["--t0"]).exits(0);
    let after_t0 = (replica.pair.target.client().number(days), count(&replica));
    // Midnight came in between: who knows what was today.
    if before == today(&replica) {
        assert_eq!((after_t1, after_t0), ((-1, 1), (0, 2)));
    }
    let kinds: Vec<_> = replica.record().iter().map(|line| line["kind"].clone()).collect();
    assert_eq!(kinds, ["t1", "t1", "t0", "t0"]);
}

fn count(replica: &Replica) -> i64 {
    replica.pair.target.client().number("SELECT COUNT(*) FROM dbo.sales")
}

#[test]
fn a_deadlock_is_tried_again_and_counted() {
    let replica = sales();
    if !replica.pair.server.is_sandbox() {
        eprintln!("skipped: only the sandbox breaks on request");
        return;
    }
    for table in ["dbo.shops", "dbo.sales"] {
        let mut client = replica.pair.server.client("master");
        client.batch(&format!("EXEC sp_sandbox_fault @fault = 'deadlock', @table = '{table}'"));
    }
    replica.tool(SALES).run(&["--as-of=2024-03-28"]).exits(0).says("1205");
    assert_eq!(renewed(&replica), [28]);
    let retries: Vec<_> = replica.record().iter().map(|line| line["retries"].clone()).collect();
    assert_eq!(retries, [1, 1, 2]);
}

#[test]
fn a_choice_of_date_columns_is_that_tables_failure() {
    let replica = sales();
    let config = "reference_tables = ['dbo.shops']\ndate_tables = ['dbo.sales']\n";
    let run = replica.tool(config).run(&["--as-of=2024-03-28"]);
    // Not 2, which says that nothing was touched.
    let run = run.exits(1).says("sold, entered").says("1 of 2 tables refreshed");
    assert_eq!(tables(&run).len(), 2, "{run}");
    assert_eq!(renewed(&replica), [0; 0]);
    replica.pair.assert_equal("SELECT id FROM dbo.shops ORDER BY id");
}

#[test]
fn a_signal_leaves_a_day_to_the_next_run() {
    let replica = sales();
    let mut other = replica.pair.target.client();
    other.batch("BEGIN TRANSACTION; UPDATE dbo.sales SET label = label WHERE id = 28");
    other.batch("SELECT * INTO #held FROM dbo.sales WITH (TABLOCKX, HOLDLOCK)");
    let tool = replica.tool(SALES);
    let running = tool.start(&["--as-of=2024-03-28"]);
    replica.somebody_waits();
    running.signal("INT");
    running.finish().exits(130);
    let record = replica.record();
    let outcomes: Vec<_> = record.iter().map(|line| (&line["table"], &line["outcome"])).collect();
    assert_eq!(
        outcomes,
        [(&Value::from("dbo.shops"), &Value::from("ok")), (&Value::Null, &Value::from("interrupted"))]
    );
    other.batch("ROLLBACK");
    tool.run(&["--as-of=2024-03-28"]).exits(0);
    assert_eq!(renewed(&replica), [28]);
}

#[test]
fn a_target_that_is_not_there_is_on_record() {
    let replica = Replica::new();
    let nowhere = "Server=127.0.0.1,1;User Id=sa;Password=hunter2;ConnectRetryCount=0";
    let tool = replica.tool("reference_tables = ['dbo.t']\n$etl").with("REPLICA_TARGET", nowhere);
    let run = tool.run(&["--t0"]).exits(3);
    assert!(!run.to_string().contains("hunter2"), "{run}");
    let record = replica.record();
    assert!(record[0]["error"].as_str().unwrap().contains("127.0.0.1"), "{record:?}");
    assert!(replica.figures().contains("replica_run_success{run=\"t0\"} 0\n"));
}

#[test]
fn a_configuration_that_makes_no_sense() {
    let replica = Replica::new();
    replica.tool("").run(&["--t0"]).exits(2).says("reference_tables");
    replica.tool("reference_tables = ['dbo.t']").run(&[]).exits(2).says("--t0");
    for (config, says) in [
        ("[etl]\nlook_back_days = -1\n", "line 2"),
        ("reference_tables = ['t']\n[etl]\nverify = 'much'\n", "[etl]"),
        ("reference_tables = ['t']\n[etl]\nmax_workers = 0\n", "max_workers = 0"),
        ("reference_tables = ['t']\n[etl]\ntime_zone = 'Mars/Olympus'\n", "Mars/Olympus"),
        ("reference_tables = ['t']\n[etl]\nrecord_dir = '/dev/null/runs'\n", "record_dir"),
        ("reference_tables = ['t']\n[etl]\nprometheus_file = '/dev/null/x'\n", "there is no folder"),
        ("reference_tables = ['t']\n[etl]\nprometheus_file = '/dev/null'\n", "it is no regular file"),
        ("reference_tables = ['t']\ndate_tables = ['t']\n", "date_tables"),
    ] {
        replica.tool(config).run(&["--t0"]).exits(2).says(says);
    }
}

#[test]
fn servers_that_are_troubled_at_first() {
    let replica = family();
    replica.pair.target("DELETE FROM dbo.child WHERE parent = 2");
    let tool = replica.tool("reference_tables = ['dbo.child', 'dbo.parent']\n$etl");
    let Some((tool, troubled)) = tool.between_troubled(&replica.pair) else { return };
    let run = tool.run(&["--t0"]).exits(0).says("40613").says("2 of 2 tables refreshed");
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    assert!(!run.stderr.contains("://"), "{run}");
    assert_refreshed(&replica);
}

#[test]
fn whoever_holds_a_table_is_named() {
    let replica = family();
    let mut other = replica.pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.number("SELECT COUNT(*) FROM dbo.parent WITH (TABLOCKX, HOLDLOCK)");
    let session = other.number("CAST(@@SPID AS int)");
    let patience = format!("{};Command Timeout=8", replica.pair.target.connection);
    let tool =
        replica.tool("reference_tables = ['dbo.parent', 'dbo.child']").with("REPLICA_TARGET", &patience);
    let mut running = tool.start(&["--t0", "--quiet"]);
    running.until_it_says(&format!("held by session {session} (login sa, host "));
    other.batch("ROLLBACK");
    running.finish().exits(0).says("dbo.parent (target): no answer for 4.");
}
