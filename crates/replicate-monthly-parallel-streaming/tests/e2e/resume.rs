//! What `--resume` skips is what the target still has, and is said.
use replica_core::catalog::record::CatalogRow;
use replica_testkit::{Pair, Program, ProgramExit};

use crate::util::{
    MONTHS, all_months, assert_half_a_year, copy, fault, half_a_year, no_fault, outcomes, pair, plain,
    sandbox, tool, until, waited,
};

const CLUSTERED: &str = ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)";

/// Six months, of which these are loaded again.
fn again(months: &[&str]) -> Vec<(String, String)> {
    let outcome = |month| if months.contains(&month) { "ok" } else { "skipped" };
    MONTHS.map(|month| (month.to_owned(), outcome(month).to_owned())).to_vec()
}

fn line<'a>(run: &'a ProgramExit, window: &str) -> Vec<&'a str> {
    run.lines().into_iter().find(|line| line[1] == window).unwrap()
}

#[test]
fn a_run_that_does_nothing_says_so() {
    let pair = pair(CLUSTERED);
    let first = copy(&pair, &[]);
    let run = copy(&pair, &["--resume"]).says("0 of 6 windows replaced, 6 skipped");
    assert_eq!(outcomes(&run), all_months("skipped"), "{run}");
    for window in MONTHS {
        let (loaded, skipped) = (line(&first, window), line(&run, window));
        assert_eq!(loaded.len(), skipped.len());
        // Rows, bytes and hash are those on record; nothing took any time.
        let [rows, bytes, hash] = [3, 4, 7].map(|column| loaded[column]);
        assert_eq!(skipped[3..], [rows, bytes, "", "", hash, "", ""], "{run}");
    }
    let run = copy(&pair, &["--resume", "--output", "text"]);
    let (head, lines) = run.stdout.split_once('\n').unwrap();
    assert_eq!(
        head.split_whitespace().collect::<Vec<_>>(),
        ["table", "window", "outcome", "rows", "size", "hash"]
    );
    let shown: Vec<Vec<&str>> = lines.lines().map(|line| line.split_whitespace().collect()).collect();
    let shown: Vec<&[&str]> = shown.iter().map(|line| &line[..3]).collect();
    assert_eq!(shown, MONTHS.map(|month| ["dbo.t", month, "skipped"]), "{run}");
    let run = copy(&pair, &["--resume", "--output", "json"]);
    let skipped = "\"outcome\":\"skipped\",\"rows\":";
    assert_eq!(run.stdout.matches(skipped).count(), 6, "{run}");
    assert_eq!(run.stdout.matches("\"seconds\":null").count(), 6, "{run}");
}

#[test]
fn resume_mends_what_was_done_to_the_rows() {
    let pair = pair(CLUSTERED);
    copy(&pair, &[]);
    let march = pair
        .target
        .client()
        .number("SELECT COUNT(*) FROM dbo.t WHERE day >= '2024-03-01' AND day < '2024-04-01'");
    let none = format!("2024-03: loaded again, since the target has 0 rows, the record says {march}");
    let one_less = format!("the target has {} rows, the record says {march}", march - 1);
    let one_more = format!("the target has {} rows, the record says {march}", march + 1);
    for (sql, months, says) in [
        ("TRUNCATE TABLE dbo.t", &MONTHS[..], none.as_str()),
        ("DELETE FROM dbo.t WHERE day >= '2024-03-01' AND day < '2024-04-01'", &["2024-03"], none.as_str()),
        ("DELETE FROM dbo.t WHERE id = 60", &["2024-03"], one_less.as_str()),
        ("INSERT INTO dbo.t VALUES (-1, '2024-03-31', N'stray')", &["2024-03"], one_more.as_str()),
        // As many as before, and yet two windows are other ones.
        ("UPDATE dbo.t SET day = '2024-04-01' WHERE id = 60", &["2024-03", "2024-04"], one_less.as_str()),
        // An older copy of the table in its place.
        (
            "ALTER TABLE dbo.t DROP CONSTRAINT PK_t; SELECT * INTO dbo.old FROM dbo.t WHERE id % 2 = 0; DROP TABLE dbo.t; \
             EXEC sp_rename 'dbo.old', 't'",
            &MONTHS[..],
            "since the table was dropped and made again",
        ),
    ] {
        pair.target(sql);
        let run = copy(&pair, &["--resume"]).says(says);
        assert_eq!(outcomes(&run), again(months), "{sql}\n{run}");
        assert_half_a_year(&pair);
        let run = copy(&pair, &["--resume"]);
        assert_eq!(outcomes(&run), all_months("skipped"), "{sql}\n{run}");
    }
}

#[test]
fn resume_loads_again_what_a_whole_table_copy_has_replaced() {
    let pair = pair(CLUSTERED);
    copy(&pair, &[]);
    // As many rows for each month, of another database.
    let other = self::pair(CLUSTERED);
    other.source("UPDATE dbo.t SET label = N'other'");
    let whole = Program::beside(
        env!("CARGO_BIN_EXE_replicate-monthly-parallel-streaming"),
        "replicate-reference-tables",
    );
    let whole = whole.between(&pair).with("REPLICA_SOURCE", &other.source.connection);
    whole.run(&["dbo.t"]).exits(0);
    let run = copy(&pair, &["--resume"]).says("its rows were replaced by replicate-reference-tables at 20");
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn a_value_that_has_changed_is_found_by_its_hash() {
    let pair = pair(CLUSTERED);
    copy(&pair, &[]);
    pair.target("UPDATE dbo.t SET label = N'changed' WHERE id = 60");
    let run = copy(&pair, &["--resume"]);
    assert_eq!(outcomes(&run), all_months("skipped"), "rows are counted\n{run}");
    let run = copy(&pair, &["--resume", "--verify", "count"]);
    assert_eq!(outcomes(&run), all_months("skipped"), "{run}");
    let run = copy(&pair, &["--resume", "--verify", "hash"])
        .says("2024-03: loaded again, since the target's rows have the hash");
    assert_eq!(outcomes(&run), again(&["2024-03"]), "{run}");
    assert_half_a_year(&pair);
}

/// A day that is none, moments that are rounded into the next day, days that are others in UTC: counted as the windows
/// have them.
#[test]
fn what_is_still_there_is_not_loaded_again_whatever_the_column() {
    for (source, target, values) in [
        ("int", "int", ["20240229", "20240230", "20240301"]),
        ("bigint", "int", ["20240131", "20240201", "20240200"]),
        ("datetime2(7)", "datetime", ["'2024-01-31T23:59:59.9999'", "'2024-02-01'", "'2024-02-29'"]),
        ("datetime2(7)", "smalldatetime", ["'2024-01-31T23:59:59.9999'", "'2024-02-01'", "'2024-02-29'"]),
        (
            "datetimeoffset(3)",
            "datetimeoffset(3)",
            ["'2024-02-01T00:30:00+02:00'", "'2024-01-31T23:30:00-02:00'", "'2024-02-28'"],
        ),
    ] {
        let pair = Pair::new();
        pair.source(&format!("CREATE TABLE dbo.w (id int NOT NULL, d {source} NULL)"));
        pair.target(&format!("CREATE TABLE dbo.w (id int NOT NULL, d {target} NULL)"));
        pair.source(&format!(
            "INSERT INTO dbo.w VALUES (1, {}), (2, {}), (3, {}), (4, NULL)",
            values[0], values[1], values[2]
        ));
        for unit in ["day", "month"] {
            let args = [
                "dbo.w",
                "--start-date",
                "2024-01-30",
                "--end-date",
                "2024-03-02",
                "--date-column",
                "d",
                "--window",
                unit,
            ];
            let first = tool(&pair).run(&args).exits(0);
            let rows: u64 = first.lines().iter().map(|line| line[3].parse::<u64>().unwrap()).sum();
            assert_eq!(rows, 3, "{source}\n{first}");
            let run = tool(&pair).run(&[&args[..], &["--resume"]].concat()).exits(0);
            assert!(run.lines().iter().all(|line| line[2] == "skipped"), "{source} by {unit}\n{run}");
            assert_eq!(run.lines().len(), first.lines().len());
        }
    }
}

/// Who joins takes the word of the host that has begun, which has looked.
#[test]
fn hosts_that_share_look_once() {
    let pair = sandbox(CLUSTERED);
    copy(&pair, &[]);
    pair.target("DELETE FROM dbo.t WHERE id = 60");
    fault(&pair, "@fault = 'stall', @table = 'dbo.t'");
    let shared = half_a_year(&["--shared", "--resume", "--max-workers", "1"]);
    let first = plain(&pair, "").start(&shared);
    until(
        &mut pair.target.client(),
        1,
        "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'",
    );
    let mut second = plain(&pair, "").start(&shared);
    until(
        &mut pair.target.client(),
        2,
        "SELECT COUNT(*) FROM replica.runs WITH (NOLOCK) WHERE ended IS NULL",
    );
    no_fault(&pair);
    let first = first.finish().exits(0).says("the record says");
    assert_eq!(outcomes(&first), again(&["2024-03"]), "{first}");
    assert!(!second.says_before_it_ends("the record says"));
    let second = second.finish().exits(0);
    let skipped: Vec<_> = outcomes(&second).into_iter().filter(|(_, outcome)| outcome == "skipped").collect();
    assert!(skipped.len() >= 5, "{second}");
    assert_half_a_year(&pair);
}

#[test]
fn a_signal_ends_the_look_and_changes_nothing() {
    let pair = sandbox(CLUSTERED);
    copy(&pair, &[]);
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCKX, HOLDLOCK)");
    let mut watcher = pair.target.client();
    let waiting = waited("IS");
    let before = watcher.number(&waiting);
    let running = plain(&pair, "").start(&half_a_year(&["--resume"]));
    until(&mut watcher, before + 1, &waiting);
    running.signal("TERM");
    let run = running.finish().exits(143);
    assert_eq!(run.stdout, "", "{run}");
    other.batch("ROLLBACK");
    let complete = "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'";
    assert_eq!(watcher.number(complete), 6);
    assert_eq!(watcher.number("SELECT COUNT(*) FROM replica.runs"), 1, "it has not begun");
}

/// Results that were read from dbo.t, on either side.
fn scans(pair: &Pair) -> i64 {
    CatalogRow::from(&pair.target.client().rows("EXEC sp_sandbox_counters 'dbo.t'")[0]).int("scans").unwrap()
}

#[test]
fn the_rows_of_all_windows_are_counted_once() {
    let pair = sandbox(CLUSTERED);
    copy(&pair, &[]);
    let before = scans(&pair);
    let run = copy(&pair, &["--resume"]);
    assert_eq!(outcomes(&run), all_months("skipped"), "{run}");
    // At the source the days, and the rows outside of all windows; at the target the days, for the guard and for what
    // is skipped.
    assert_eq!(scans(&pair), before + 3, "{run}");
}

/// The guard looks at what is about to be replaced, and at nothing else.
#[test]
fn a_window_that_is_skipped_is_not_in_the_way() {
    let pair = pair(CLUSTERED);
    copy(&pair, &[]);
    let rows = "SELECT id, day, label FROM dbo.t ORDER BY id";
    pair.source("DELETE FROM dbo.t WHERE day >= '2024-03-01' AND day < '2024-04-01'");
    let before = pair.target.client().values(rows);
    tool(&pair).run(&half_a_year(&[])).exits(1).says("window 2024-03: the source has 0 rows");
    let run = copy(&pair, &["--resume"]);
    assert_eq!(outcomes(&run), all_months("skipped"), "{run}");
    assert_eq!(pair.target.client().values(rows), before);
    // A window that is to be replaced after all is looked at, whatever says so: its number of rows or their hash.
    for (change, more) in [
        ("UPDATE dbo.t SET label = N'changed' WHERE id = 60", &["--resume", "--verify", "hash"][..]),
        ("DELETE FROM dbo.t WHERE id = 60", &["--resume"]),
    ] {
        pair.target(change);
        let before = pair.target.client().values(rows);
        let run = tool(&pair).run(&half_a_year(more)).exits(1).says("window 2024-03: the source has 0 rows");
        assert_eq!(pair.target.client().values(rows), before, "{run}");
        let others = "SELECT COUNT(*) FROM replica.windows WHERE state <> 'complete'";
        assert_eq!(pair.target.client().number(others), 0, "{run}");
    }
}
