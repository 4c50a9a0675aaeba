//! Which rows a window holds: days at the ends of months and of types, in every type that holds dates.
use replica_testkit::{Pair, ProgramExit, Server};

use crate::util::{all_months, copy, outcomes, pair, tool};

/// dbo.w (id, d) with these types of d, and these values of it at the source.
fn stage(source: &str, target: &str, values: &[&str]) -> Pair {
    let pair = Pair::new();
    pair.source(&format!("CREATE TABLE dbo.w (id int NOT NULL, d {source} NULL)"));
    pair.target(&format!("CREATE TABLE dbo.w (id int NOT NULL, d {target} NULL)"));
    for (id, value) in values.iter().enumerate() {
        pair.source(&format!("INSERT INTO dbo.w (id, d) VALUES ({id}, {value})"));
    }
    pair
}

/// Replaces windows of dbo.w twice, since it must be safe to repeat; the rows of each window, in order.
#[track_caller]
fn windows(pair: &Pair, first: &str, last: &str, more: &[&str]) -> (ProgramExit, Vec<(String, u64)>) {
    let args = ["dbo.w", "--start-date", first, "--end-date", last, "--date-column", "d", "--verify", "hash"];
    let args = [&args, more].concat();
    tool(pair).run(&args).exits(0);
    let run = tool(pair).run(&args).exits(0);
    let mut rows: Vec<_> =
        run.lines().iter().map(|line| (line[1].to_owned(), line[3].parse().unwrap())).collect();
    rows.sort_unstable();
    (run, rows)
}

fn expected<const N: usize>(rows: [(&str, u64); N]) -> Vec<(String, u64)> {
    rows.map(|(window, rows)| (window.to_owned(), rows)).to_vec()
}

#[track_caller]
fn ids(pair: &Pair) -> Vec<i32> {
    let rows = pair.target.client().rows("SELECT id FROM dbo.w ORDER BY id");
    rows.iter().map(|row| row.get(0).unwrap()).collect()
}

#[test]
fn the_ends_of_months_in_every_type() {
    // Of 31 January, 1 and 29 February, 1 March; the first and the last moment that the type knows of each day.
    for (of, last_moment) in [
        ("datetime", "23:59:59.997"),
        ("smalldatetime", "23:59:00"),
        ("datetime2(0)", "23:59:59"),
        ("datetime2(1)", "23:59:59.9"),
        ("datetime2(3)", "23:59:59.999"),
        ("datetime2(6)", "23:59:59.999999"),
        ("datetime2(7)", "23:59:59.9999999"),
        ("datetimeoffset(7)", "23:59:59.9999999"),
    ] {
        let moment = |day: &str, time: &str| format!("CAST('2024-{day}T{time}' AS {of})");
        let values: Vec<String> = ["01-31", "02-01", "02-29", "03-01"]
            .into_iter()
            .flat_map(|day| [moment(day, "00:00:00"), moment(day, last_moment)])
            .collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let pair = stage(of, of, &values);
        let (run, rows) = windows(&pair, "2024-02-01", "2024-02-29", &[]);
        assert_eq!(rows, expected([("2024-02", 4)]), "{of}\n{run}");
        assert_eq!(ids(&pair), [2, 3, 4, 5], "{of}");
        let (run, rows) = windows(&pair, "2024-01-31", "2024-03-01", &[]);
        let all = expected([("2024-01-31", 2), ("2024-02", 4), ("2024-03-01", 2)]);
        assert_eq!(rows, all, "{of}\n{run}");
        pair.assert_equal("SELECT id, d FROM dbo.w ORDER BY id");
    }
}

#[test]
fn days_and_numbers_of_days() {
    for (of, days) in [
        ("date", ["'2023-12-31'", "'2024-01-01'", "'2024-02-29'", "'2024-03-31'", "'2024-04-01'"]),
        ("int", ["20231231", "20240101", "20240229", "20240331", "20240401"]),
        ("bigint", ["20231231", "20240101", "20240229", "20240331", "20240401"]),
    ] {
        let pair = stage(of, of, &days);
        let (run, rows) = windows(&pair, "2024-01-01", "2024-03-31", &["--max-workers", "3"]);
        assert_eq!(rows, expected([("2024-01", 1), ("2024-02", 1), ("2024-03", 1)]), "{of}\n{run}");
        assert_eq!(ids(&pair), [1, 2, 3], "{of}");
    }
}

#[test]
fn a_moment_with_an_offset_is_of_its_day_in_utc() {
    let values =
        ["'2024-02-01T00:30:00+02:00'", "'2024-01-31T23:30:00-02:00'", "'2024-02-29T23:00:00-05:00'"];
    let pair = stage("datetimeoffset(3)", "datetimeoffset(3)", &values);
    let (run, rows) = windows(&pair, "2024-01-01", "2024-03-31", &[]);
    assert_eq!(rows, expected([("2024-01", 1), ("2024-02", 1), ("2024-03", 1)]), "{run}");
    pair.assert_equal("SELECT id, d FROM dbo.w ORDER BY id");
}

#[test]
fn a_moment_that_is_rounded_into_the_next_month_is_copied_with_that() {
    let values = ["'2024-01-31T23:59:59.9999999'", "'2024-01-31T23:59:29'", "'2024-02-01T00:00:00'"];
    for (to, rounds) in
        [("datetime", true), ("smalldatetime", true), ("datetime2(0)", true), ("datetime2(7)", false)]
    {
        let pair = stage("datetime2(7)", to, &values);
        let january = if rounds { 1 } else { 2 };
        let (run, rows) = windows(&pair, "2024-01-01", "2024-02-29", &[]);
        assert_eq!(rows, expected([("2024-01", january), ("2024-02", 3 - january)]), "{to}\n{run}");
        assert_eq!(ids(&pair), [0, 1, 2], "{to}: each once");
    }
}

#[test]
fn weeks_and_days_meet_without_a_gap() {
    let days: Vec<String> = (1..=29).map(|day| format!("'2024-02-{day:02}'")).collect();
    let pair = stage("date", "date", &days.iter().map(String::as_str).collect::<Vec<_>>());
    for unit in ["week", "day"] {
        let (run, rows) =
            windows(&pair, "2024-02-01", "2024-02-29", &["--window", unit, "--max-workers", "2"]);
        assert_eq!(rows.iter().map(|(_, rows)| rows).sum::<u64>(), 29, "{run}");
        pair.assert_equal("SELECT id, d FROM dbo.w ORDER BY id");
    }
}

#[test]
fn empty_months_a_single_row_and_rows_without_a_date() {
    let pair = stage("date", "date", &["'2024-02-14'", "NULL", "NULL"]);
    // The source has none in March any more.
    pair.target("INSERT INTO dbo.w VALUES (77, '2024-03-15')");
    let (run, rows) = windows(&pair, "2024-01-01", "2024-03-31", &["--allow-shrink"]);
    assert_eq!(rows, expected([("2024-01", 0), ("2024-02", 1), ("2024-03", 0)]), "{run}");
    assert_eq!(ids(&pair), [0]);
    run.says("at the source, 2 rows without d: in no window, and not copied");
}

/// More than two batches of a DELETE, of rows that the source lacks.
#[test]
fn thousands_of_old_rows_go() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.w (id int NOT NULL, d date NOT NULL, CONSTRAINT PK_w PRIMARY KEY (d, id))");
    pair.source("INSERT INTO dbo.w VALUES (1, '2024-01-01')");
    pair.target("INSERT INTO dbo.w VALUES (10001, '2024-01-31'), (-1, '2024-02-01')");
    for doubling in 0..14 {
        let by = 1 << doubling;
        pair.target(&format!(
            "INSERT INTO dbo.w (id, d) SELECT id + {by}, d FROM dbo.w WHERE id > 10000 AND id + {by} <= 19001"
        ));
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.w"), 9002);
    let (run, rows) = windows(&pair, "2024-01-01", "2024-01-31", &["--allow-shrink"]);
    assert_eq!(rows, expected([("2024-01", 1)]), "{run}");
    assert_eq!(ids(&pair), [-1, 1]);
}

#[test]
fn a_table_that_is_nothing_but_dates() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.w (d date NOT NULL)");
    pair.source("INSERT INTO dbo.w VALUES ('2024-01-01'), ('2024-01-01'), ('2024-01-31'), ('2024-02-01')");
    let (run, rows) = windows(&pair, "2024-01-01", "2024-02-29", &["--max-workers", "2"]);
    assert_eq!(rows, expected([("2024-01", 3), ("2024-02", 1)]), "{run}");
    pair.assert_equal("SELECT d FROM dbo.w ORDER BY d");
}

#[test]
fn a_table_of_184_columns() {
    let pair = Pair::on(Server::sandbox());
    for database in [&pair.source, &pair.target] {
        assert!(pair.server.generate_sales(&database.name, 400));
    }
    pair.target("DELETE FROM dbo.APP_4_SALES WHERE SALE_DATE >= '2024-03-01'");
    let args = [
        "APP_4_SALES",
        "--start-date",
        "2024-01-01",
        "--end-date",
        "2024-12-31",
        "--date-column",
        "SALE_DATE",
    ];
    let run = tool(&pair).run(&[&args[..], &["--verify", "hash", "--max-workers", "2"]].concat()).exits(0);
    assert_eq!(run.lines().len(), 12, "{run}");
    let rows = pair.source.client().number("SELECT COUNT(*) FROM dbo.APP_4_SALES");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.APP_4_SALES"), rows);
}

#[test]
fn the_first_half_of_a_leap_year() {
    let pair = pair("");
    assert_eq!(outcomes(&copy(&pair, &["--window", "month"])), all_months("ok"));
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE day = '2024-02-29'"), 2);
}

/// A key without the date, so that the row which has moved can't be in both months; January, the larger month, is
/// first.
const MOVED: [&str; 2] = [
    "INSERT INTO dbo.w VALUES (1, '2024-01-01'), (2, '2024-01-02'), (3, '2024-01-31'), (4, '2024-02-29')",
    "INSERT INTO dbo.w VALUES (1, '2024-01-01'), (3, '2024-02-01'), (4, '2024-02-29')",
];

fn moved(source: &str, target: &str) -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.w (id int NOT NULL PRIMARY KEY NONCLUSTERED, d date NOT NULL)");
    pair.source(source);
    pair.target(target);
    pair
}

#[test]
fn a_row_that_has_moved_to_an_earlier_month() {
    let pair = moved(MOVED[0], MOVED[1]);
    let args = ["dbo.w", "--start-date", "2024-01-01", "--end-date", "2024-02-29", "--max-workers", "1"];
    let run = tool(&pair).run(&args).exits(0).says("2024-01: tried again after all others").says("2627");
    let lines: Vec<_> = run.lines().iter().map(|line| (line[1], line[2], line[3], line[9])).collect();
    assert_eq!(lines, [("2024-02", "ok", "1", "0"), ("2024-01", "ok", "3", "1")], "{run}");
    pair.assert_equal("SELECT id, d FROM dbo.w ORDER BY id");
}

#[test]
fn a_key_that_is_taken_outside_of_all_windows() {
    let pair = moved(MOVED[0], &MOVED[1].replace("2024-02-01", "2023-12-31"));
    let args = ["dbo.w", "--start-date", "2024-01-01", "--end-date", "2024-02-29", "--max-workers", "1"];
    let run = tool(&pair).run(&args).exits(1).says("2627").says("take a range of days that holds both dates");
    assert_eq!(run.stderr.matches("tried again after all others").count(), 1, "{run}");
    let lines: Vec<_> = run.lines().iter().map(|line| (line[1], line[2])).collect();
    assert_eq!(lines, [("2024-02", "ok"), ("2024-01", "failed")], "{run}");
    let left = pair.target.client().rows("SELECT id FROM dbo.w WHERE id > 1 ORDER BY id");
    assert_eq!(left.iter().map(|row| row.get::<i32, _>(0).unwrap()).collect::<Vec<_>>(), [3, 4], "{run}");
}

#[test]
fn for_ever_is_a_day_that_can_be_asked_for() {
    for (of, days) in [
        ("date", ["'9999-11-30'", "'9999-12-30'", "'9999-12-31'"]),
        ("datetime2(7)", ["'9999-11-30'", "'9999-12-30T00:00:00'", "'9999-12-31T23:59:59.9999999'"]),
        ("datetime", ["'9999-11-30'", "'9999-12-30T23:59:59.997'", "'9999-12-31T23:59:59.997'"]),
        ("int", ["99991130", "99991230", "99991231"]),
        ("bigint", ["99991130", "99991230", "99999999"]),
    ] {
        let pair = stage(of, of, &days);
        pair.target(&format!("INSERT INTO dbo.w VALUES (90, {}), (91, {})", days[0], days[2]));
        let (run, rows) = windows(&pair, "9999-12-31", "9999-12-31", &["--window", "day"]);
        assert_eq!(rows, expected([("9999-12-31", 1)]), "{of}\n{run}");
        assert_eq!(ids(&pair), [2, 90], "{of}");
        let (run, rows) = windows(&pair, "9999-12-01", "9999-12-31", &[]);
        assert_eq!(rows, expected([("9999-12", 2)]), "{of}\n{run}");
        assert_eq!(ids(&pair), [1, 2, 90], "{of}");
        let (run, _) = windows(&pair, "9999-11-01", "9999-12-31", &["--max-workers", "2"]);
        assert_eq!(ids(&pair), [0, 1, 2], "{of}\n{run}");
        assert!(!run.stderr.contains("WARN"), "{of}\n{run}");
        // One window on record, whichever was there before it.
        let sql = "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'";
        assert_eq!(pair.target.client().number(sql), 2, "{of}");
        let (run, _) = windows(&pair, "9999-11-01", "9999-11-30", &[]);
        run.says("with a d of 9999-12-31 or later: only windows up to --end-date 9999-12-31 hold them");
    }
}

#[test]
fn numbers_that_are_no_days_are_named() {
    let days = ["0", "-1", "20240230", "20240301", "NULL", "10100"];
    let pair = stage("int", "int", &days);
    let (run, rows) = windows(&pair, "2024-01-01", "2024-03-31", &[]);
    // What lies between two days is of the first of them.
    assert_eq!(rows, expected([("2024-01", 0), ("2024-02", 1), ("2024-03", 1)]), "{run}");
    let run = run.says("1 row without d: in no window, and not copied");
    run.says("3 rows with a d that is no day (-1 to 10100): in no window that there can be, and not copied");
}
