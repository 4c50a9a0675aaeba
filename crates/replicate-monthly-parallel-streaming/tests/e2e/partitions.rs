//! A target that is partitioned on the date: windows are loaded beside it and switched in.
use replica_testkit::Pair;

use crate::util::{
    HALF_A_YEAR, all_months, assert_half_a_year, copy, fault, half_a_year, outcomes, pair, plain, retries,
    sandbox, tool,
};

/// dbo.t of [`pair`], with the target in monthly partitions; `None` where that cannot be.
fn partitioned(indexes: &str) -> Option<Pair> {
    partition(pair(""), indexes)
}

/// [`partitioned`], with the tables that are there.
pub fn partition(pair: Pair, indexes: &str) -> Option<Pair> {
    let pair = partition_by(pair, "int", indexes)?;
    pair.target(
        "INSERT INTO dbo.t (id, day, label) VALUES (-1, '2024-02-29', N'old'), (-2, '2024-07-01', N'stays')",
    );
    Some(pair)
}

/// The target in monthly partitions and empty, with what the column id is.
fn partition_by(pair: Pair, id: &str, indexes: &str) -> Option<Pair> {
    let mut target = pair.target.client();
    target.run("DROP TABLE dbo.t");
    let months = (1..=12).map(|month| format!("'2024-{month:02}-01'")).collect::<Vec<_>>().join(", ");
    for sql in [
        &format!("CREATE PARTITION FUNCTION by_month (date) AS RANGE RIGHT FOR VALUES ({months})"),
        "CREATE PARTITION SCHEME by_month AS PARTITION by_month ALL TO ([PRIMARY])",
        &format!(
            "CREATE TABLE dbo.t (id {id} NOT NULL, day date NOT NULL, label nvarchar(20) NULL) ON by_month (day)"
        ),
        indexes,
    ] {
        if let Err(error) = target.try_batch(sql) {
            eprintln!("skipped: {error}");
            return None;
        }
    }
    Some(pair)
}

/// SWITCH moves rows, not the number that the identity column has come to.
#[test]
fn the_next_number_comes_after_the_rows_that_were_switched_in() {
    for (id, before, next) in [
        ("int IDENTITY", "", "SELECT MAX(id) + 1 FROM dbo.t WHERE day < '2024-07-01'"),
        ("int IDENTITY(5000,10)", "INSERT INTO dbo.t (day) VALUES ('2024-11-01')", "SELECT 5010"),
        ("int IDENTITY(-1,-1)", "", "SELECT -1"),
    ] {
        let Some(pair) = partition_by(pair(""), id, "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else {
            return;
        };
        let mut target = pair.target.client();
        target.run(before);
        let run = copy(&pair, &["--max-workers", "3"]);
        assert_eq!(run.stderr.matches(" | SWITCH ").count(), 6, "{run}");
        let next = target.number(next);
        target.run("INSERT INTO dbo.t (day) VALUES ('2024-12-01')");
        assert_eq!(target.number("SELECT id FROM dbo.t WHERE day = '2024-12-01'"), next, "{id}\n{run}");
    }
}

/// What DBCC CHECKIDENT takes is more than ALTER.
#[test]
fn rows_are_switched_in_without_the_right_to_move_the_number_on() {
    let Some(pair) = partition_by(pair(""), "int IDENTITY", "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)")
    else {
        return;
    };
    let name = format!("u_{}", pair.target.name);
    let password = "Switcher-4711-pw";
    let create = format!("CREATE LOGIN [{name}] WITH PASSWORD = '{password}'");
    if let Err(error) = pair.server.client("master").try_batch(&create) {
        eprintln!("skipped: no logins here: {error}");
        return;
    }
    pair.target("CREATE SCHEMA replica");
    pair.target(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    for grant in [
        format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO [{name}]"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE, ALTER ON SCHEMA::replica TO [{name}]"),
        format!("GRANT CREATE TABLE TO [{name}]"),
    ] {
        pair.target(&grant);
    }
    let connection = pair.server.connection_as(&pair.target.name, &name, password);
    let program = tool(&pair).with("REPLICA_TARGET", &connection);
    let run = program.run(&HALF_A_YEAR).exits(0).says("could not be moved on past the new rows");
    assert_eq!(run.stderr.matches(" | SWITCH ").count(), 6, "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn months_change_places_with_their_partitions() {
    for indexes in [
        "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)",
        "ALTER TABLE dbo.t ADD CONSTRAINT PK_t PRIMARY KEY (day, id)",
        "CREATE CLUSTERED INDEX ix ON dbo.t (day, id); CREATE INDEX by_label ON dbo.t (label) INCLUDE (id)",
    ] {
        let Some(pair) = partitioned(indexes) else { return };
        for _ in 0..2 {
            let run = copy(&pair, &["--max-workers", "3", "--verify", "hash"]);
            assert_eq!(run.stderr.matches(" | SWITCH ").count(), 6, "{indexes}\n{run}");
            assert!(!run.stderr.contains("DELETE"), "{run}");
            pair.assert_equal("SELECT id, day, label FROM dbo.t WHERE day < '2024-07-01' ORDER BY id");
        }
        let mut target = pair.target.client();
        assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'"), 1);
        assert_eq!(target.number("SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'"), 0);
        assert_eq!(target.number("SELECT COUNT(*) FROM sys.indexes WHERE is_disabled = 1"), 0);
    }
}

#[test]
fn what_is_no_partition_goes_the_ordinary_way() {
    let Some(pair) = partitioned("CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else { return };
    let run = copy(&pair, &["--window", "week", "--explain"]);
    assert!(run.stdout.contains("no window is a partition of its own"), "{run}");
    let days = ["dbo.t", "--start-date", "2024-01-15", "--end-date", "2024-06-30"];
    let run = tool(&pair).run(&days).exits(0);
    assert_eq!(run.stderr.matches(" | SWITCH ").count(), 5, "half of January is none\n{run}");
    assert_eq!(run.stderr.matches("DELETE").count(), 1, "{run}");
    copy(&pair, &[]);
    assert_half_a_year(&pair);
}

#[test]
fn what_switch_cannot_do_is_found_before() {
    let Some(pair) = partitioned("ALTER TABLE dbo.t ADD CONSTRAINT low CHECK (id > -100)") else { return };
    let run = copy(&pair, &["--explain"]);
    assert!(run.stdout.contains("no SWITCH: CHECK constraints"), "{run}");
    copy(&pair, &[]);
    assert_half_a_year(&pair);
}

#[test]
fn a_failure_leaves_the_old_rows_of_a_partition() {
    let Some(pair) = partitioned("CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else { return };
    pair.source("UPDATE dbo.t SET label = N'12345678901234567890' WHERE day = '2024-02-29'");
    pair.source("ALTER TABLE dbo.t ALTER COLUMN label nvarchar(30) NULL");
    pair.source("UPDATE dbo.t SET label = N'123456789012345678901' WHERE day = '2024-02-29'");
    tool(&pair).run(&HALF_A_YEAR).exits(1).says("2024-02");
    let mut target = pair.target.client();
    assert_eq!(
        target.number("SELECT COUNT(*) FROM dbo.t WHERE day >= '2024-02-01' AND day < '2024-03-01'"),
        1
    );
    assert_eq!(target.number("SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'"), 0);
}

/// The COMMITs of one worker: the ledger's at its beginning, then for each window one of the tables beside the target, one
/// of its load, and one of its SWITCH, which completes it.
#[test]
fn after_a_lost_commit_of_a_switch_the_ledger_decides() {
    for (kind, at, again) in [
        ("cut_before_commit", 4, 1),
        ("cut_after_commit", 4, 0),
        ("cut_before_commit", 3, 1),
        ("cut_after_commit", 3, 1),
        ("cut_before_commit", 2, 1),
        ("cut_after_commit", 2, 1),
    ] {
        let Some(pair) = partition(sandbox(""), "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else {
            return;
        };
        // The tables of the ledger take a COMMIT of their own.
        copy(&pair, &[]);
        fault(&pair, &format!("@fault = '{kind}', @at = {at}"));
        let run = plain(&pair, "").run(&half_a_year(&["--max-workers", "1"])).exits(0);
        assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), again), "{kind} {at}\n{run}");
        assert_eq!(run.stderr.contains("the ledger says that it happened"), again == 0, "{kind} {at}\n{run}");
        assert_half_a_year(&pair);
        let complete = "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'";
        assert_eq!(pair.target.client().number(complete), 6, "{kind} {at}");
        assert_eq!(
            pair.target.client().number("SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'"),
            0
        );
    }
}
