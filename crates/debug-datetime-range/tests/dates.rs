//! The real binary against a server.
use replica_testkit::{Pair, Program};

fn finder(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_debug-datetime-range")).between(pair)
}

const OUT: &str = "out of range";
const ROUNDED: &str = "rounded";
const DAY: &str = "rounded into the next day";
const MONTH: &str = "rounded into the next month";

/// Source type, target type, a value that fits, and one with the problem.
const OFFENDERS: &[(&str, &str, &str, &str, &str)] = &[
    ("date", "datetime", "1753-01-01", "1752-12-31", OUT),
    ("date", "smalldatetime", "1900-01-01", "1899-12-31", OUT),
    ("date", "smalldatetime", "2079-06-06", "2079-06-07", OUT),
    ("datetime2(7)", "datetime", "2024-01-01T10:00:00.003", "1752-12-31T23:59:59", OUT),
    ("datetime2(7)", "datetime", "2024-01-01T10:00:00.007", "9999-12-31T23:59:59.9999999", OUT),
    ("datetime2(7)", "datetime", "2024-01-01T10:00:00.997", "2024-01-01T10:00:00.002", ROUNDED),
    ("datetime2(7)", "datetime", "2024-01-01T10:00:00", "2024-01-01T10:00:00.0000001", ROUNDED),
    ("datetime2(7)", "datetime", "2024-01-31T23:59:59.997", "2024-01-30T23:59:59.9999999", DAY),
    ("datetime2(7)", "datetime", "2024-01-31T23:59:59.997", "2024-01-31T23:59:59.999", MONTH),
    ("datetime2(3)", "smalldatetime", "2024-01-31T23:59:00", "2024-01-01T10:00:01", ROUNDED),
    ("datetime2(3)", "smalldatetime", "2024-01-31T23:59:00", "2024-01-01T23:59:30", DAY),
    ("datetime2(7)", "smalldatetime", "2024-01-31T23:59:00", "2023-12-31T23:59:59.9999999", MONTH),
    ("datetime", "smalldatetime", "2024-01-31T23:59:00", "2024-02-29T23:59:29.999", MONTH),
    ("datetime", "smalldatetime", "2024-01-31T23:59:00", "1899-12-31T23:00:00", OUT),
    ("datetime", "datetime2(2)", "2024-01-31T23:59:00.010", "2024-01-31T23:59:00.003", ROUNDED),
    ("datetime2(7)", "datetime2(3)", "2024-01-31T23:59:59.999", "2024-01-31T23:59:59.9999", MONTH),
    ("datetime2(7)", "datetime2(0)", "2024-01-31T23:59:59", "2024-01-31T23:59:58.5", ROUNDED),
    (
        "datetimeoffset(7)",
        "datetimeoffset(0)",
        "2024-01-31T23:59:59+02:00",
        "2024-01-31T23:59:59.9+02:00",
        MONTH,
    ),
    (
        "datetimeoffset(7)",
        "datetimeoffset(0)",
        "2024-01-31T23:59:59+02:00",
        "2024-01-31T22:00:00.1+02:00",
        ROUNDED,
    ),
    ("time(7)", "time(0)", "23:59:59", "10:00:00.25", ROUNDED),
    ("time(7)", "time(0)", "23:59:59", "23:59:59.9999999", DAY),
];

#[test]
fn every_kind_of_offender_is_found_and_nothing_else() {
    let pair = Pair::new();
    let columns = |side: fn(&(&str, &str, &str, &str, &str)) -> String| {
        OFFENDERS
            .iter()
            .enumerate()
            .map(|(n, row)| format!("c{n} {} NULL", side(row)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    pair.source(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, {})",
        columns(|row| row.0.into())
    ));
    pair.target(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, {})",
        columns(|row| row.1.into())
    ));
    let clean = OFFENDERS.iter().map(|row| format!("'{}'", row.2)).collect::<Vec<_>>().join(", ");
    let nulls = OFFENDERS.iter().map(|_| "NULL").collect::<Vec<_>>().join(", ");
    pair.source(&format!("INSERT INTO dbo.t VALUES (1, {clean}), (2, {nulls})"));
    let run = finder(&pair).run(&["dbo.t", "--rows", "1"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run}");
    let names: Vec<_> = (0..OFFENDERS.len()).map(|n| format!("c{n}")).collect();
    let names = names.join(", ");
    for n in 0..11 {
        pair.source(&format!("INSERT INTO dbo.t SELECT id + {}, {names} FROM dbo.t", 2 << n));
    }
    for (n, row) in OFFENDERS.iter().enumerate() {
        pair.source(&format!("UPDATE dbo.t SET c{n} = '{}' WHERE id = {}", row.3, 1000 + n));
    }
    let run = finder(&pair).run(&["dbo.t", "--rows", "3"]).exits(1);
    let found: Vec<_> = run
        .lines()
        .iter()
        .filter(|line| !line[8].is_empty())
        .map(|l| format!("{} {} {} {}", l[1], l[5], l[7], l[8]))
        .collect();
    let expected: Vec<_> =
        OFFENDERS.iter().enumerate().map(|(n, row)| format!("c{n} {} 1 {}", row.4, 1000 + n)).collect();
    assert_eq!(found, expected, "{run}");
}

#[test]
fn a_window_holds_what_is_rounded_into_it() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, d datetime2(7) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, d smalldatetime NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, '2024-01-31T23:59:59'), (2, '2024-01-31T10:00:01')");
    let window = |first, last| {
        let run = finder(&pair).run(&["dbo.t", "--start-date", first, "--end-date", last, "--rows", "9"]);
        run.lines()
            .iter()
            .filter(|line| !line[8].is_empty())
            .map(|l| (l[5].to_owned(), l[8].to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(window("2024-01-01", "2024-01-31"), [(ROUNDED.to_owned(), "2".to_owned())]);
    assert_eq!(window("2024-02-01", "2024-02-29"), [(MONTH.to_owned(), "1".to_owned())]);
}
