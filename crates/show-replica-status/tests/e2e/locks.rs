//! It neither waits for a load nor keeps one waiting, and says what is not committed.
use replica_testkit::{Client, Pair, ProgramExit};

use crate::util::{beside, fault, login, months, only, pair, shown, status, tool};

/// The last window is complete in a transaction that has not committed.
fn committing(pair: &Pair) -> Client {
    pair.target(
        "UPDATE replica.windows SET state = 'loading', run_id = batch_id WHERE first_date = '2024-03-01'",
    );
    pair.target(
        "UPDATE replica.runs SET ended = NULL, outcome = NULL, phase = 'copying', \
         lease_until = DATEADD(hour, 1, SYSUTCDATETIME())",
    );
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("UPDATE replica.windows SET state = 'complete' WHERE first_date = '2024-03-01'");
    other
}

fn events(pair: &Pair) -> i64 {
    pair.server
        .client("master")
        .number("SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event IN ('waiting', 'timeout')")
}

/// Looks, and proves that nobody has waited meanwhile.
#[track_caller]
fn without_waiting(pair: &Pair, code: i32) -> ProgramExit {
    let before = events(pair);
    let look = status(pair, code);
    assert_eq!(events(pair), before, "{look}");
    look
}

#[test]
fn what_is_not_committed_is_committing() {
    let pair = pair();
    months(&pair).exits(0);
    let mut other = committing(&pair);
    let look = without_waiting(&pair, 0);
    let run = only(&look, "run");
    assert_eq!(run.windows(), ["2", "1", "0", "0", "0"], "{look}");
    assert_eq!(run.get("rows"), "60", "{look}");
    other.batch("COMMIT");
    assert_eq!(only(&status(&pair, 0), "run").windows(), ["3", "0", "0", "0", "0"]);
}

#[test]
fn where_rows_have_versions_it_is_still_loading() {
    for setting in ["READ_COMMITTED_SNAPSHOT", "ALLOW_SNAPSHOT_ISOLATION"] {
        let pair = pair();
        months(&pair).exits(0);
        pair.server
            .client("master")
            .batch(&format!("ALTER DATABASE [{}] SET {setting} ON", pair.target.name));
        let mut other = committing(&pair);
        let look = without_waiting(&pair, 0);
        assert_eq!(only(&look, "run").windows(), ["2", "0", "1", "0", "0"], "{setting}\n{look}");
        other.batch("ROLLBACK");
    }
}

/// Rows of the ledger that others have changed, and a table that a load has truncated, are in nobody's way.
#[test]
fn locks_of_loads_are_not_waited_for() {
    let pair = pair();
    months(&pair).exits(0);
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("TRUNCATE TABLE dbo.t");
    other.batch("UPDATE replica.runs SET retries = 5");
    other.batch("UPDATE replica.windows SET attempts = 5");
    let look = without_waiting(&pair, 0);
    // Committed or not is not known of any.
    assert_eq!(only(&look, "table").windows(), ["0", "3", "0", "0", "0"], "{look}");
    other.batch("ROLLBACK");
    assert_eq!(only(&status(&pair, 0), "table").windows(), ["3", "0", "0", "0", "0"]);
}

/// The catalog's rows of a table that a load holds are not waited for; those of the others are shown.
#[test]
fn a_table_that_a_load_holds_is_busy() {
    let pair = pair();
    months(&pair).exits(0);
    pair.both("CREATE TABLE dbo.u (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.u VALUES (1), (2)");
    beside(&pair, "replicate-reference-tables").run(&["dbo.u"]).exits(0);
    // Of all tables at once, and then of the first.
    fault(&pair, "@fault = 'locked_view', @table = 'sys.partitions', @count = 2");
    let of = |look: &ProgramExit| -> Vec<String> {
        let tables = shown(look, "table");
        tables
            .iter()
            .map(|line| ["table", "state", "rows"].map(|column| line.get(column)).join(" "))
            .collect()
    };
    let look = without_waiting(&pair, 0);
    assert_eq!(of(&look), ["dbo.t busy ", "dbo.u ok 2"], "{look}");
    assert_eq!(of(&status(&pair, 0)), ["dbo.t ok 90", "dbo.u ok 2"]);
}

/// What it has asked for is given back at once: a writer finds nothing locked, and no row is changed.
#[test]
fn nothing_is_written_and_nothing_stays_locked() {
    let pair = pair();
    months(&pair).exits(0);
    let everything = || {
        let tables = ["ledger", "runs", "windows", "disabled_indexes"];
        tables.map(|table| pair.target.client().values(&format!("SELECT * FROM replica.{table}")))
    };
    let before = everything();
    let writes = "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE request_mode IN ('X', 'IX', 'U', 'Sch-M', 'BU') \
                  OR resource_type = 'APPLICATION'";
    let locked = pair.server.client("master").number(writes);
    status(&pair, 0);
    assert_eq!(pair.server.client("master").number(writes), locked);
    assert_eq!(everything(), before);
}

#[test]
fn select_on_the_ledger_is_enough() {
    let pair = pair();
    months(&pair).exits(0);
    let reader = login(&pair, "status_reader");
    let look = || tool(&pair).with("REPLICA_TARGET", &reader).run(&[]);
    look().exits(1).says("GRANT SELECT ON SCHEMA::replica");
    pair.target("GRANT SELECT ON SCHEMA::replica TO status_reader");
    let seen = look().exits(0);
    assert_eq!((only(&seen, "table").get("state"), only(&seen, "table").get("rows")), ("ok", ""), "{seen}");
    // Whom a run waits for takes another right; without it nothing is claimed.
    pair.target("UPDATE replica.runs SET ended = NULL, outcome = NULL, lease_until = DATEADD(hour, 1, SYSUTCDATETIME())");
    let seen = look().exits(0).says("GRANT VIEW SERVER STATE");
    assert_eq!(only(&seen, "run").get("state"), "alive", "{seen}");
}
