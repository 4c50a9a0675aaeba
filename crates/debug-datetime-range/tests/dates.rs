//! The real binary against a server.
use replica_testkit::offenders::{ExpectedOffender, assert_found};
use replica_testkit::{Pair, Program};

fn finder(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_debug-datetime-range")).between(pair)
}

const OUT: &str = "out of range";
const ROUNDED: &str = "rounded";
const DAY: &str = "rounded into the next day";
const MONTH: &str = "rounded into the next month";

const OFFENDERS: &[ExpectedOffender] = &[
    ("date", "datetime", "'1753-01-01'", "'1752-12-31'", OUT),
    ("date", "smalldatetime", "'1900-01-01'", "'1899-12-31'", OUT),
    ("date", "smalldatetime", "'2079-06-06'", "'2079-06-07'", OUT),
    ("datetime2(7)", "datetime", "'2024-01-01T10:00:00.003'", "'1752-12-31T23:59:59'", OUT),
    ("datetime2(7)", "datetime", "'2024-01-01T10:00:00.007'", "'9999-12-31T23:59:59.9999999'", OUT),
    ("datetime2(7)", "datetime", "'2024-01-01T10:00:00.997'", "'2024-01-01T10:00:00.002'", ROUNDED),
    ("datetime2(7)", "datetime", "'2024-01-01T10:00:00'", "'2024-01-01T10:00:00.0000001'", ROUNDED),
    ("datetime2(7)", "datetime", "'2024-01-31T23:59:59.997'", "'2024-01-30T23:59:59.9999999'", DAY),
    ("datetime2(7)", "datetime", "'2024-01-31T23:59:59.997'", "'2024-01-31T23:59:59.999'", MONTH),
    ("datetime2(3)", "smalldatetime", "'2024-01-31T23:59:00'", "'2024-01-01T10:00:01'", ROUNDED),
    ("datetime2(3)", "smalldatetime", "'2024-01-31T23:59:00'", "'2024-01-01T23:59:30'", DAY),
    ("datetime2(7)", "smalldatetime", "'2024-01-31T23:59:00'", "'2023-12-31T23:59:59.9999999'", MONTH),
    ("datetime", "smalldatetime", "'2024-01-31T23:59:00'", "'2024-02-29T23:59:29.999'", MONTH),
    ("datetime", "smalldatetime", "'2024-01-31T23:59:00'", "'1899-12-31T23:00:00'", OUT),
    ("datetime", "datetime2(2)", "'2024-01-31T23:59:00.010'", "'2024-01-31T23:59:00.003'", ROUNDED),
    ("datetime2(7)", "datetime2(3)", "'2024-01-31T23:59:59.999'", "'2024-01-31T23:59:59.9999'", MONTH),
    ("datetime2(7)", "datetime2(0)", "'2024-01-31T23:59:59'", "'2024-01-31T23:59:58.5'", ROUNDED),
    (
        "datetimeoffset(7)",
        "datetimeoffset(0)",
        "'2024-01-31T23:59:59+02:00'",
        "'2024-01-31T23:59:59.9+02:00'",
        MONTH,
    ),
    (
        "datetimeoffset(7)",
        "datetimeoffset(0)",
        "'2024-01-31T23:59:59+02:00'",
        "'2024-01-31T22:00:00.1+02:00'",
        ROUNDED,
    ),
    ("time(7)", "time(0)", "'23:59:59'", "'10:00:00.25'", ROUNDED),
    ("time(7)", "time(0)", "'23:59:59'", "'23:59:59.9999999'", DAY),
];

#[test]
fn every_kind_of_offender_is_found_and_nothing_else() {
    let pair = Pair::new();
    assert_found(&finder(&pair), &pair, OFFENDERS);
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
