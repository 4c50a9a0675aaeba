//! What a refresh would destroy although nobody asked for it: refused, table by table, before anything is written.
use std::time::Duration;

use replica_testkit::proxy::{From, Harm, Rule, through, utf16};
use replica_testkit::{Pair, Program, Server};

/// dbo.r (id), a reference table, and dbo.t (id, day), by days.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.r (id int NOT NULL PRIMARY KEY)");
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL)");
    pair.both("INSERT INTO dbo.r VALUES (1), (2)");
    pair.both("INSERT INTO dbo.t VALUES (1, '2024-01-30'), (2, '2024-01-31')");
    pair
}

fn tool(pair: &Pair, more: &str) -> Program {
    let config = format!("reference_tables = ['dbo.r']\ndate_tables = ['dbo.t']\n{more}");
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair).file("replica.toml", &config)
}

const DAY: [&str; 4] = ["--as-of", "2024-01-31", "--look-back", "1"];

#[track_caller]
fn rows(pair: &Pair, sql: &str) -> Vec<String> {
    pair.target.client().values(sql).concat()
}

#[test]
fn columns_that_the_source_has_not_keep_their_values() {
    let pair = pair();
    for table in ["r", "t"] {
        pair.target(&format!("ALTER TABLE dbo.{table} ADD note varchar(9) NULL"));
        pair.target(&format!("UPDATE dbo.{table} SET note = 'kept'"));
    }
    let run = tool(&pair, "").run(&DAY).exits(1);
    let outcomes: Vec<_> = run.lines().iter().map(|line| (line[0].to_owned(), line[2].to_owned())).collect();
    let failed = |table: &str| (table.to_owned(), "failed".to_owned());
    assert_eq!(outcomes, [failed("dbo.r"), failed("dbo.t")], "{run}");
    assert_eq!(run.stdout.matches("no columns note,").count(), 2, "{run}");
    for table in ["r", "t"] {
        assert_eq!(pair.target.client().number(&format!("SELECT COUNT(note) FROM dbo.{table}")), 2, "{run}");
    }
    let settings =
        "[tables.'dbo.r']\nfill_missing_columns = true\n[tables.'dbo.t']\nfill_missing_columns = true\n";
    let run = tool(&pair, settings).run(&DAY).exits(0);
    run.says("WARN  dbo.r: column note is in the target only").says("WARN  dbo.t: column note is in");
    assert_eq!(rows(&pair, "SELECT note FROM dbo.t"), ["String(None)"; 2]);
}

#[test]
fn an_empty_source_empties_nothing() {
    let pair = pair();
    pair.source("DELETE FROM dbo.r");
    pair.source("DELETE FROM dbo.t WHERE id = 2");
    let before = rows(&pair, "SELECT id FROM dbo.r UNION ALL SELECT id FROM dbo.t");
    let run = tool(&pair, "").run(&DAY).exits(1);
    let run = run.says("the source has 0 rows for the 2 that the target holds");
    let run = run.says("window 2024-01-31: the source has 0 rows for the 1 that the target holds");
    assert_eq!(rows(&pair, "SELECT id FROM dbo.r UNION ALL SELECT id FROM dbo.t"), before, "{run}");

    let table = "[tables.'dbo.t']\nallow_shrink = true\n";
    let run = tool(&pair, table).run(&DAY).exits(1).says("the source has 0 rows for the 2");
    assert_eq!(rows(&pair, "SELECT id FROM dbo.t"), ["I32(Some(1))"], "{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.r"), 2, "{run}");
    tool(&pair, "[etl]\nallow_shrink = 99\n").run(&DAY).exits(1).says("the source has 0 rows for the 2");
    tool(&pair, "[etl]\nallow_shrink = true\n").run(&DAY).exits(0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.r"), 0);
}

#[test]
fn what_may_be_lost_can_be_said_for_once() {
    let pair = pair();
    pair.source("DELETE FROM dbo.r");
    tool(&pair, "[etl]\nallow_shrink = false\n").run(&DAY).exits(1);
    tool(&pair, "").run(&[&DAY[..], &["--allow-shrink", "--only", "dbo.r"]].concat()).exits(0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.r"), 0);
}

/// Whatever is asked when the connection breaks, the night goes on: the question is asked once more on another one.
#[test]
fn a_connection_that_breaks_at_a_question_of_the_catalog_is_made_again() {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.r (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.r VALUES (1), (2)");
    for (side, database) in [("REPLICA_SOURCE", &pair.source), ("REPLICA_TARGET", &pair.target)] {
        for asked in ["SERVERPROPERTY(", "sys.columns"] {
            pair.target("DELETE FROM dbo.r");
            let rule = Rule { from: From::Client, pattern: utf16(asked), harm: Harm::HangUp(8), times: 1 };
            let (proxy, through) = through(&database.connection, rule).unwrap();
            let config = "reference_tables = ['dbo.r']\n";
            let tool = Program::new(env!("CARGO_BIN_EXE_run-replica-etl"))
                .between(&pair)
                .file("replica.toml", config);
            let run = tool.with(side, &through).run(&DAY).exits(0);
            assert!(proxy.has_struck(Duration::ZERO), "{side} is not asked for {asked}\n{run}");
            pair.assert_equal("SELECT id FROM dbo.r ORDER BY id");
        }
    }
}
