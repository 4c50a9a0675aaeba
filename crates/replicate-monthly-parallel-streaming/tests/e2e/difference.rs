//! `--apply difference`, window by window: the ledger's row comes with the rows, whatever breaks.
use std::time::Duration;

use replica_testkit::{Pair, ProgramExit};

use crate::util::{
    MONTHS, all_months, assert_half_a_year, copy, fault, half_a_year, outcomes, plain, retries, sandbox,
};

const KEY: &str = ", CONSTRAINT PK_t PRIMARY KEY (id)";
const DIFFERENCE: [&str; 4] = ["--apply", "difference", "--max-workers", "1"];

fn write(pair: &Pair, more: &[&str]) -> ProgramExit {
    plain(pair, "").run(&half_a_year(&[&DIFFERENCE[..], more].concat())).exits(0)
}

/// Rows of every month are gone, changed and new at the source.
fn change(pair: &Pair) {
    pair.source("DELETE FROM dbo.t WHERE id % 7 = 3");
    pair.source("UPDATE dbo.t SET label = N'changed' WHERE id % 7 = 4");
    pair.source("INSERT INTO dbo.t SELECT id + 1000, day, label FROM dbo.t WHERE id % 7 = 5");
}

/// The rows of all windows are the source's, and so says the ledger.
#[track_caller]
fn assert_on_record(pair: &Pair) {
    assert_half_a_year(pair);
    let run = copy(pair, &["--resume", "--verify", "hash"]);
    assert_eq!(outcomes(&run), all_months("skipped"), "{run}");
}

#[test]
fn windows_are_compared_and_what_is_on_record_is_what_is_there() {
    let pair = sandbox(KEY);
    pair.target("INSERT INTO dbo.t VALUES (9000, '2023-12-31', N'stays'), (9001, '2024-07-01', N'stays')");
    let run = write(&pair, &[]);
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    assert_on_record(&pair);
    change(&pair);
    let run = write(&pair, &["--verify", "hash"]).says("COMPARE ").says("STAGE ").says("APPLY ");
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    assert_on_record(&pair);
    // Nothing differs: windows are complete all the same.
    let run = write(&pair, &[]).says("nothing differs");
    assert!(!run.stderr.contains("STAGE"), "{run}");
    assert_on_record(&pair);
    let stays = "SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'";
    assert_eq!(pair.target.client().number(stays), 2);
}

/// Windows that are loaded again say how many of their rows are others than before.
#[test]
fn auto_goes_by_how_many_rows_of_the_windows_changed() {
    let pair = sandbox(KEY);
    let leave_it = |chosen: &str| {
        let arguments = half_a_year(&["--apply=auto", "--max-workers=1"]);
        let explained = [&arguments[..], &["--explain"]].concat();
        plain(&pair, "").run(&explained).exits(0).says(&format!("--apply auto is {chosen}"));
        let run = plain(&pair, "").run(&arguments).exits(0).says(&format!("dbo.t: --apply auto is {chosen}"));
        assert_eq!(outcomes(&run), all_months("ok"), "{run}");
        assert_on_record(&pair);
    };
    leave_it("replace: no other table points at this one, and no run is on record");
    leave_it("replace: no other table points at this one, and 364 of the 364 rows");
    // One month of six is other rows, and nobody knows how many of them.
    pair.source("UPDATE dbo.t SET label = N'other' WHERE day = '2024-02-02'");
    leave_it("difference: none of the 364 rows");
    leave_it("difference: 2 of the 364 rows");
    change(&pair);
    leave_it("difference: none of the 364 rows");
    leave_it("replace: no other table points at this one, and ");
    leave_it("difference: none of the ");
}

#[test]
fn after_a_lost_commit_the_ledger_decides() {
    for (kind, again) in [("cut_before_commit", 1), ("cut_after_commit", 0)] {
        let pair = sandbox(KEY);
        write(&pair, &[]);
        change(&pair);
        // The first is the ledger's, when it begins.
        fault(&pair, &format!("@fault = '{kind}', @at = 3"));
        let run = write(&pair, &[]);
        assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), again), "{kind}\n{run}");
        assert_eq!(run.stderr.contains("the ledger says that it happened"), again == 0, "{kind}\n{run}");
        assert_on_record(&pair);
    }
}

/// Old and new rows of a window are told apart by their labels.
#[test]
fn a_run_that_is_killed_anywhere_leaves_each_window_old_or_new() {
    let pair = sandbox(KEY);
    write(&pair, &[]);
    let (mut kills, mut random) = (0, 4711u64);
    for _ in 0..12 {
        pair.target("UPDATE dbo.t SET label = N'old' WHERE day < '2024-07-01'");
        let begun = std::time::Instant::now();
        write(&pair, &[]);
        let usual = begun.elapsed();
        pair.target("UPDATE dbo.t SET label = N'old' WHERE day < '2024-07-01'");
        let running = plain(&pair, "").start(&half_a_year(&DIFFERENCE));
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros((random >> 33) % usual.as_micros() as u64));
        kills += u32::from(running.kill().code.is_none());
        let mut target = pair.target.client();
        for month in 1..=MONTHS.len() {
            let rows = format!("SELECT COUNT(*) FROM dbo.t WHERE YEAR(day) = 2024 AND MONTH(day) = {month}");
            let (all, old) = (target.number(&rows), target.number(&format!("{rows} AND label = N'old'")));
            assert!(old == 0 || old == all, "{old} of {all} rows are old in month {month}");
        }
    }
    assert!(kills > 3, "{kills} were at work when they were killed");
    write(&pair, &[]);
    assert_on_record(&pair);
}

#[test]
fn workers_side_by_side_write_windows_of_one_table() {
    let pair = sandbox(KEY);
    copy(&pair, &[]);
    change(&pair);
    let run = copy(&pair, &["--apply=difference", "--max-workers=4", "--window=week"]);
    assert!(outcomes(&run).iter().all(|(_, outcome)| outcome == "ok"), "{run}");
    assert_half_a_year(&pair);
}
