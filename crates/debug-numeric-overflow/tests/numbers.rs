//! The real binary against a server.
use replica_testkit::offenders::{ExpectedOffender, assert_found};
use replica_testkit::{Pair, Program};

fn finder(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_debug-numeric-overflow")).between(pair)
}

const OFFENDERS: &[ExpectedOffender] = &[
    ("int", "tinyint", "255", "-1", "out of range"),
    ("int", "smallint", "-32768", "32768", "out of range"),
    ("bigint", "int", "2147483647", "-2147483649", "out of range"),
    ("int", "decimal(4,1)", "999", "1000", "out of range"),
    ("int", "smallmoney", "214748", "214749", "out of range"),
    ("int", "real", "16777216", "16777217", "rounded"),
    ("bigint", "float", "9007199254740992", "9007199254740993", "rounded"),
    ("decimal(9,3)", "decimal(5,2)", "999.990", "1000", "out of range"),
    ("decimal(9,3)", "decimal(5,2)", "-999.990", "999.995", "out of range"),
    ("decimal(9,3)", "decimal(5,2)", "999.990", "0.001", "rounded"),
    ("decimal(38,0)", "decimal(38,37)", "9", "10", "out of range"),
    ("decimal(38,38)", "decimal(38,0)", "0", "0.5", "rounded"),
    ("decimal(38,4)", "float", "12345678901.2345", "1234567890123456789.1234", "rounded"),
    ("decimal(9,4)", "real", "1234.5", "12345.6789", "rounded"),
    ("decimal(19,4)", "money", "922337203685477.5807", "922337203685477.5808", "out of range"),
    ("decimal(9,5)", "smallmoney", "1.2345", "1.23456", "rounded"),
    ("money", "smallmoney", "-214748.3648", "214748.3648", "out of range"),
    ("money", "decimal(9,2)", "1.2300", "1.2345", "rounded"),
    ("money", "float", "1.2345", "922337203685477.5807", "rounded"),
    ("smallmoney", "decimal(9,1)", "1.5", "1.25", "rounded"),
    ("float", "decimal(9,2)", "0.1", "1E10", "out of range"),
    ("float", "decimal(9,2)", "0.1", "0.125", "rounded"),
    ("float", "real", "0.5", "1E300", "out of range"),
    ("float", "real", "0.5", "0.1", "rounded"),
    ("real", "money", "0.5", "1E20", "out of range"),
    ("real", "decimal(9,1)", "0.5", "0.25", "rounded"),
];

#[test]
fn every_kind_of_offender_is_found_and_nothing_else() {
    let pair = Pair::new();
    assert_found(&finder(&pair), &pair, OFFENDERS);
}

#[test]
fn extremes_are_shown_from_end_to_end() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n bigint NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n smallint NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, -40000), (2, 5), (3, 99999999999), (4, 32768)");
    let run = finder(&pair).run(&["dbo.t", "--rows", "2"]).exits(1);
    let lines = run.lines();
    let finding = ["dbo.t", "n", "bigint", "smallint", "-32768 to 32767", "out of range"];
    assert_eq!(lines[0][..6], finding);
    assert_eq!(lines[0][6..], ["-40000 to 99999999999", "3", "", ""]);
    assert_eq!([&lines[1][8..], &lines[2][8..]], [["1", "-40000"], ["3", "99999999999"]], "the first two");
    assert_eq!(lines.len(), 3);
}

#[test]
fn text_and_dates_are_others_business() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (v varchar(9) NULL, d datetime2(7) NULL)");
    pair.target("CREATE TABLE dbo.t (v varchar(1) NULL, d smalldatetime NULL)");
    pair.source("INSERT INTO dbo.t VALUES ('long', '1700-01-01')");
    finder(&pair).run(&["dbo.t"]).exits(0);
}
