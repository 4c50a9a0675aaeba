//! `schema` in `[etl]`: the tables are compared before any is copied.
use replica_testkit::{Pair, Program};

fn tool(pair: &Pair, etl: &str) -> Program {
    let config = format!("reference_tables = ['dbo.t']\n[etl]\n{etl}\n");
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair).file("replica.toml", &config)
}

/// The source has a longer column, and one more.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) NULL, b int NULL) INSERT INTO dbo.t VALUES (1, 'twelve chars', 2)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, a varchar(5) NULL)");
    pair
}

#[test]
fn a_report_warns_and_changes_nothing() {
    let pair = pair();
    let run = tool(&pair, "schema = 'report'").run(&["--t0"]).exits(1);
    let run = run.says("column a: varchar(5), wanted varchar(20)").says("column b: the target lacks");
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID('dbo.t')"),
        2,
        "{run}"
    );
    tool(&pair, "schema = 'all'").run(&["--t0"]).exits(2);
}

#[test]
fn what_is_safe_is_changed_first() {
    let pair = pair();
    tool(&pair, "schema = 'safe'").run(&["--t0"]).exits(0).says("column b changed");
    pair.assert_equal("SELECT id, a, b FROM dbo.t");
}
