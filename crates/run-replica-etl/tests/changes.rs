//! Tables whose changes are carried over within a run.
use replica_testkit::{Pair, Program, ProgramExit};
use serde_json::Value;
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_run-replica-etl");

/// A source that tracks the changes of dbo.orders and dbo.lines, whose parents are dbo.kinds; dbo.days beside them.
struct KeptReplica {
    pair: Pair,
    folder: TempDir,
}

const CONFIG: &str =
    "reference_tables = ['dbo.kinds', 'dbo.lines']\nchange_tables = ['dbo.orders', 'dbo.lines']\n$etl\n";

impl KeptReplica {
    fn new() -> Self {
        let pair = Pair::new();
        pair.source(
            "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
        );
        pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
        pair.both("CREATE TABLE dbo.kinds (id int NOT NULL PRIMARY KEY)");
        pair.both(
            "CREATE TABLE dbo.orders (id int NOT NULL PRIMARY KEY, kind int NULL REFERENCES dbo.kinds (id))",
        );
        pair.both(
            "CREATE TABLE dbo.lines (id int NOT NULL PRIMARY KEY, ordered int NULL REFERENCES dbo.orders (id))",
        );
        for table in ["orders", "lines"] {
            pair.source(&format!("ALTER TABLE dbo.{table} ENABLE CHANGE_TRACKING"));
        }
        pair.source("INSERT INTO dbo.kinds VALUES (1), (2); INSERT INTO dbo.orders VALUES (1, 1), (2, 2)");
        pair.source("INSERT INTO dbo.lines VALUES (10, 1), (20, 2)");
        Self { pair, folder: TempDir::new().unwrap() }
    }

    /// With versions on record that are not the first.
    fn kept() -> Self {
        let replica = Self::new();
        replica.run(&["--t0"]).exits(0);
        replica.pair.source("UPDATE dbo.orders SET kind = 1; UPDATE dbo.lines SET ordered = 1");
        replica.run(&["--t0"]).exits(0);
        replica.assert_equal();
        replica
    }

    fn run(&self, args: &[&str]) -> ProgramExit {
        let folder = self.folder.path().display();
        let etl = format!("[etl]\nrecord_dir = '{folder}/runs'\nprometheus_file = '{folder}/replica.prom'");
        let tool = Program::new(BINARY).between(&self.pair);
        tool.file("replica.toml", &CONFIG.replace("$etl", &etl)).run(args)
    }

    #[track_caller]
    fn assert_equal(&self) {
        for sql in [
            "SELECT id FROM dbo.kinds ORDER BY id",
            "SELECT id, kind FROM dbo.orders ORDER BY id",
            "SELECT id, ordered FROM dbo.lines ORDER BY id",
        ] {
            self.pair.assert_equal(sql);
        }
    }

    /// The record's lines of the last run.
    fn record(&self) -> Vec<Value> {
        let file = std::fs::read_dir(self.folder.path().join("runs")).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let last = lines.iter().rposition(|line| line["table"].is_null()).unwrap();
        let before = lines[..last].iter().rposition(|line| line["table"].is_null()).map_or(0, |at| at + 1);
        lines.drain(before..=last).collect()
    }
}

/// Table, window, outcome and rows of each line; tables that do not wait for each other come in any order.
fn told(run: &ProgramExit) -> Vec<String> {
    let mut told: Vec<String> = run.lines().iter().map(|line| line[..4].join(" ")).collect();
    told.sort();
    told
}

#[test]
fn changes_arrive_within_the_run_and_nothing_else_is_written() {
    let replica = KeptReplica::kept();
    let pair = &replica.pair;
    // What a replacement would bring back.
    pair.target("UPDATE dbo.lines SET ordered = NULL WHERE id = 20");
    pair.source("INSERT INTO dbo.kinds VALUES (3); INSERT INTO dbo.orders VALUES (3, 3); DELETE FROM dbo.lines WHERE id = 10");
    let run = replica.run(&["--t0"]).exits(0).says("3 of 3 tables refreshed");
    assert_eq!(told(&run), ["dbo.kinds  ok 3", "dbo.lines changes ok 1", "dbo.orders changes ok 1"], "{run}");
    assert_eq!(run.lines()[0][0], "dbo.kinds", "the new parent comes first\n{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.lines WHERE ordered IS NULL"), 1);

    let record = replica.record();
    let lines = record.iter().find(|line| line["table"] == "dbo.lines").unwrap();
    assert_eq!((&lines["window"], &lines["outcome"]), (&Value::from("changes"), &Value::from("ok")));
    let changes = &lines["changes"];
    assert_eq!((&changes["deleted"], &changes["inserted"]), (&Value::from(1), &Value::from(0)));
    let as_of = changes["as_of"].as_str().unwrap();
    assert!(changes["lag"].as_f64().is_some() && as_of.starts_with("20"), "{changes}");
    let version =
        pair.target.client().number("SELECT version FROM replica.versions WHERE table_name = 'lines'");
    assert_eq!(changes["version"], version);
    assert!(record[0].get("changes").is_none(), "a replaced table has none: {}", record[0]);
    let figures = std::fs::read_to_string(replica.folder.path().join("replica.prom")).unwrap();
    let figure = |name: &str| {
        let series = format!("{name}{{run=\"t0\",table=\"dbo.lines\"}} ");
        let value = figures.lines().find_map(|line| line.strip_prefix(&series));
        value.unwrap_or_else(|| panic!("{name}\n{figures}")).parse::<f64>().unwrap()
    };
    assert!(figure("replica_table_as_of_timestamp_seconds") > 1_700_000_000.0);
    assert!(figure("replica_table_lag_seconds") < 600.0);
    assert_eq!((figure("replica_table_rows"), figure("replica_table_success")), (1.0, 1.0));

    // Other days than today replace the table; its changes come once more, to the same rows.
    let replaced = replica.run(&["--t1"]).exits(0);
    assert_eq!(told(&replaced), ["dbo.kinds  ok 3", "dbo.lines  ok 1"], "{replaced}");
    replica.assert_equal();
    replica.run(&["--t0"]).exits(0);
    replica.assert_equal();
}

#[test]
fn what_would_be_carried_over_is_said_and_not_done() {
    let replica = KeptReplica::new();
    let explained = replica.run(&["--t0", "--explain"]).exits(0).says("no version is on record");
    let lines = explained.lines();
    assert_eq!((lines[1][0], lines[1][3]), ("dbo.orders", "after dbo.kinds"), "{explained}");
    replica.run(&["--t0"]).exits(0);
    replica.pair.source("DELETE FROM dbo.lines");
    replica.run(&["--t0", "--explain"]).exits(0).says("changes since version ").says("(change-tracking)");
    assert_eq!(replica.pair.target.client().number("SELECT COUNT(*) FROM dbo.lines"), 2);
}

#[test]
fn a_child_whose_parent_is_not_there_yet_is_carried_over_once_more() {
    let replica = KeptReplica::kept();
    let pair = &replica.pair;
    // The old row of a child holds the parent; it is only gone with the changes.
    pair.source("INSERT INTO dbo.lines VALUES (30, 2); DELETE FROM dbo.lines WHERE id = 30");
    pair.source("UPDATE dbo.orders SET kind = 1; DELETE FROM dbo.kinds WHERE id = 2");
    pair.target("UPDATE dbo.orders SET kind = 2 WHERE id = 1");
    pair.source("UPDATE dbo.orders SET kind = NULL WHERE id = 1");
    let run = replica.run(&["--t0"]).exits(0).says("dbo.kinds: once more");
    assert!(run.says("3 of 3").lines().iter().all(|line| line[2] == "ok"));
    replica.assert_equal();
}

#[test]
fn tables_that_another_process_keeps_are_left_to_it() {
    let replica = KeptReplica::kept();
    let pair = &replica.pair;
    let keeper = Program::beside(BINARY, "replicate-changes").between(pair);
    let mut keeper = keeper.start(&["dbo.orders", "--every", "1h"]);
    keeper.until_it_says("in step");
    pair.source("INSERT INTO dbo.kinds VALUES (4)");
    let run = replica.run(&["--t0"]).exits(4).says("another process keeps dbo.orders");
    assert_eq!(told(&run)[0], "dbo.kinds  ok 3", "{run}");
    pair.assert_equal("SELECT id FROM dbo.kinds ORDER BY id");
    let quiet = replica.run(&["--t0", "--quiet"]).exits(4);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""), "{quiet}");
    keeper.signal("TERM");
    keeper.finish().exits(143);
    replica.run(&["--t0"]).exits(0);
    replica.assert_equal();
}

#[test]
fn changes_alone_are_of_no_other_day() {
    let replica = KeptReplica::new();
    let tool = Program::new(BINARY).between(&replica.pair);
    let tool = tool.file("replica.toml", "change_tables = ['dbo.orders']\n");
    tool.run(&["--t1"]).exits(2).says("--t0 alone");
    replica.pair.target("INSERT INTO dbo.kinds VALUES (1), (2)");
    tool.run(&["--t0"]).exits(0).says("1 of 1 tables refreshed");
    replica.pair.assert_equal("SELECT id, kind FROM dbo.orders ORDER BY id");
}
