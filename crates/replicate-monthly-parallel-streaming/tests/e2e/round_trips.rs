//! How often the tool asks the servers. The counts are in docs/LOADING.md, "Round trips": a count that changes is a change of
//! that page.
use replica_testkit::{Pair, RoundTrips};

use crate::util::{sandbox, tool};

/// What so many days take of source and target, each a window, on one worker.
fn days(pair: &Pair, last: &str, more: &[&str]) -> [i64; 2] {
    let args = ["dbo.t", "--window=day", "--start-date=2024-01-01", "--end-date", last, "--max-workers=1"];
    RoundTrips::of_run(pair, tool(pair), &[&args, more].concat()).map(|side| side.round_trips)
}

/// What sixteen windows more add: the ledger is asked for so many at a time.
fn by_sixteen(key: &str, more: &[&str]) -> [i64; 2] {
    let pair = sandbox(key);
    // Makes the ledger, and rows to be replaced.
    days(&pair, "2024-02-20", &[]);
    let (few, many) = (days(&pair, "2024-01-16", more), days(&pair, "2024-02-01", more));
    [many[0] - few[0], many[1] - few[1]]
}

/// In batches where the key begins with the day, in one statement otherwise: with rows to delete, and without.
#[test]
fn a_window_takes_few_round_trips() {
    for key in ["day, id", "id, day"] {
        let clustered = format!(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED ({key})");
        // The claim with the DELETE, BEGIN (at once with the SELECT), INSERT BULK, the rows, the ledger, COMMIT; the windows on
        // record are asked for once.
        assert_eq!(by_sixteen(&clustered, &[]), [16, 16 * 6 + 1], "{key}");
        assert_eq!(by_sixteen(&clustered, &["--verify=hash"]), [16, 16 * 8 + 1], "{key}");
    }
    let pair = sandbox("");
    days(&pair, "2024-01-01", &[]);
    let (few, many) = (days(&pair, "2024-01-16", &[]), days(&pair, "2024-02-01", &[]));
    assert_eq!([many[0] - few[0], many[1] - few[1]], [16, 16 * 6 + 1], "most have no old rows");
}

/// Results that were read from the ledger's windows, and their rows.
fn ledger_reads(pair: &Pair) -> [i64; 2] {
    let rows = pair.target.client().rows("EXEC sp_sandbox_counters 'replica.windows'");
    ["scans", "rows_sent"].map(|column| rows[0].get::<i64, _>(column).unwrap())
}

/// For four times as many windows, and those that the run before has on record; what grew with the square would be sixteen times
/// as much.
#[test]
fn the_ledger_is_read_in_step_with_the_windows() {
    let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)");
    days(&pair, "2024-01-01", &[]);
    for more in [&[][..], &["--resume"]] {
        let read = |last: &str| {
            let before = ledger_reads(&pair);
            days(&pair, last, more);
            let after = ledger_reads(&pair);
            [after[0] - before[0], after[1] - before[1]]
        };
        let (few, many) = (read("2024-01-25"), read("2024-04-09"));
        for (few, many) in few.into_iter().zip(many) {
            assert!(many < 8 * few, "{more:?}: {few} for 25 windows, {many} for 100");
        }
    }
}
