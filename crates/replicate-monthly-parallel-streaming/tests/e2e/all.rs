//! `--all`: every date table, and without dates all days that the source has.
use replica_testkit::Pair;

use crate::util::tool;

const LISTS: &str = "reference_tables = ['dbo.*']\ndate_tables = ['s.*', '!s.old*']\n\
                     [date_filter_columns]\n's.numbers' = 'day'\n";

/// Two date tables, one of them with numbers for dates, and others that `--all` does not mean.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE SCHEMA s");
    for (table, day) in
        [("s.days", "datetime2(3)"), ("s.numbers", "int"), ("s.old", "date"), ("dbo.ref", "date")]
    {
        pair.both(&format!("CREATE TABLE {table} (id int NOT NULL PRIMARY KEY, day {day} NULL)"));
    }
    pair.source(
        "INSERT INTO s.days VALUES (1, '2023-11-15T12:00'), (2, '2024-02-29T23:59:59.999'), (3, '9999-12-31'), (4, NULL)",
    );
    pair.source("INSERT INTO s.numbers VALUES (1, 20240110), (2, 20240230), (3, 0), (4, 99991231)");
    for table in ["s.old", "dbo.ref"] {
        pair.source(&format!("INSERT INTO {table} VALUES (1, '2024-01-01')"));
    }
    // Before, between and after the source's days.
    pair.target("INSERT INTO s.days VALUES (901, '2023-11-14'), (902, '2024-02-01'), (903, '2024-03-01')");
    pair
}

#[test]
fn all_without_dates_takes_the_range_of_the_source() {
    let pair = pair();
    let run = tool(&pair).file("replica.toml", LISTS).run(&["--all", "--verify=hash"]).exits(0);
    let mut lines: Vec<_> =
        run.lines().iter().map(|line| [line[0], line[1], line[2], line[3]].join(" ")).collect();
    lines.sort_unstable();
    let expected = [
        "s.days 2023-11-15..2023-11-30 ok 1",
        "s.days 2023-12 ok 0",
        "s.days 2024-01 ok 0",
        "s.days 2024-02 ok 1",
        "s.numbers 2024-01-10..2024-01-31 ok 1",
        "s.numbers 2024-02 ok 1",
    ];
    assert_eq!(lines, expected, "{run}");
    let run = run.says("s.days: all days of the source, 2023-11-15..2024-02-29");
    run.says("1 row with a day of 9999-12-31 or later");
    let ids = |table: &str| {
        let rows = pair.target.client().rows(&format!("SELECT id FROM {table} ORDER BY id"));
        rows.iter().filter_map(|row| row.get::<i32, _>(0)).collect::<Vec<_>>()
    };
    assert_eq!(ids("s.days"), [1, 2, 901, 903]);
    assert_eq!(ids("s.numbers"), [1, 2]);
    assert_eq!((ids("s.old"), ids("dbo.ref")), (vec![], vec![]));
}

#[test]
fn all_with_dates_takes_these() {
    let pair = pair();
    let args = ["--all", "--start-date=2024-02-01", "--end-date=2024-02-29"];
    let run = tool(&pair).file("replica.toml", LISTS).run(&args).exits(0);
    assert_eq!(run.lines().len(), 2, "{run}");
    pair.assert_equal("SELECT id FROM s.days WHERE day >= '2024-02-01' AND day < '2024-03-01'");
    pair.assert_equal("SELECT id FROM s.numbers WHERE day = 20240230");
}

#[test]
fn a_source_without_rows_is_not_taken_for_an_empty_range() {
    let pair = pair();
    pair.source("DELETE FROM s.days");
    let run = tool(&pair).file("replica.toml", LISTS).run(&["s.days", "--all"]).exits(1);
    run.says("s.days").says("the source has no rows of any day");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM s.days"), 3);
    tool(&pair).run(&["s.days"]).exits(2).says("--start-date");
}
