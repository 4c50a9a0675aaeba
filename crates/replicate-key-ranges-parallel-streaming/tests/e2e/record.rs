//! What the ledger has of ranges, and what goes on from there.
use replica_testkit::{Pair, Program};

use crate::util::{copy, filled, lines, ranges, tool};

fn six_ranges() -> Pair {
    filled("k int NOT NULL CONSTRAINT PK_t PRIMARY KEY, a int NULL", "n, n % 3", 9)
}

#[test]
fn a_resumed_run_has_the_boundaries_on_record() {
    let pair = six_ranges();
    copy(&pair, &["--ranges", "6"]);
    let mut target = pair.target.client();
    let recorded = ranges(&mut target);
    assert_eq!(recorded.len(), 6);
    assert_eq!((recorded[0][1].as_str(), recorded[5][2].as_str()), ("String(None)", "String(None)"));
    // Other boundaries would be found by now.
    pair.source("DELETE FROM dbo.t WHERE k < 200; INSERT INTO dbo.t SELECT n + 10000, 1 FROM dbo.n");
    pair.target("UPDATE replica.windows SET state = 'loading' WHERE range_number = 6");
    pair.target("UPDATE dbo.t SET a = 77 WHERE k = 255");
    let run = copy(&pair, &["--ranges", "3", "--resume"]).says("as the ledger has them");
    let loaded: Vec<_> = lines(&run).into_iter().filter(|(_, outcome, _)| outcome == "ok").collect();
    assert_eq!(loaded.len(), 1, "{run}");
    assert_eq!(ranges(&mut target), recorded);
    assert_eq!(target.number("SELECT a FROM dbo.t WHERE k = 255"), 77, "skipped ranges are left alone");
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE k >= 10000"), 512);
    // A new run cuts anew.
    let run = copy(&pair, &["--ranges", "6", "--allow-shrink"]);
    assert!(lines(&run).iter().all(|(_, outcome, _)| outcome == "ok"), "{run}");
    assert_ne!(ranges(&mut target), recorded);
    pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
}

#[test]
fn rows_that_are_gone_are_loaded_again_when_resumed() {
    let pair = six_ranges();
    let first = copy(&pair, &["--ranges", "6"]);
    let run = copy(&pair, &["--resume"]).says("0 of 6 windows replaced, 6 skipped");
    assert_eq!(lines(&run).len(), 6);
    pair.target("DELETE FROM dbo.t WHERE k = 0");
    let run = copy(&pair, &["--resume"]).says("the target has ");
    let loaded: Vec<_> = lines(&run).into_iter().filter(|(_, outcome, _)| outcome == "ok").collect();
    assert_eq!(loaded.len(), 1, "{first}{run}");
    pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
}

/// A change of what the boundaries mean makes them worthless.
#[test]
fn another_collation_is_another_cut() {
    let column = |collation: &str| format!("k varchar(9) COLLATE {collation} NOT NULL");
    let pair = filled(
        &format!("{}, CONSTRAINT PK_t PRIMARY KEY (k)", column("Latin1_General_CI_AS")),
        "CHAR(65 + n % 26) + CAST(n AS varchar(9))",
        9,
    );
    copy(&pair, &["--ranges", "6"]);
    pair.both(&format!(
        "ALTER TABLE dbo.t DROP CONSTRAINT PK_t; ALTER TABLE dbo.t ALTER COLUMN {}; \
         ALTER TABLE dbo.t ADD CONSTRAINT PK_t PRIMARY KEY (k)",
        column("Latin1_General_BIN2")
    ));
    let run = copy(&pair, &["--ranges", "6", "--resume"]).says("it is cut anew");
    assert!(lines(&run).iter().all(|(_, outcome, _)| outcome == "ok"), "{run}");
    pair.assert_equal("SELECT k FROM dbo.t ORDER BY k");
}

/// Days and keys of different tables, and of one, in one ledger.
#[test]
fn both_tools_live_side_by_side() {
    let pair = six_ranges();
    pair.both("CREATE TABLE dbo.dated (id int NOT NULL CONSTRAINT PK_d PRIMARY KEY, day date NOT NULL)");
    pair.source("INSERT INTO dbo.dated SELECT n, DATEADD(day, n % 60, '2024-01-01') FROM dbo.n");
    let months = || {
        let days = ["dbo.dated", "--start-date", "2024-01-01", "--end-date", "2024-02-29"];
        let monthly = env!("CARGO_BIN_EXE_replicate-key-ranges-parallel-streaming");
        let monthly = Program::beside(monthly, "replicate-monthly-parallel-streaming").between(&pair);
        monthly.run(&days).exits(0)
    };
    months();
    copy(&pair, &["--ranges", "6"]);
    months();
    let mut target = pair.target.client();
    let count = |target: &mut replica_testkit::Client, table: &str| {
        target.number(&format!(
            "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete' AND table_name = '{table}'"
        ))
    };
    assert_eq!((count(&mut target, "dated"), count(&mut target, "t")), (2, 6));
    // Ranges of a key have rows of any day: what the months say no longer holds.
    let tool = tool(&pair).run(&["dbo.dated", "--ranges", "4"]).exits(0);
    assert_eq!(count(&mut target, "dated"), 4, "{tool}");
    months();
    assert_eq!(count(&mut target, "dated"), 2);
    pair.assert_equal("SELECT id, day FROM dbo.dated ORDER BY id");
}

#[test]
fn hosts_divide_the_ranges_of_the_first() {
    let pair = six_ranges();
    let hosts: Vec<_> = [6, 5, 4]
        .map(|ranges: u32| {
            tool(&pair).start(&["dbo.t", "--shared", "--ranges", &ranges.to_string(), "--max-workers", "2"])
        })
        .into();
    let mut windows = Vec::new();
    let mut busy = 0;
    for host in hosts {
        let run = host.finish();
        // Whoever comes when the others are done begins anew, and whoever comes between two may find them at work on others.
        busy += u32::from(run.code == Some(4));
        windows.extend(lines(&run));
    }
    assert!(busy < 3 && !windows.is_empty());
    pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
}
