//! What the tests share.
use std::time::{Duration, Instant};

use replica_testkit::{Client, Pair, Program, ProgramExit};

pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-changes")).between(pair)
}

/// A source that tracks changes, and has snapshots.
pub fn pair() -> Pair {
    tracking(Pair::new())
}

pub fn tracking(pair: Pair) -> Pair {
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    pair
}

/// Makes a table on both sides, which the source tracks.
pub fn table(pair: &Pair, name: &str, columns: &str) {
    pair.both(&format!("CREATE TABLE {name} ({columns})"));
    track(pair, name);
}

pub fn track(pair: &Pair, name: &str) {
    pair.source(&format!("ALTER TABLE {name} ENABLE CHANGE_TRACKING"));
}

pub const ROWS: &str = "SELECT id, label FROM dbo.t ORDER BY id";

/// `dbo.t (id, label)` with three rows on both sides, and a version on record; `dbo.other` that nobody names.
pub fn kept() -> Pair {
    kept_on(pair())
}

/// The same, on a server of the caller's.
pub fn kept_on(pair: Pair) -> Pair {
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(20) NULL");
    pair.both("CREATE TABLE dbo.other (id int NOT NULL)");
    pair.both("INSERT INTO dbo.other VALUES (1)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two'), (3, 'three')");
    let first = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(outcomes(&first), ["dbo.t ok compared 3 0 0"], "{first}");
    pair.assert_equal(ROWS);
    pair
}

/// A round of dbo.t, which carries changes over: inserted, updated, deleted.
#[track_caller]
pub fn carried(pair: &Pair, written: [u64; 3]) -> ProgramExit {
    let run = tool(pair).run(&["dbo.t"]).exits(0);
    let [inserted, updated, deleted] = written;
    assert_eq!(outcomes(&run), [format!("dbo.t ok changes {inserted} {updated} {deleted}")], "{run}");
    run
}

/// A round that compares dbo.t, and why.
#[track_caller]
pub fn compared(pair: &Pair, why: &str) -> ProgramExit {
    let run = tool(pair).run(&["dbo.t"]).exits(0).says(why);
    assert!(outcomes(&run)[0].starts_with("dbo.t ok compared"), "{run}");
    run
}

/// Of each line: table, outcome, how it came to its version, rows inserted, updated, deleted.
pub fn outcomes(run: &ProgramExit) -> Vec<String> {
    run.lines().iter().map(|line| line[..6].join(" ")).collect()
}

/// The version of each table on record.
pub fn versions(pair: &Pair) -> Vec<Vec<String>> {
    pair.target
        .client()
        .values("SELECT table_name, method, version FROM replica.versions ORDER BY table_name")
}

/// What nobody named is as it was.
#[track_caller]
pub fn assert_others(pair: &Pair) {
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.other WHERE id = 1"), 1);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.other"), 1);
}

/// Asks the sandbox for a fault.
pub fn fault(pair: &Pair, arguments: &str) {
    pair.server.client("master").batch(&format!("EXEC sp_sandbox_fault {arguments}"));
}

/// The rows of a query's answer at the target, as text.
pub fn shown(pair: &Pair, sql: &str) -> Vec<String> {
    let cell = |cell: String| match cell.trim_end_matches(')').rsplit_once('(') {
        Some((_, value)) => value.trim_matches('"').to_owned(),
        None => cell,
    };
    let rows = pair.target.client().values(sql).into_iter();
    rows.map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

/// A program of another crate, over the same pair.
pub fn beside(pair: &Pair, name: &str) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_replicate-changes"), name).between(pair)
}

/// Waits until somebody waits for a lock in a database of this client's server.
pub fn somebody_waits(client: &mut Client) {
    let begun = Instant::now();
    while client.number("SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_status = 'WAIT'") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody waits for a lock");
    }
}
