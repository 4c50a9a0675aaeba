//! Versions that do not hold: noticed before anything is applied, and answered.
use replica_testkit::{Pair, Server};

use crate::util::{
    ROWS, assert_others, carried, compared, fault, kept, kept_on, outcomes, pair, shown, tool, track,
    tracking, versions,
};

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
fn truncated_partitions_are_noticed() {
    let pair = pair();
    let parts = [
        "CREATE PARTITION FUNCTION by_id (int) AS RANGE LEFT FOR VALUES (2)",
        "CREATE PARTITION SCHEME by_id AS PARTITION by_id ALL TO ([PRIMARY])",
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL) ON by_id (id)",
        "CREATE TABLE dbo.other (id int NOT NULL)",
        "INSERT INTO dbo.other VALUES (1)",
    ];
    parts.iter().for_each(|sql| pair.both(sql));
    track(&pair, "dbo.t");
    pair.source("INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    compared(&pair, "no version");
    pair.source("UPDATE dbo.t SET label = 'drei' WHERE id = 3");
    carried(&pair, [0, 1, 0]);
    // As many rows as before, two of which no change tells of.
    pair.source(
        "TRUNCATE TABLE dbo.t WITH (PARTITIONS (1)); INSERT INTO dbo.t VALUES (0, 'zero'), (1, 'eins')",
    );
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    assert_others(&pair);
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

#[test]
fn a_weekend_without_a_round_is_noticed() {
    let pair = kept_for_a_while();
    pair.source("UPDATE dbo.t SET label = 'on friday' WHERE id = 2; DELETE FROM dbo.t WHERE id = 3");
    pair.source("EXEC sp_sandbox_cleanup @minutes = 5000");
    pair.source("UPDATE dbo.t SET label = 'on monday' WHERE id = 1");
    pair.source("EXEC sp_sandbox_cleanup @minutes = 10000");
    let (before, on_record) = (shown(&pair, ROWS), versions(&pair));
    tool(&pair).run(&["dbo.t", "--on-reset=fail"]).exits(1).says("retention");
    assert_eq!((shown(&pair, ROWS), versions(&pair)), (before, on_record));
    compared(&pair, "retention");
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn a_restored_source_is_noticed_below_and_above() {
    for below in [true, false] {
        let pair = kept_for_a_while();
        let version = if below { 0 } else { 1000 };
        pair.source(&format!("EXEC sp_sandbox_restore @version = {version}"));
        pair.source("DELETE FROM dbo.t; INSERT INTO dbo.t VALUES (1, 'restored'), (2, 'two'), (8, 'other')");
        compared(&pair, "restored");
        pair.assert_equal(ROWS);
        assert_others(&pair);
    }
}

/// Azure SQL, and a login without VIEW ANY DATABASE. A restore makes another database there, which is then renamed.
#[test]
fn a_restored_source_whose_fork_nobody_sees_is_noticed_by_its_creation() {
    let pair = tracking(Pair::on(Server::sandbox()));
    let plant = |pair: &Pair, what: &str, set: &str| {
        let id = pair.source.client().number("SELECT CAST(DB_ID() AS int)");
        pair.source(&format!("EXEC sp_sandbox_plant '{what}', @set = '{set}', @where = 'database_id={id}'"));
    };
    plant(&pair, "sys.database_recovery_status", "recovery_fork_guid=NULL");
    let pair = kept_on(pair);
    pair.source("UPDATE dbo.t SET label = 'eins' WHERE id = 1");
    carried(&pair, [0, 1, 0]);
    pair.source("EXEC sp_sandbox_restore @version = 1000");
    pair.source("DELETE FROM dbo.t; INSERT INTO dbo.t VALUES (1, 'restored'), (2, 'two'), (8, 'other')");
    plant(&pair, "sys.databases", "create_date=2031-01-01T00:00:00");
    compared(&pair, "created or renamed since");
    pair.assert_equal(ROWS);
    assert_others(&pair);
    let quiet = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(outcomes(&quiet), ["dbo.t ok quiet 0 0 0"], "{quiet}");
}

#[test]
fn a_readable_secondary_is_refused_by_name() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'changed' WHERE id = 1");
    let (before, on_record) = (shown(&pair, ROWS), versions(&pair));
    fault(&pair, "@fault = 'secondary_replica', @table = 'dbo.t', @count = 100");
    tool(&pair).run(&["dbo.t"]).exits(1).says("22117").says("secondary");
    assert_eq!((shown(&pair, ROWS), versions(&pair)), (before, on_record));
    fault(&pair, "@fault = 'none'");
    carried(&pair, [0, 1, 0]);
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn a_login_that_may_not_ask_is_told_what_it_needs() {
    let pair = kept_for_a_while();
    let name = format!("u_{}", pair.source.name);
    pair.server.client("master").batch(&format!("CREATE LOGIN [{name}] WITH PASSWORD = 'Reader-4711-pw'"));
    pair.source(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    pair.source(&format!("GRANT SELECT, VIEW CHANGE TRACKING ON dbo.t TO [{name}]"));
    let connection = pair.server.connection_as(&pair.source.name, &name, "Reader-4711-pw");
    let as_user = || tool(&pair).with("REPLICA_SOURCE", &connection);
    pair.source("UPDATE dbo.t SET label = 'seen' WHERE id = 2");
    as_user().run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    pair.source(&format!("REVOKE VIEW CHANGE TRACKING ON dbo.t FROM [{name}]"));
    pair.source("UPDATE dbo.t SET label = 'unseen' WHERE id = 2");
    let (before, on_record) = (shown(&pair, ROWS), versions(&pair));
    as_user().run(&["dbo.t"]).exits(1).says("GRANT VIEW CHANGE TRACKING ON [dbo].[t]");
    assert_eq!((shown(&pair, ROWS), versions(&pair)), (before, on_record), "it is no reason to compare");
    pair.source(&format!("GRANT VIEW CHANGE TRACKING ON dbo.t TO [{name}]"));
    as_user().run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    pair.server.client("master").batch(&format!("DROP LOGIN [{name}]"));
}
