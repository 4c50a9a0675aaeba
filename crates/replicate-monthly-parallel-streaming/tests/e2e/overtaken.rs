//! A run that has lost its window without knowing: whatever it was at, nothing of it stays.
use std::time::{Duration, Instant};

use replica_core::catalog::record::CatalogRow;
use replica_testkit::{Client, Pair, Running};

use crate::partitions::partition;
use crate::util::{completed, fault, no_fault, overtake, plain, sandbox, until, waited};

const CLUSTERED: &str = ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)";
const JANUARY: [&str; 7] =
    ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-31", "--max-workers", "1"];

/// A run that has the table alone misses its window (4); for one that shares, others do it.
const WAYS: [(&[&str], i32); 2] = [(&[], 4), (&["--shared"], 0)];

fn start(pair: &Pair, more: &[&str]) -> Running {
    plain(pair, "").start(&[&JANUARY[..], more].concat())
}

fn is_loading(client: &mut Client) {
    until(client, 1, "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'");
}

/// Results that were read from the source's table.
fn scans(source: &mut Client) -> i64 {
    CatalogRow::from(&source.rows("EXEC sp_sandbox_counters 'dbo.t'")[0]).int("scans").unwrap()
}

/// A run that is loading: the old rows are gone, and the new ones on their way. What it looks at before it begins is
/// read by the time that it waits for the ledger.
fn start_reading(pair: &Pair, more: &[&str]) -> Running {
    let (mut source, mut target) = (pair.source.client(), pair.target.client());
    let ledger = format!(
        "@Resource = 'replica ledger {}', @LockOwner = 'Session'",
        target.number("SELECT OBJECT_ID('dbo.t')")
    );
    target.run(&format!("EXEC sp_getapplock {ledger}, @LockMode = 'Exclusive'"));
    let waiting =
        "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting' AND resource_type = 'APPLICATION'";
    let before = target.number(waiting);
    let running = start(pair, more);
    until(&mut target, before + 1, waiting);
    let looked = scans(&mut source);
    target.run(&format!("EXEC sp_releaseapplock {ledger}"));
    let begun = Instant::now();
    while scans(&mut source) == looked {
        assert!(begun.elapsed() < Duration::from_secs(60), "never read");
        std::thread::sleep(Duration::from_millis(2));
    }
    running
}

/// The run finds that its window is another's, and goes on when that is complete.
#[track_caller]
fn loses(mut running: Running, other: &mut Client, code: i32) {
    running.until_it_says("left to the host that has taken it over");
    completed(other);
    let run = running.finish().exits(code);
    assert_eq!(run.stdout, "", "{run}");
    if code != 0 {
        run.says("1 windows were taken over by another run");
    }
}

#[track_caller]
fn labels(client: &mut Client) -> Vec<String> {
    crate::util::texts(client, "SELECT label FROM dbo.t WHERE day < '2024-02-01' ORDER BY id")
}

/// With a key that begins with the day its DELETE comes in batches, otherwise under a table lock.
#[test]
fn a_delete_that_comes_late_deletes_nothing() {
    for key in [CLUSTERED, ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (id)", ""] {
        for (more, code) in WAYS {
            let pair = sandbox(key);
            // Looked at before the run has made it.
            pair.target("CREATE SCHEMA replica");
            pair.target(replica_core::ledger::DDL);
            pair.target(
                "INSERT INTO dbo.t VALUES (900, '2024-01-15', N'old'), (901, '2024-02-01', N'stays')",
            );
            let mut other = pair.target.client();
            other.batch("BEGIN TRANSACTION");
            // The run may count the rows that it would replace, and not delete them.
            other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCK, HOLDLOCK)");
            let mut watcher = pair.target.client();
            let waiting = "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting'";
            let before = watcher.number(waiting);
            let running = start(&pair, more);
            is_loading(&mut watcher);
            until(&mut watcher, before + 1, waiting);
            other.run("DELETE FROM dbo.t WHERE day < '2024-02-01'");
            other.run("INSERT INTO dbo.t VALUES (1, '2024-01-02', N'theirs'), (2, '2024-01-03', N'theirs')");
            overtake(&mut other);
            other.batch("COMMIT TRANSACTION");
            loses(running, &mut other, code);
            assert_eq!(labels(&mut other), ["theirs"; 2], "{key} {more:?}");
            assert_eq!(other.number("SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'"), 1);
        }
    }
}

/// At its last COMMIT, and at one of those on the way.
#[test]
fn a_load_that_comes_late_leaves_no_row() {
    for key in [CLUSTERED, ""] {
        for (more, code) in WAYS {
            for (at, commits) in [(1, &[][..]), (2, &["--chunk-size", "10", "--commit-interval", "20"])] {
                let pair = sandbox(key);
                fault(&pair, &format!("@fault = 'stall', @table = 'dbo.t', @at = {at}"));
                let mut other = pair.target.client();
                let running = start_reading(&pair, &[more, commits].concat());
                overtake(&mut other);
                no_fault(&pair);
                loses(running, &mut other, code);
                assert_eq!(labels(&mut other), [""; 0], "{key} {more:?} {commits:?}");
            }
        }
    }
}

/// The table beside the target may be the other host's by now: it has the same name.
#[test]
fn a_load_beside_the_table_that_comes_late_leaves_no_row_either() {
    let Some(pair) = partition(sandbox(""), "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else { return };
    pair.target("INSERT INTO dbo.t VALUES (900, '2024-01-15', N'old')");
    fault(&pair, "@fault = 'stall'");
    let mut other = pair.target.client();
    let mut running = start_reading(&pair, &["--shared"]);
    overtake(&mut other);
    no_fault(&pair);
    running.until_it_says("left to the host that has taken it over");
    let tables = crate::util::texts(&mut other, "SELECT name FROM sys.tables WHERE name LIKE 'stage%[_]in'");
    let [incoming] = &tables[..] else { panic!("{tables:?}") };
    assert_eq!(other.number(&format!("SELECT COUNT(*) FROM replica.[{incoming}]")), 0);
    completed(&mut other);
    running.finish().exits(0);
    assert_eq!(labels(&mut other), ["old"]);
}

/// The SWITCH waits for a reader, and when that leaves the window is another's: old rows and new ones stay where they are.
#[test]
fn a_switch_that_comes_late_leaves_the_old_rows() {
    let Some(pair) = partition(sandbox(""), "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else { return };
    pair.target("INSERT INTO dbo.t VALUES (900, '2024-01-15', N'old')");
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCK, HOLDLOCK)");
    let mut watcher = pair.target.client();
    let before = watcher.number(&waited("Sch-M"));
    let mut running = start(&pair, &["--shared"]);
    until(&mut watcher, before + 1, &waited("Sch-M"));
    overtake(&mut other);
    other.batch("COMMIT TRANSACTION");
    running.until_it_says("left to the host that has taken it over");
    completed(&mut other);
    running.finish().exits(0);
    assert_eq!(labels(&mut other), ["old"]);
}
