//! `--as-of-ledger`: what the version that was applied last promises.
use replica_testkit::{Pair, Program};

use crate::util::{findings, tool, verify, windows};

fn carry(pair: &Pair) {
    let changes = Program::beside(env!("CARGO_BIN_EXE_verify-replica"), "replicate-changes");
    changes.between(pair).run(&["dbo.t"]).exits(0);
}

/// dbo.t with three rows on both sides and a version on record.
fn kept(columns: &str) -> Pair {
    let pair = Pair::new();
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    pair.both(&format!("CREATE TABLE dbo.t ({columns})"));
    pair
}

fn tracked() -> Pair {
    let pair = kept("id int NOT NULL PRIMARY KEY, day date NOT NULL, label varchar(20) NULL");
    pair.source("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
    pair.source("INSERT INTO dbo.t VALUES (1, '2024-01-01', 'one'), (2, '2024-01-02', 'two'), (3, '2024-02-03', 'three')");
    carry(&pair);
    pair.source("UPDATE dbo.t SET label = 'eins' WHERE id = 1");
    carry(&pair);
    pair
}

const PROMISED: [&str; 2] = ["dbo.t", "--as-of-ledger"];

#[test]
fn what_changed_since_the_version_is_behind_and_not_different() {
    let pair = tracked();
    assert_eq!(windows(&verify(&pair, &PROMISED, 0))[0][2], "equal");
    pair.source(
        "INSERT INTO dbo.t VALUES (4, '2024-01-04', 'four'); UPDATE dbo.t SET label = 'zwei' WHERE id = 2",
    );
    pair.source("DELETE FROM dbo.t WHERE id = 3");
    let run = verify(&pair, &PROMISED, 0);
    let line = &windows(&run)[0];
    assert_eq!(line[2..9], ["behind", "3", "3", "0", "0", "0", "3"], "{run}");
    assert!(findings(&run).iter().all(|finding| finding[0] == "newer"), "{run}");
    // As it is, it is another matter.
    verify(&pair, &["dbo.t"], 1);
    // What the version promises and the target does not keep.
    pair.target("UPDATE dbo.t SET label = 'tampered' WHERE id = 1");
    let run = verify(&pair, &PROMISED, 1);
    assert_eq!(windows(&run)[0][2..9], ["different", "3", "3", "0", "0", "1", "3"], "{run}");
    pair.target(
        "UPDATE dbo.t SET label = 'eins' WHERE id = 1; INSERT INTO dbo.t VALUES (9, '2024-01-01', 'extra')",
    );
    let run = verify(&pair, &PROMISED, 1);
    assert_eq!(windows(&run)[0][2..9], ["different", "3", "4", "0", "1", "0", "3"], "{run}");
    pair.target("DELETE FROM dbo.t WHERE id = 9");
    carry(&pair);
    assert_eq!(windows(&verify(&pair, &PROMISED, 0))[0][2], "equal");
}

#[test]
fn a_row_that_moved_to_another_window_is_newer_in_both() {
    let pair = tracked();
    pair.source("UPDATE dbo.t SET day = '2024-02-01' WHERE id = 2");
    let days = ["--start-date=2024-01-01", "--end-date=2024-02-29"];
    let run = verify(&pair, &[&PROMISED[..], &days].concat(), 0);
    let found: Vec<_> = windows(&run).iter().map(|line| (line[1].to_owned(), line[2].to_owned())).collect();
    assert_eq!(found.len(), 2, "{run}");
    assert!(found.iter().all(|(_, outcome)| outcome == "behind"), "{run}");
}

#[test]
fn rowversions_tell_what_is_newer() {
    let pair = kept("id int NOT NULL PRIMARY KEY, label varchar(20) NULL, stamp rowversion");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, 'one'), (2, 'two')");
    carry(&pair);
    pair.source(
        "UPDATE dbo.t SET label = 'zwei' WHERE id = 2; INSERT INTO dbo.t (id, label) VALUES (3, 'three')",
    );
    let run = verify(&pair, &PROMISED, 0);
    assert_eq!(windows(&run)[0][2..9], ["behind", "3", "2", "0", "0", "0", "2"], "{run}");
    pair.target("DELETE FROM dbo.t WHERE id = 1");
    let run = verify(&pair, &PROMISED, 1);
    assert_eq!(windows(&run)[0][2..9], ["different", "3", "1", "1", "0", "0", "2"], "{run}");
}

#[test]
fn a_version_that_says_nothing_is_no_promise() {
    let pair = tracked();
    pair.source("TRUNCATE TABLE dbo.t");
    tool(&pair).run(&PROMISED).exits(1).says("does not hold").says("Run replicate-changes");
    let pair = tracked();
    pair.both("ALTER TABLE dbo.t ADD more int NULL");
    tool(&pair).run(&PROMISED).exits(1).says("other columns");
    pair.target("DELETE FROM replica.versions");
    tool(&pair).run(&PROMISED).exits(1).says("the ledger has no version of dbo.t");
    tool(&pair).run(&["dbo.t", "--as-of-ledger", "--against-ledger"]).exits(2);
}
