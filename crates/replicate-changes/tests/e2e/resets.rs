//! Versions that do not hold: noticed before anything is applied, and answered.
use crate::util::{ROWS, assert_others, carried, compared, kept, outcomes, shown, tool, versions};
use replica_testkit::Pair;

/// As [`kept`], at a version that is not the first.
fn kept_for_a_while() -> Pair {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'eins' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    pair
}

#[test]
fn truncate_is_noticed() {
    let pair = kept_for_a_while();
    pair.source("TRUNCATE TABLE dbo.t; INSERT INTO dbo.t VALUES (1, 'eins'), (2, 'two'), (7, 'seven')");
    let (before, on_record) = (shown(&pair, ROWS), versions(&pair));
    let failed = tool(&pair).run(&["dbo.t", "--on-reset", "fail"]).exits(1);
    failed.says("truncated").says("--on-reset compare");
    assert_eq!((shown(&pair, ROWS), versions(&pair)), (before, on_record));
    compared(&pair, "truncated");
    pair.assert_equal(ROWS);
    assert_others(&pair);
    // The version is again the one since which changes are tracked.
    pair.source("TRUNCATE TABLE dbo.t");
    let shrunk = tool(&pair).run(&["dbo.t"]).exits(1);
    shrunk.says("rows would be lost");
    let run = tool(&pair).run(&["dbo.t", "--allow-shrink"]).exits(0);
    assert_eq!(outcomes(&run), ["dbo.t ok compared 0 0 3"], "{run}");
    assert_eq!(shown(&pair, ROWS), [""; 0]);
}

#[test]
fn truncate_right_after_tracking_began_is_noticed() {
    let pair = kept();
    pair.source("TRUNCATE TABLE dbo.t");
    tool(&pair).run(&["dbo.t", "--allow-shrink"]).exits(0).says("truncated");
    assert_eq!(shown(&pair, ROWS), [""; 0]);
    pair.source("INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    // And with as many rows as before.
    let pair = kept();
    pair.source("TRUNCATE TABLE dbo.t; INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two'), (4, 'four')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
}

#[test]
fn tracking_that_was_off_and_on_is_noticed() {
    let pair = kept_for_a_while();
    pair.source("ALTER TABLE dbo.t DISABLE CHANGE_TRACKING");
    pair.source("UPDATE dbo.t SET label = 'unseen' WHERE id = 2; DELETE FROM dbo.t WHERE id = 3");
    let off = tool(&pair).run(&["dbo.t"]).exits(1);
    off.says("does not track").says("ALTER TABLE [dbo].[t] ENABLE CHANGE_TRACKING");
    pair.source("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    // The whole database.
    pair.source(
        "ALTER TABLE dbo.t DISABLE CHANGE_TRACKING; ALTER DATABASE CURRENT SET CHANGE_TRACKING = OFF",
    );
    pair.source("UPDATE dbo.t SET label = 'unseen, too' WHERE id = 2");
    tool(&pair).run(&["dbo.t"]).exits(1).says("does not track");
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    pair.source("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn tables_that_were_made_again_are_noticed() {
    let pair = kept_for_a_while();
    pair.source("DROP TABLE dbo.t; CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL)");
    pair.source(
        "ALTER TABLE dbo.t ENABLE CHANGE_TRACKING; INSERT INTO dbo.t VALUES (1, 'eins'), (2, 'anew')",
    );
    compared(&pair, "the source's table was dropped");
    pair.assert_equal(ROWS);
    pair.target("DROP TABLE dbo.t; CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL)");
    compared(&pair, "the target's table was dropped");
    pair.assert_equal(ROWS);
}

#[test]
fn a_new_column_brings_what_it_holds() {
    let pair = kept_for_a_while();
    pair.source("ALTER TABLE dbo.t ADD more int NOT NULL DEFAULT 7");
    pair.target("ALTER TABLE dbo.t ADD more int NULL");
    compared(&pair, "other columns");
    pair.assert_equal("SELECT id, label, more FROM dbo.t ORDER BY id");
    pair.source("UPDATE dbo.t SET more = 8 WHERE id = 1");
    carried(&pair, [0, 1, 0]);
    pair.assert_equal("SELECT id, label, more FROM dbo.t ORDER BY id");
}

#[test]
fn a_version_ahead_of_the_source_is_noticed() {
    let pair = kept_for_a_while();
    // What a restored backup looks like: the source is behind what was applied.
    pair.target("UPDATE replica.versions SET version = version + 100");
    pair.source("UPDATE dbo.t SET label = 'other' WHERE id = 2");
    let failed = tool(&pair).run(&["dbo.t", "--on-reset=fail"]).exits(1);
    failed.says("restored");
    compared(&pair, "restored");
    pair.assert_equal(ROWS);
    // Above: another fork tells.
    pair.target("UPDATE replica.versions SET fork = '00000000-0000-0000-0000-000000000001'");
    compared(&pair, "restored, or has failed over");
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn a_ledger_without_the_version_begins_anew() {
    let pair = kept_for_a_while();
    pair.target("DELETE FROM replica.versions; DELETE FROM dbo.t WHERE id = 1");
    compared(&pair, "no version of it is on record");
    pair.assert_equal(ROWS);
}
