//! Windows and days.
use replica_testkit::Pair;

use crate::util::{QUARTER, each, findings, quarter, tool, verify, windows};

#[test]
fn months_are_compared_one_by_one() {
    for day in ["date", "datetime2(3)", "int", "datetimeoffset(0)"] {
        let pair = quarter(day);
        let column = if day == "int" { "--date-column=day" } else { "--window=month" };
        let args = [QUARTER, &[column]].concat();
        let run = verify(&pair, &args, 0);
        let mut months: Vec<_> = windows(&run).iter().map(|line| (line[1], line[3])).collect();
        months.sort_unstable();
        assert_eq!(months, [("2024-01", "31"), ("2024-02", "29"), ("2024-03", "31")], "{day}");
        // From one month to the next, and a row that no window holds.
        let moved = if day == "int" { "20240301" } else { "'2024-03-01'" };
        each(
            &mut pair.target.client(),
            &[
                &format!("UPDATE dbo.t SET day = {moved} WHERE id = 40"),
                "UPDATE dbo.t SET n = 9 WHERE id = 500",
            ],
        );
        let run = verify(&pair, &args, 1);
        let mut outcomes: Vec<_> = windows(&run).iter().map(|line| (line[1], line[2])).collect();
        outcomes.sort_unstable();
        assert_eq!(
            outcomes,
            [("2024-01", "equal"), ("2024-02", "different"), ("2024-03", "different")],
            "{day}"
        );
        let mut found: Vec<_> = findings(&run).iter().map(|line| (line[0], line[1])).collect();
        found.sort_unstable();
        assert_eq!(found, [("extra", "id=40"), ("missing", "id=40")], "{day}\n{run}");
    }
}

#[test]
fn the_whole_table_includes_rows_without_a_date() {
    let pair = quarter("date");
    pair.target("UPDATE dbo.t SET n = 9 WHERE id IN (7, 500)");
    let run = verify(&pair, &["dbo.t"], 1);
    let found: Vec<_> = findings(&run).iter().map(|line| (line[0], line[1], line[4], line[5])).collect();
    assert_eq!(found, [("changed", "id=7", "7", "9"), ("changed", "id=500", "0", "9")], "{run}");
}

#[test]
fn days_and_weeks_are_windows_too() {
    let pair = quarter("date");
    pair.target("DELETE FROM dbo.t WHERE id = 31");
    for (unit, count, bad) in [("day", 91, "2024-02-01"), ("week", 13, "2024-01-29..2024-02-04")] {
        let run = tool(&pair).run(&[QUARTER, &["--window", unit, "--max-workers=3"]].concat()).exits(1);
        let different: Vec<_> = windows(&run).into_iter().filter(|line| line[2] == "different").collect();
        assert_eq!(windows(&run).len(), count);
        assert_eq!((different.len(), different[0][1], different[0][5]), (1, bad, "1"), "{run}");
    }
}

#[test]
fn a_table_with_several_dates_wants_to_know_which() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a date NULL, b date NULL)");
    tool(&pair).run(QUARTER).exits(2).says("--date-column");
    tool(&pair).run(&["dbo.t"]).exits(0);
    let config = tool(&pair).file("replica.toml", "[date_filter_columns]\n\"dbo.t\" = \"b\"");
    config.run(QUARTER).exits(0);
}

#[test]
fn the_last_day_that_there_is_is_compared_and_what_no_window_holds_is_named() {
    for (of, days) in [
        ("int", ["99991230", "99991231", "99999999", "0"]),
        ("date", ["'9999-12-30'", "'9999-12-31'", "'9999-12-31'", "NULL"]),
    ] {
        let pair = Pair::new();
        pair.both(&format!(
            "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day {of} NULL, n int NOT NULL)"
        ));
        for (id, day) in days.iter().enumerate() {
            pair.both(&format!("INSERT INTO dbo.t VALUES ({id}, {day}, 0)"));
        }
        let december = ["dbo.t", "--date-column=day", "--start-date=9999-12-01", "--end-date=9999-12-31"];
        let run = verify(&pair, &december, 0);
        assert_eq!(windows(&run)[0][1..5], ["9999-12", "equal", "3", "3"], "{of}\n{run}");
        let none = match of {
            "int" => "1 row with a day that is no day (0): in no window that there can be, and not compared",
            _ => "1 row without day: in no window, and not compared",
        };
        let run = run.says(&format!("at the source, {none}")).says(&format!("at the target, {none}"));
        assert!(!run.stderr.contains("or later"), "{run}");
        pair.target("UPDATE dbo.t SET n = 1 WHERE id = 1");
        let run = verify(&pair, &december, 1);
        assert_eq!(findings(&run), [["changed", "id=1", "1", "n", "0", "1", ""]], "{of}\n{run}");
        assert_eq!(windows(&run)[0][3..5], ["3", "3"], "{of}\n{run}");
        let november = ["dbo.t", "--date-column=day", "--start-date=9999-11-01", "--end-date=9999-11-30"];
        let run = verify(&pair, &november, 0);
        run.says(
            "rows with a day of 9999-12-31 or later: only windows up to --end-date 9999-12-31 hold them",
        );
    }
}
