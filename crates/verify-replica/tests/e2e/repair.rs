//! What differs is loaded again, and nothing else.
use replica_testkit::family::{JANUARY, family, others, replaced};
use replica_testkit::{Pair, ProgramExit};

use crate::util::{QUARTER, each, fault, quarter, tool, windows};

/// Everything in the target, of which the rows are equal to the source's.
#[track_caller]
fn assert_equal(pair: &Pair) {
    pair.assert_equal("SELECT id, day, n FROM dbo.t ORDER BY id");
}

#[test]
fn the_windows_that_differ_are_loaded_again_and_no_others() {
    let pair = quarter("date");
    each(
        &mut pair.target.client(),
        &["UPDATE dbo.t SET n = -1 WHERE id IN (3, 40)", "DELETE FROM dbo.t WHERE id IN (41, 42)"],
    );
    let run = tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    let lines: Vec<_> = windows(&run).iter().map(|line| (line[1], line[2])).collect();
    assert_eq!(lines.len(), 5, "January and February twice\n{run}");
    let count = |wanted| lines.iter().filter(|line| **line == wanted).count();
    for month in ["2024-01", "2024-02"] {
        assert_eq!((count((month, "different")), count((month, "equal"))), (1, 1), "{run}");
    }
    assert_eq!(count(("2024-03", "equal")), 1, "{run}");
    run.says("writing the rows that differ: 2024-01, 2024-02").says("3 of 3 windows equal");
    assert_equal(&pair);
    let loaded = pair.target.client().number("SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'");
    assert_eq!(loaded, 2, "March was not touched");
}

#[test]
fn an_empty_target_is_filled() {
    let pair = quarter("int");
    pair.target("DELETE FROM dbo.t WHERE day IS NOT NULL");
    let args = [QUARTER, &["--repair", "--date-column=day", "--max-workers=3"]].concat();
    tool(&pair).run(&args).exits(0);
    assert_equal(&pair);
}

#[test]
fn a_whole_table_is_replaced_in_one_transaction() {
    let pair = quarter("date");
    pair.target("UPDATE dbo.t SET n = -1 WHERE id = 500");
    let run = tool(&pair).run(&["dbo.t", "--repair"]).exits(0);
    assert_eq!(windows(&run).iter().map(|line| line[2]).collect::<Vec<_>>(), ["different", "equal"], "{run}");
    assert_equal(&pair);
}

#[test]
fn without_the_flag_and_without_a_difference_nothing_is_written() {
    let pair = quarter("date");
    tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    pair.target("UPDATE dbo.t SET n = -1 WHERE id = 3");
    tool(&pair).run(QUARTER).exits(1);
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT n FROM dbo.t WHERE id = 3"), -1);
    assert_eq!(target.number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
}

#[test]
fn what_cannot_be_repaired_stays_different() {
    let pair = quarter("date");
    if !pair.server.is_sandbox() {
        return crate::util::skip("only the sandbox takes faults");
    }
    pair.target("DELETE FROM dbo.t WHERE id = 3");
    pair.target("DELETE FROM dbo.t WHERE id = 40");
    // The log is full, whatever is loaded.
    for (how, table) in [("--repair=windows", "dbo.t"), ("--repair", "#replica_rows")] {
        fault(&pair, &format!("'log_full', '{table}', 1, 100"));
        let run = tool(&pair).run(&[QUARTER, &[how]].concat()).exits(1);
        run.says("not repaired").says("1 of 3 windows equal, 2 different");
    }
}

#[test]
fn rows_of_other_tables_stay_as_they_were() {
    let pair = family();
    let before = others(&pair);
    let windows_again = [&JANUARY[..], &["--repair=windows"]].concat();
    let run = tool(&pair).run(&windows_again).exits(1).says("not repaired");
    let lines: Vec<_> = windows(&run).iter().map(|line| line[2]).collect();
    assert_eq!(lines, ["different"], "{run}");
    run.says("m_p of dbo.m (ON DELETE CASCADE)").says("NOCHECK CONSTRAINT");
    assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 0));
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
    tool(&pair).run(&[&JANUARY[..], &["--repair"]].concat()).exits(0).says("0 rows deleted, 2 updated");
    assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 2));
    tool(&pair).run(&["dbo.p", "--repair"]).exits(0).says("0 rows deleted, 1 updated");
    assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 3));
    pair.target("UPDATE dbo.p SET v = 'old'");
    tool(&pair).run(&["dbo.p", "--repair", "windows"]).exits(0).says("loading again");
    assert_eq!((others(&pair), replaced(&pair)), (before, 3));
}

#[test]
fn one_wrong_row_is_one_row_to_repair() {
    let pair = quarter("date");
    pair.target("UPDATE dbo.t SET n = -1 WHERE id = 3");
    let run = tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    let run = run.says("0 rows deleted, 1 updated, 0 inserted").says("3 of 3 windows equal");
    assert_phases(&run, "dbo.t 2024-01");
    assert_equal(&pair);
    // Without a key its rows cannot be told apart: the window is loaded again.
    pair.both("CREATE TABLE dbo.k (day date NOT NULL, n int NULL)");
    pair.both("INSERT INTO dbo.k VALUES ('2024-01-05', 1), ('2024-01-06', 2)");
    pair.target("UPDATE dbo.k SET n = 3 WHERE n = 2");
    let args = ["dbo.k", "--start-date=2024-01-01", "--end-date=2024-01-31", "--repair"];
    tool(&pair).run(&args).exits(0).says("cannot be told apart").says("loading again");
    pair.assert_equal("SELECT day, n FROM dbo.k ORDER BY n");
    // A table without windows has the same phases.
    pair.both("CREATE TABLE dbo.w (id int NOT NULL PRIMARY KEY, n int NULL)");
    pair.both("INSERT INTO dbo.w VALUES (1, 1), (2, 2)");
    pair.target("UPDATE dbo.w SET n = 3 WHERE id = 2");
    let program = tool(&pair);
    let run = program.run(&["dbo.w", "--repair", "--report=page.html"]).exits(0);
    assert_phases(&run, "dbo.w");
    let page = std::fs::read_to_string(program.folder().join("page.html")).unwrap();
    let repair = page.lines().find(|line| line.contains("Repair: ")).unwrap_or_else(|| panic!("{page}"));
    PHASES.iter().for_each(|phase| assert!(repair.contains(phase), "{repair}"));
}

/// Of a repair that writes the rows that differ, in their order.
const PHASES: [&str; 3] = ["COMPARE ", "STAGE ", "APPLY "];

fn assert_phases(run: &ProgramExit, what: &str) {
    let line = run.stderr.lines().find(|line| line.contains(&format!("[TIMING] {what}: ")));
    let line = line.unwrap_or_else(|| panic!("no timing of {what}: {}", run.stderr));
    let places: Vec<_> = PHASES.iter().map(|phase| line.find(phase)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{line}");
}
