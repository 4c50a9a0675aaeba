//! Changes that rows tell of by their rowversion, and rows that are gone.
use replica_testkit::Pair;

use crate::util::{ROWS, assert_others, carried, outcomes, shown, tool};

/// `dbo.t (id, label, stamp)` with three rows on both sides, and a version on record.
fn stamped() -> Pair {
    let pair = Pair::new();
    pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL, stamp rowversion)");
    pair.both("CREATE TABLE dbo.other (id int NOT NULL)");
    pair.both("INSERT INTO dbo.other VALUES (1)");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    let first = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(outcomes(&first), ["dbo.t ok compared 3 0 0"], "{first}");
    pair.assert_equal(ROWS);
    pair
}

#[test]
fn inserts_updates_and_deletes_arrive() {
    let pair = stamped();
    pair.source("INSERT INTO dbo.t (id) VALUES (4); UPDATE dbo.t SET label = 'zwei' WHERE id = 2; DELETE FROM dbo.t WHERE id = 3");
    carried(&pair, [1, 1, 1]);
    pair.assert_equal(ROWS);
    pair.source("UPDATE dbo.t SET id = 40 WHERE id = 4");
    carried(&pair, [1, 0, 1]);
    pair.assert_equal(ROWS);
    assert_others(&pair);
    carried(&pair, [0, 0, 0]);
}

#[test]
fn a_late_commit_is_not_lost() {
    let pair = stamped();
    let mut late = pair.source.client();
    late.batch("BEGIN TRANSACTION; INSERT INTO dbo.t (id, label) VALUES (100, 'late')");
    // Committed later than the one before began: it waits for it.
    pair.source("INSERT INTO dbo.t (id, label) VALUES (5, 'early')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    late.batch("COMMIT TRANSACTION");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn deletes_are_sought_as_often_as_asked() {
    let pair = stamped();
    pair.source("DELETE FROM dbo.t WHERE id = 3; UPDATE dbo.t SET label = 'x' WHERE id = 1");
    let never = tool(&pair).run(&["dbo.t", "--deletes", "never"]).exits(0);
    assert_eq!(outcomes(&never), ["dbo.t ok changes 0 1 0"], "{never}");
    assert!(never.stdout.contains("deletes not sought"), "{never}");
    // The comparison of today has sought them.
    let daily = tool(&pair).run(&["dbo.t", "--deletes", "daily"]).exits(0);
    assert!(daily.stdout.contains("deletes not sought"), "{daily}");
    assert_eq!(shown(&pair, "SELECT id FROM dbo.t ORDER BY id"), ["1", "2", "3"]);
    pair.target("UPDATE replica.versions SET deletes_as_of = DATEADD(day, -1, deletes_as_of)");
    let daily = tool(&pair).run(&["dbo.t", "--deletes", "daily"]).exits(0);
    assert_eq!(outcomes(&daily), ["dbo.t ok changes 0 0 1"], "{daily}");
    pair.assert_equal(ROWS);
}

#[test]
fn many_rows_that_are_gone() {
    let pair = stamped();
    let mut source = pair.source.client();
    for n in 0..12 {
        source.run(&format!("INSERT INTO dbo.t (id, label) SELECT id + {}, 'more' FROM dbo.t", 3 << n));
    }
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("DELETE FROM dbo.t WHERE id % 3 = 0");
    carried(&pair, [0, 0, 1 << 12]);
    pair.assert_equal(ROWS);
}

#[test]
fn a_counter_that_went_back_is_noticed() {
    let pair = stamped();
    pair.target("UPDATE replica.versions SET version = version + 100000");
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    let run = tool(&pair).run(&["dbo.t"]).exits(0).says("restored");
    assert!(outcomes(&run)[0].starts_with("dbo.t ok compared"), "{run}");
    pair.assert_equal(ROWS);
}
