//! Windows of several partitions: all of them change places in one transaction, where SWITCH is asked for.
use std::thread;

use replica_testkit::Pair;

use crate::util::{fault, no_fault, outcomes, pair, sandbox, tool, until, waited};

const JANUARY: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-31"];
const STAGED: &str = "SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'";
const OLD: &str = "SELECT COUNT(*) FROM dbo.t WHERE label = N'old'";
const TRUSTED: &str = "SELECT COUNT(*) FROM sys.check_constraints \
                       WHERE is_not_trusted = 0 AND parent_object_id = OBJECT_ID('dbo.t')";
const STAYS: &str = "SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'";

/// The target in partitions of a day from 2024 on, with constraints and indexes, old rows of January, and one of before and
/// one of after it. `None` where that cannot be.
fn in_days(pair: Pair) -> Option<Pair> {
    let mut target = pair.target.client();
    target.run("DROP TABLE dbo.t");
    let days = (1..=31).map(|day| format!("'2024-01-{day:02}'")).collect::<Vec<_>>().join(", ");
    for sql in [
        &format!("CREATE PARTITION FUNCTION by_day (date) AS RANGE RIGHT FOR VALUES ({days}, '2024-02-01')"),
        "CREATE PARTITION SCHEME by_day AS PARTITION by_day ALL TO ([PRIMARY])",
        "CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL, \
         CONSTRAINT PK_t PRIMARY KEY (day, id), CONSTRAINT low CHECK (id > -100)) ON by_day (day)",
        "CREATE INDEX by_label ON dbo.t (label) INCLUDE (id) ON by_day (day)",
        "INSERT INTO dbo.t VALUES (-1, '2024-01-01', N'old'), (-2, '2024-01-31', N'old'), \
         (-3, '2023-12-31', N'stays'), (-4, '2024-02-01', N'stays')",
    ] {
        if let Err(error) = target.try_batch(sql) {
            eprintln!("skipped: {error}");
            return None;
        }
    }
    Some(pair)
}

fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&JANUARY, more].concat()
}

#[track_caller]
fn assert_january(pair: &Pair) {
    pair.assert_equal(
        "SELECT id, day, label FROM dbo.t WHERE day >= '2024-01-01' AND day < '2024-02-01' ORDER BY id",
    );
    let mut target = pair.target.client();
    assert_eq!((target.number(STAYS), target.number(STAGED)), (2, 0));
}

#[test]
fn partitions_of_a_window_change_places_together() {
    let Some(pair) = in_days(pair("")) else { return };
    let explained = tool(&pair).run(&args(&["--publish", "switch", "--explain"])).exits(0);
    for statement in
        ["ALTER TABLE [dbo].[t] SWITCH PARTITION 2 TO ", "SWITCH PARTITION 32 TO [dbo].[t] PARTITION 32"]
    {
        assert!(explained.stdout.contains(statement), "{explained}");
    }
    assert!(
        !explained.stdout.contains("SWITCH PARTITION 33 ") && !explained.stdout.contains("PARTITION 1 TO")
    );
    // Weeks, too: the last one is cut off by the end of January.
    for (window, windows) in [("month", 1), ("week", 5), ("day", 31)] {
        pair.source(&format!("UPDATE dbo.t SET label = N'{window}' WHERE id % 2 = 0"));
        let run =
            tool(&pair).run(&args(&["--publish", "switch", "--window", window, "--verify", "hash"])).exits(0);
        assert_eq!(run.stderr.matches(" | SWITCH ").count(), windows, "{window}\n{run}");
        assert_january(&pair);
        assert_eq!(pair.target.client().number(TRUSTED), 1);
    }
    // What nobody asked for is as it always was.
    let run = tool(&pair).run(&args(&["--publish", "auto"])).exits(0);
    assert!(!run.stderr.contains(" | SWITCH "), "{run}");
    assert_january(&pair);
}

/// Killed when some of its partitions have changed places: none has.
#[test]
fn a_crash_between_the_partitions_leaves_the_old_rows() {
    let Some(pair) = in_days(sandbox("")) else { return };
    pair.server.client("master").batch("EXEC sp_sandbox_minute 20");
    let (mut target, mut reader, mut other) =
        (pair.target.client(), pair.target.client(), pair.target.client());
    reader.batch("BEGIN TRANSACTION");
    reader.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCK, HOLDLOCK)");
    let mut running = tool(&pair).start(&args(&["--publish", "switch"]));
    running.until_it_says("steps back, so that others can pass");
    let incoming =
        format!("replica.stage_{}_20240101_20240201_in", target.number("SELECT OBJECT_ID('dbo.t')"));
    let before = target.number(&waited("Sch-M"));
    other.batch("BEGIN TRANSACTION");
    other.number(&format!("SELECT COUNT(*) FROM {incoming} WITH (TABLOCK, HOLDLOCK)"));
    reader.batch("ROLLBACK");
    let waiting = format!(
        "SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_status = 'WAIT' AND request_mode = 'Sch-M' \
         AND resource_associated_entity_id = OBJECT_ID('{incoming}')"
    );
    until(&mut target, 1, &waiting);
    assert!(target.number(&waited("Sch-M")) > before);
    assert_eq!(running.kill().code, None);
    other.batch("ROLLBACK");
    assert_eq!(target.number(OLD), 2);
    tool(&pair).run(&args(&["--publish", "switch", "--resume"])).exits(0);
    assert_january(&pair);
}

/// The window is still made of whole partitions, but of others: nothing changes places by numbers of before.
#[test]
fn a_boundary_that_goes_meanwhile_leaves_the_old_rows() {
    let Some(pair) = in_days(sandbox("")) else { return };
    fault(&pair, "@fault = 'stall'");
    let running = tool(&pair).start(&args(&["--publish", "switch", "--max-retries", "0"]));
    let mut target = pair.target.client();
    let locks = |more: &str| {
        format!(
            "SELECT COUNT(*) FROM sys.dm_tran_locks AS l WHERE {more} AND EXISTS (SELECT 1 FROM sys.tables AS t \
             WHERE t.object_id = l.resource_associated_entity_id AND t.name LIKE 'stage%in')"
        )
    };
    until(&mut target, 1, &locks("l.request_status = 'GRANT' AND l.request_mode IN ('BU', 'IX', 'X')"));
    // The table beside the target has the same function: the rows' transaction ends first.
    let mut other = pair.target.client();
    let merge = "ALTER PARTITION FUNCTION by_day() MERGE RANGE ('2024-01-15')";
    let merging = thread::spawn(move || other.batch(merge));
    until(&mut target, 1, &locks("l.request_status = 'WAIT' AND l.request_mode = 'Sch-M'"));
    no_fault(&pair);
    merging.join().unwrap();
    running.finish().exits(1).says("The window is made of other partitions by now");
    assert_eq!((target.number(OLD), target.number(STAYS), target.number(STAGED)), (2, 2, 0));
    tool(&pair).run(&args(&["--publish", "switch"])).exits(0);
    assert_january(&pair);
}

#[test]
fn a_part_of_a_partition_cannot_change_places() {
    let Some(pair) = in_days(pair("")) else { return };
    pair.target("ALTER PARTITION FUNCTION by_day() MERGE RANGE ('2024-02-01')");
    tool(&pair)
        .run(&args(&["--publish", "switch"]))
        .exits(1)
        .says("2024-01 is no partition of its own: it begins or ends within one")
        .says("--publish staged");
    assert_eq!(pair.target.client().number(OLD), 2);
    for publish in ["auto", "staged"] {
        let run = tool(&pair).run(&args(&["--publish", publish])).exits(0);
        assert_eq!(outcomes(&run), [("2024-01".to_owned(), "ok".to_owned())]);
        assert_january(&pair);
    }
}

/// Beside one partition and beside several the target's constraints hold, and are told by their names.
#[test]
fn a_row_that_breaks_a_constraint_leaves_the_old_rows() {
    let Some(pair) = in_days(pair("")) else { return };
    pair.source("INSERT INTO dbo.t VALUES (-200, '2024-01-31', N'too low')");
    for window in ["day", "month"] {
        tool(&pair)
            .run(&args(&["--publish", "switch", "--window", window]))
            .exits(1)
            .says("check low on the table beside the target")
            .says("error 547 ");
        let mut target = pair.target.client();
        assert_eq!(
            target.number("SELECT COUNT(*) FROM dbo.t WHERE day = '2024-01-31' AND label = N'old'"),
            1
        );
        assert_eq!((target.number(STAYS), target.number(STAGED), target.number(TRUSTED)), (2, 0, 1));
    }
}
