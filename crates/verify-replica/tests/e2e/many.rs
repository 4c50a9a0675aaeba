//! `--all`: tables as a whole, and tables by the windows of the ledger.
use replica_testkit::{Pair, Program, ProgramExit};

use crate::util::{quarter, tool, windows};

const LISTS: &str = "reference_tables = ['dbo.ref*']\ndate_tables = ['dbo.t']\n";

/// `dbo.t` with a row a day, January and February of it copied, and a reference table.
fn copied() -> Pair {
    let pair = quarter("date");
    pair.both("CREATE TABLE dbo.ref (id int NOT NULL PRIMARY KEY, day date NULL)");
    pair.both("INSERT INTO dbo.ref VALUES (1, '2024-01-01'), (2, NULL)");
    let binary = env!("CARGO_BIN_EXE_verify-replica");
    let copy = Program::beside(binary, "replicate-monthly-parallel-streaming").between(&pair);
    copy.run(&["dbo.t", "--start-date=2024-01-01", "--end-date=2024-02-29"]).exits(0);
    pair
}

fn compared(run: &ProgramExit) -> Vec<(&str, &str, &str)> {
    let mut windows: Vec<_> = windows(run).iter().map(|line| (line[0], line[1], line[2])).collect();
    windows.sort_unstable();
    windows
}

#[test]
fn all_compares_date_tables_by_the_windows_on_record() {
    let pair = copied();
    // March is in no window on record.
    pair.target("UPDATE dbo.t SET n = 0 WHERE day IN ('2024-02-10', '2024-03-10')");
    pair.target("DELETE FROM dbo.ref WHERE id = 2");
    let run = tool(&pair).file("replica.toml", LISTS).run(&["--all"]).exits(1);
    let expected =
        [("dbo.ref", "", "different"), ("dbo.t", "2024-01", "equal"), ("dbo.t", "2024-02", "different")];
    assert_eq!(compared(&run), expected, "{run}");
    run.says("compared by the 2 windows that the ledger has of it, from 2024-01-01 to 2024-02-29");
    tool(&pair).file("replica.toml", LISTS).run(&["--all", "--repair"]).exits(0);
    pair.assert_equal("SELECT id, n FROM dbo.t WHERE day < '2024-03-01' ORDER BY id");
    pair.assert_equal("SELECT * FROM dbo.ref ORDER BY id");
    assert_eq!(pair.target.client().number("SELECT n FROM dbo.t WHERE day = '2024-03-10'"), 0);
    let run = tool(&pair).file("replica.toml", LISTS).run(&["--all", "--against-ledger"]).exits(0);
    assert_eq!(compared(&run), [("dbo.t", "2024-01", "equal"), ("dbo.t", "2024-02", "equal")], "{run}");
}

#[test]
fn dates_concern_the_date_tables_of_all() {
    let pair = copied();
    pair.target("UPDATE dbo.t SET n = 0 WHERE day = '2024-03-10'");
    let args = ["--all", "--start-date=2024-02-01", "--end-date=2024-03-31"];
    let run = tool(&pair).file("replica.toml", LISTS).run(&args).exits(1);
    let expected =
        [("dbo.ref", "", "equal"), ("dbo.t", "2024-02", "equal"), ("dbo.t", "2024-03", "different")];
    assert_eq!(compared(&run), expected, "{run}");
}

#[test]
fn a_date_table_without_windows_on_record_fails_alone() {
    let pair = quarter("date");
    pair.both("CREATE TABLE dbo.ref (id int NOT NULL PRIMARY KEY)");
    let run = tool(&pair).file("replica.toml", LISTS).run(&["--all"]).exits(1).says("--start-date");
    assert_eq!(compared(&run), [("dbo.ref", "", "equal"), ("dbo.t", "", "failed")], "{run}");
}
