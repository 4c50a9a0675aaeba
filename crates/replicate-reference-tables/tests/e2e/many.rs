//! Tables by patterns.
use replica_testkit::{Pair, ProgramExit};

use crate::util::tool;

/// Tables of two schemas, a view and a temporal table at the source, and all of them as tables at the target.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE SCHEMA s");
    for table in ["dbo.a", "dbo.b", "dbo.tmp_1", "dbo.[x*y]", "dbo.xzy", "s.fact_1", "s.fact_10", "s.log_1"] {
        pair.both(&format!("CREATE TABLE {table} (id int NOT NULL PRIMARY KEY)"));
        pair.source(&format!("INSERT INTO {table} VALUES (1), (2)"));
        pair.target(&format!("INSERT INTO {table} VALUES (901)"));
    }
    pair.source("CREATE VIEW s.fact_v AS SELECT id FROM s.fact_1");
    pair.target("CREATE TABLE s.fact_v (id int NOT NULL)");
    pair
}

/// The tables of the lines, in order.
fn tables(run: &ProgramExit) -> Vec<&str> {
    let mut tables: Vec<_> = run.lines().iter().map(|line| line[0]).collect();
    tables.sort_unstable();
    tables
}

/// The tables that have the source's rows in the target.
fn replaced(pair: &Pair) -> Vec<&'static str> {
    let tables = ["dbo.a", "dbo.b", "dbo.tmp_1", "dbo.[x*y]", "dbo.xzy", "s.fact_1", "s.fact_10", "s.log_1"];
    let mut target = pair.target.client();
    let mut is_replaced = |table: &&str| target.number(&format!("SELECT MIN(id) FROM {table}")) == 1;
    tables.into_iter().filter(|table| is_replaced(table)).collect()
}

#[test]
fn patterns_choose_tables_and_exclusions_win() {
    let pair = pair();
    let run = tool(&pair).run(&["s.FACT_?", "dbo.*", "!dbo.tmp_*", "!b"]).exits(0);
    assert_eq!(tables(&run), ["dbo.[x*y]", "dbo.a", "dbo.xzy", "s.fact_1"]);
    assert_eq!(replaced(&pair), ["dbo.a", "dbo.[x*y]", "dbo.xzy", "s.fact_1"]);
    run.says("the tables: 4 by their patterns: s.fact_1, dbo.a, dbo.[x*y], dbo.xzy");
}

#[test]
fn what_is_quoted_is_meant_as_it_is() {
    let pair = pair();
    tool(&pair).run(&["dbo.[x*y]"]).exits(0);
    assert_eq!(replaced(&pair), ["dbo.[x*y]"]);
    tool(&pair).run(&["s.*", "!s.[log_*]"]).exits(0).says("leaves nothing out");
    assert_eq!(replaced(&pair), ["dbo.[x*y]", "s.fact_1", "s.fact_10", "s.log_1"]);
}

#[test]
fn a_pattern_without_tables_is_an_error_before_anything_is_touched() {
    let pair = pair();
    for args in [&["dbo.a", "s.dim_*"][..], &["fact_*"], &["!dbo.*"], &["dbo.t*", "!dbo.tmp_1"]] {
        tool(&pair).run(args).exits(2);
    }
    assert_eq!(replaced(&pair), [""; 0]);
}

#[test]
fn lists_of_the_configuration_have_patterns_and_explain_shows_what_they_choose() {
    let pair = pair();
    let lists =
        "reference_tables = ['dbo.*', 's.fact_v', 's.*', '!*.tmp_*', '!dbo.x*']\ndate_tables = ['s.log_1']\n";
    let run = tool(&pair).file("replica.toml", lists).run(&["--all", "--explain"]).exits(0);
    let mut explained = tables(&run);
    explained.dedup();
    assert_eq!(explained, ["dbo.a", "dbo.b", "s.fact_1", "s.fact_10", "s.fact_v"]);
    assert_eq!(replaced(&pair), [""; 0]);
    tool(&pair).file("replica.toml", lists).stdin("!s.*\n").run(&["--all", "-"]).exits(0);
    assert_eq!(replaced(&pair), ["dbo.a", "dbo.b"]);
}
