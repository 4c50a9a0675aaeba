//! Windows are replaced, and nothing else is touched.
use crate::util::{HALF_A_YEAR, assert_half_a_year, copy, loaded, pair, tool};

#[test]
fn every_month_is_replaced_and_the_rest_stays() {
    let pair = pair(", CONSTRAINT PK_t PRIMARY KEY (day, id)");
    pair.target(
        "INSERT INTO dbo.t (id, day, label) VALUES (1, '2024-02-29', N'old'), (2, '2024-07-01', N'stays'), \
         (3, '2023-12-31', N'stays')",
    );
    let run = copy(&pair, &["--max-workers", "3", "--verify", "hash"]);
    assert_half_a_year_but(&pair);
    let lines = run.lines();
    let mut windows: Vec<_> = lines.iter().map(|line| (line[0], line[1], line[2])).collect();
    windows.sort_unstable();
    let months = ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06"];
    assert_eq!(windows, months.map(|month| ("dbo.t", month, "ok")));
    let mut source = pair.source.client();
    for line in &lines {
        let rows = source
            .number(&format!("SELECT COUNT(*) FROM dbo.t WHERE CONVERT(char(7), day, 126) = '{}'", line[1]));
        assert_eq!(line[3], rows.to_string(), "{line:?}");
        run_says_timing(&run.stderr, line[1]);
    }
    assert!(!run.stderr.contains("taken it over"), "workers of one run keep off each other's windows\n{run}");
    // Safe to repeat.
    copy(&pair, &["--max-workers", "2"]);
    assert_half_a_year_but(&pair);
}

fn assert_half_a_year_but(pair: &replica_testkit::Pair) {
    let mut target = pair.target.client();
    let kept = target.values("SELECT id, label FROM dbo.t WHERE label = N'stays' ORDER BY id");
    assert_eq!(kept.len(), 2, "{kept:?}");
    pair.assert_equal(
        "SELECT id, day, label FROM dbo.t WHERE day >= '2024-01-01' AND day < '2024-07-01' ORDER BY id",
    );
}

#[track_caller]
fn run_says_timing(stderr: &str, window: &str) {
    let begin = format!("[TIMING] dbo.t {window}: DELETE ");
    let line = stderr.lines().find(|line| line.starts_with(&begin));
    let line = line.unwrap_or_else(|| panic!("no timing of {window}\n{stderr}"));
    assert!(line.contains(" | INSERT ") && line.contains(" | TOTAL "), "{line}");
}

#[test]
fn a_heap_a_clustered_table_and_every_lock() {
    for (key, lock) in [
        ("", "auto"),
        ("", "never"),
        (", CONSTRAINT PK_t PRIMARY KEY (id)", "auto"),
        (", CONSTRAINT PK_t PRIMARY KEY (id)", "always"),
        (", CONSTRAINT PK_t PRIMARY KEY NONCLUSTERED (id)", "always"),
    ] {
        let pair = pair(key);
        for _ in 0..2 {
            copy(&pair, &["--tablock", lock, "--max-workers", "4", "--window", "week"]);
            assert_half_a_year(&pair);
        }
    }
}

#[test]
fn explain_changes_nothing() {
    let pair = pair("");
    let run = copy(&pair, &["--explain"]);
    for part in ["2024-06", "bulk update (BU)", "INSERT BULK", "no index finds a window's rows"] {
        assert!(run.stdout.contains(part), "{part}\n{run}");
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
}

#[test]
fn complete_windows_are_skipped_when_resumed() {
    let pair = pair(", CONSTRAINT PK_t PRIMARY KEY (day, id)");
    copy(&pair, &[]);
    // What nobody else may do is done here: had the window been loaded again, the label would be back.
    pair.target("UPDATE dbo.t SET label = N'mine' WHERE day = '2024-02-29'");
    pair.target("UPDATE replica.windows SET state = 'loading' WHERE first_date = '2024-05-01'");
    pair.target("DELETE FROM dbo.t WHERE day = '2024-05-31'");
    let run = copy(&pair, &["--resume"]);
    assert_eq!(loaded(&run), ["2024-05"], "{run}");
    let run = run.says("it was loading");
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = N'mine'"), 2, "{run}");
    assert!(target.number("SELECT COUNT(*) FROM dbo.t WHERE day = '2024-05-31'") > 0);
    copy(&pair, &["--restart"]);
    assert_half_a_year(&pair);
}

#[test]
fn another_run_on_the_table_exits_4() {
    let pair = pair("");
    let id = pair.target.client().number("SELECT OBJECT_ID(N'dbo.t')");
    let mut other = pair.target.client();
    let lock = format!(
        "EXEC sp_getapplock @Resource = N'replica table {id}', @LockMode = 'Exclusive', @LockOwner = 'Session'"
    );
    other.run(&lock);
    tool(&pair).run(&HALF_A_YEAR).exits(4).says("another run holds this table: ");
    // On record it is known by more than its session.
    other.run(&format!("EXEC sp_releaseapplock @Resource = N'replica table {id}', @LockOwner = 'Session'"));
    copy(&pair, &[]);
    other.run(&lock);
    pair.target("UPDATE replica.runs SET ended = NULL, lease_until = '9999-01-01', host = N'etl-7', pid = 4711, started = '2024-07-01 02:15'");
    let run = tool(&pair).run(&HALF_A_YEAR).exits(4);
    run.says("of replicate-monthly-parallel-streaming on host etl-7 (process 4711), login ")
        .says("since 2024-07-01T02:15:00Z");
}
