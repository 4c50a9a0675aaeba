//! verify-replica compares by the ranges on record, narrows down and repairs.
use replica_testkit::{Pair, Program};

use crate::util::{copy, filled};

pub fn verify(pair: &Pair) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_replicate-key-ranges-parallel-streaming"), "verify-replica")
        .between(pair)
}

#[test]
fn what_differs_is_found_in_its_range_and_mended() {
    let pair = filled(
        "k int NOT NULL CONSTRAINT PK_t PRIMARY KEY, w varchar(9) NULL",
        "n, CAST(n AS varchar(9))",
        9,
    );
    verify(&pair).run(&["dbo.t", "--key-ranges"]).exits(1).says("the ledger has no ranges of it");
    copy(&pair, &["--ranges", "6"]);
    let run = verify(&pair).run(&["dbo.t", "--key-ranges"]).exits(0);
    assert_eq!(run.lines().len(), 6, "{run}");
    verify(&pair).run(&["dbo.t", "--key-ranges", "--against-ledger"]).exits(0);
    pair.target("UPDATE dbo.t SET w = 'wrong' WHERE k = 300; DELETE FROM dbo.t WHERE k = 301; INSERT INTO dbo.t VALUES (1000, 'more')");
    let run = verify(&pair).run(&["dbo.t", "--key-ranges", "--show-rows", "3", "--output", "text"]).exits(1);
    for part in ["wrong", "1000", "301"] {
        assert!(run.stdout.contains(part), "{part}\n{run}");
    }
    verify(&pair).run(&["dbo.t", "--key-ranges", "--against-ledger"]).exits(1);
    let run = verify(&pair).run(&["dbo.t", "--key-ranges", "--repair"]).exits(0);
    assert_eq!(run.lines().len(), 8, "two ranges twice\n{run}");
    pair.assert_equal("SELECT k, w FROM dbo.t ORDER BY k");
    pair.target("DELETE FROM dbo.t WHERE k < 20");
    verify(&pair).run(&["dbo.t", "--key-ranges", "--repair", "windows"]).exits(0);
    pair.assert_equal("SELECT k, w FROM dbo.t ORDER BY k");
}

#[test]
fn a_report_has_a_table_of_ranges() {
    let pair = filled("k int NOT NULL CONSTRAINT PK_t PRIMARY KEY, w varchar(9) NULL", "n, 'x'", 9);
    copy(&pair, &["--ranges", "4"]);
    pair.target("UPDATE dbo.t SET w = 'y' WHERE k = 3");
    let program = verify(&pair);
    program.run(&["dbo.t", "--key-ranges", "--report", "page.html"]).exits(1);
    let page = std::fs::read_to_string(program.folder().join("page.html")).unwrap();
    assert!(page.contains("verify-replica dbo.t --key-ranges --repair"), "{page}");
}

/// Only the rows that differ are written.
#[test]
fn differences_are_applied_range_by_range() {
    let pair = filled(
        "k int NOT NULL CONSTRAINT PK_t PRIMARY KEY, w varchar(9) NULL",
        "n, CAST(n AS varchar(9))",
        9,
    );
    copy(&pair, &["--ranges", "6"]);
    pair.source("UPDATE dbo.t SET w = 'new' WHERE k IN (1, 400); DELETE FROM dbo.t WHERE k = 2; INSERT INTO dbo.t VALUES (-1, 'x')");
    copy(&pair, &["--ranges", "6", "--apply", "difference"]).says("1 rows deleted, 1 updated, 1 inserted");
    pair.assert_equal("SELECT k, w FROM dbo.t ORDER BY k");
}
