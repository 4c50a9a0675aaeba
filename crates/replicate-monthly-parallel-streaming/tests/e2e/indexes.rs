//! Index care, counted by the server.
use replica_testkit::{Pair, TimingLine};

use crate::util::{
    all_months, assert_half_a_year, copy, disabled, fault, half_a_year, outcomes, plain, sandbox, tool,
};

fn indexed() -> Pair {
    let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)");
    for sql in [
        "CREATE INDEX ix_label ON dbo.t (label)",
        "CREATE INDEX ix_few ON dbo.t (id) WHERE label = N'x'",
        "CREATE INDEX ix_off ON dbo.t (id, label)",
        "ALTER INDEX ix_off ON dbo.t DISABLE",
        "CREATE UNIQUE INDEX ux ON dbo.t (id, day)",
        "ALTER TABLE dbo.t ADD CONSTRAINT UQ_t UNIQUE NONCLUSTERED (id)",
    ] {
        pair.target(sql);
    }
    pair
}

/// (index, disables, rebuilds) since the server started.
fn counters(pair: &Pair) -> Vec<(String, i64, i64)> {
    let mut client = pair.target.client();
    let rows = client.rows("EXEC sp_sandbox_index_counters 'dbo.t'");
    let mut counters: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.get::<&str, _>("index_name").unwrap().to_owned(),
                row.get("disables").unwrap(),
                row.get("rebuilds").unwrap(),
            )
        })
        .collect();
    counters.sort();
    counters
}

fn counted(few: (i64, i64), label: (i64, i64)) -> Vec<(String, i64, i64)> {
    let row = |name: &str, (disables, rebuilds)| (name.to_owned(), disables, rebuilds);
    // Disabled by someone else, before the first run.
    vec![row("ix_few", few), row("ix_label", label), row("ix_off", (1, 0))]
}

#[test]
fn each_index_is_rebuilt_once_a_run() {
    let pair = indexed();
    for runs in 1..=2 {
        let run = copy(&pair, &["--max-workers", "3"]);
        let lines = TimingLine::all(&run);
        let of_table: Vec<_> = lines.iter().filter(|line| line.what == "dbo.t").collect();
        let phases: Vec<_> = of_table[1].phases.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(phases[..5], ["WAIT", "RECORD", "DISABLE_IDX", "COPY", "REBUILD_IDX"], "{run}");
        assert_eq!(counters(&pair), counted((runs, runs), (runs, runs)), "{run}");
        assert_eq!(disabled(&pair), ["ix_off"]);
    }
    // Nothing to load is nothing to rebuild for.
    copy(&pair, &["--resume"]);
    assert_eq!(counters(&pair), counted((2, 2), (2, 2)));
    assert_half_a_year(&pair);
}

#[test]
fn kept_indexes_are_left_alone() {
    let pair = indexed();
    copy(&pair, &["--keep-indexes"]);
    assert_eq!(counters(&pair), counted((0, 0), (0, 0))[2..]);
    assert_half_a_year(&pair);
}

#[test]
fn the_old_habit_rebuilds_with_each_month() {
    let pair = indexed();
    let run = copy(&pair, &["--index-scope", "month"]);
    assert_eq!(counters(&pair), counted((6, 6), (6, 6)), "{run}");
    let line = run.stderr.lines().find(|line| line.starts_with("[TIMING] dbo.t 2024-03: DELETE ")).unwrap();
    let order =
        [" | DISABLE_IDX ", " | INSERT ", " | REBUILD_IDX ", " | TOTAL "].map(|phase| line.find(phase));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{line}");
    assert_eq!(disabled(&pair), ["ix_off"]);
}

#[test]
fn what_a_crash_leaves_disabled_is_repaired_on_request() {
    let pair = indexed();
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @at = 2, @count = 100");
    let mut running = plain(&pair, "").start(&half_a_year(&["--max-workers", "1"]));
    running.until_it_says("[TIMING] dbo.t 2024-");
    running.kill();
    crate::util::no_fault(&pair);
    assert_eq!(disabled(&pair), ["ix_few", "ix_label", "ix_off"]);
    let run = tool(&pair).run(&["dbo.t", "--repair-indexes"]).exits(0);
    let lines: Vec<_> = run.lines().iter().map(|line| (line[1].to_owned(), line[2].to_owned())).collect();
    assert_eq!(lines, [("ix_few", "rebuilt"), ("ix_label", "rebuilt")].map(|(a, b)| (a.into(), b.into())));
    assert_eq!(disabled(&pair), ["ix_off"]);
    tool(&pair).run(&["dbo.t", "--repair-indexes"]).exits(0).says("no index was left disabled");
    assert_eq!(counters(&pair), counted((1, 1), (1, 1)));
}

#[test]
fn an_index_that_cannot_be_rebuilt_is_a_failure_that_names_it() {
    let pair = indexed();
    // Both are disabled; the first rebuild is refused.
    fault(&pair, "@fault = 'refuse_index', @table = 'dbo.t', @at = 3");
    let run = copy_fails(&pair);
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    let run = run.says("index ix_few is left disabled").says("--repair-indexes");
    assert_eq!(disabled(&pair), ["ix_few", "ix_off"], "{run}");
    copy(&pair, &["--resume"]);
    assert_eq!(disabled(&pair), ["ix_off"]);
}

#[track_caller]
fn copy_fails(pair: &Pair) -> replica_testkit::ProgramExit {
    tool(pair).run(&half_a_year(&[])).exits(1)
}
