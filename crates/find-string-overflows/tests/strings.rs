//! The real binary against a server: what it finds, what it does not, and what that costs the source.
use replica_testkit::{Pair, Program, ProgramExit, Troubled};

fn finder(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_find-string-overflows")).between(pair)
}

/// How many results were read from the source's table so far.
fn scans(pair: &Pair, table: &str) -> Option<i64> {
    if !pair.server.is_sandbox() {
        return None;
    }
    let rows = pair.source.client().rows(&format!("EXEC sp_sandbox_counters '{table}'"));
    rows.first().and_then(|row| row.get::<i64, _>("scans"))
}

/// Column and problem of each line.
fn found(run: &ProgramExit) -> Vec<(&str, &str)> {
    run.lines().iter().map(|line| (line[1], line[5])).collect()
}

/// 2^doublings clean rows, ids from 1.
fn fill(pair: &Pair, columns: &str, values: &str, doublings: u32) {
    let mut client = pair.source.client();
    client.run(&format!("INSERT INTO dbo.t (id, {columns}) VALUES (1, {values})"));
    for n in 0..doublings {
        let more = format!("SELECT id + {}, {columns} FROM dbo.t", 1 << n);
        client.run(&format!("INSERT INTO dbo.t (id, {columns}) {more}"));
    }
}

const SOURCE: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, long varchar(50) NULL, blanks varchar(50) NULL, \
     page nvarchar(20) NULL, pair nvarchar(8) NULL, utf8 varchar(20) NULL, big nvarchar(max) NULL, \
     bytes varbinary(20) NULL, filled varbinary(4) NULL, same nvarchar(20) NULL)";
const TARGET: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, long varchar(5) NULL, blanks varchar(5) NULL, \
     page varchar(20) NULL, pair nvarchar(4) NULL, \
     utf8 varchar(5) COLLATE Latin1_General_100_CI_AS_SC_UTF8 NULL, big nvarchar(10) NULL, \
     bytes varbinary(4) NULL, filled binary(4) NULL, same nvarchar(20) NULL)";
const COLUMNS: &str = "long, blanks, page, pair, utf8, big, bytes, filled, same";
const CLEAN: &str = "'abcde', 'abcde', N'caf\u{e9}', N'\u{1F986}\u{1F986}', 'caf\u{e9}', N'0123456789', 0x01020304, \
     0x01020304, N'\u{6728}'";

#[test]
fn one_offender_of_every_kind_among_many_rows() {
    let pair = Pair::new();
    pair.source(SOURCE);
    pair.target(TARGET);
    fill(&pair, COLUMNS, CLEAN, 17);
    for (id, change) in [
        (70_001, "long = 'abcdefg'"),
        (80_002, "blanks = 'ab        '"),
        (90_003, "page = N'\u{416}'"),
        (100_004, "pair = N'\u{1F986}\u{1F986}x'"),
        (100_005, "utf8 = '\u{e9}\u{e9}\u{e9}'"),
        (100_006, "big = REPLICATE(CAST(N'x' AS nvarchar(max)), 5000)"),
        (100_007, "bytes = 0x0102030405"),
        (100_008, "filled = 0x01"),
    ] {
        pair.source(&format!("UPDATE dbo.t SET {change} WHERE id = {id}"));
    }
    let before = scans(&pair, "dbo.t");
    let run = finder(&pair).run(&["dbo.t", "--rows", "5"]).exits(1);
    if let (Some(before), Some(after)) = (before, scans(&pair, "dbo.t")) {
        assert_eq!(after - before, 2, "one scan to find, one to name the rows");
    }
    let lines: Vec<String> = run.lines().iter().map(|line| line.join("|")).collect();
    let mut expected = Vec::new();
    for (column, types, capacity, problem, extreme, key) in [
        ("long", "varchar(50)|varchar(5)", "5 bytes", "too long", "7 bytes", 70_001),
        ("blanks", "varchar(50)|varchar(5)", "5 bytes", "trailing blanks cut", "10 bytes", 80_002),
        ("page", "nvarchar(20)|varchar(20)", "code page 1252", "characters lost", "\u{416}", 90_003),
        ("pair", "nvarchar(8)|nvarchar(4)", "4 UTF-16 units", "too long", "5 UTF-16 units", 100_004),
        ("utf8", "varchar(20)|varchar(5)", "5 bytes", "too long", "6 bytes", 100_005),
        ("big", "nvarchar(max)|nvarchar(10)", "10 UTF-16 units", "too long", "5000 UTF-16 units", 100_006),
        ("bytes", "varbinary(20)|varbinary(4)", "4 bytes", "too long", "5 bytes", 100_007),
        ("filled", "varbinary(4)|binary(4)", "4 bytes", "filled with zero bytes", "1 bytes", 100_008),
    ] {
        let finding = format!("dbo.t|{column}|{types}|{capacity}|{problem}|{extreme}|1");
        expected.extend([format!("{finding}||"), format!("{finding}|{key}|{extreme}")]);
    }
    assert_eq!(lines, expected);
}

#[test]
fn a_clean_table_costs_one_scan_and_is_silent() {
    let pair = Pair::new();
    pair.source(SOURCE);
    pair.target(TARGET);
    fill(&pair, COLUMNS, CLEAN, 4);
    let before = scans(&pair, "dbo.t");
    let run = finder(&pair).run(&["dbo.t", "--rows", "5"]).exits(0);
    assert_eq!(run.stdout, "");
    if let (Some(before), Some(after)) = (before, scans(&pair, "dbo.t")) {
        assert_eq!(after - before, 1);
    }
}

/// docs/SERVER.md, "Text in bulk loads": what the target takes although it looks too long, and what it does not.
#[test]
fn what_fits_is_not_what_one_thinks() {
    let pair = Pair::new();
    let utf8 = "COLLATE Latin1_General_100_CI_AS_SC_UTF8";
    pair.source(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, padded char(8) NULL, blanks varchar(8) NULL, \
         one_unit nvarchar(2) NULL, two_units nvarchar(2) NULL, greek varchar(8) {utf8} NULL, \
         sign varchar(8) NULL)"
    ));
    pair.target(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, padded varchar(3) NULL, blanks char(3) NULL, \
         one_unit nvarchar(1) NULL, two_units nchar(2) NULL, greek varchar(1) COLLATE Greek_CI_AS NULL, \
         sign varchar(1) {utf8} NULL)"
    ));
    pair.source(
        "INSERT INTO dbo.t VALUES (1, 'abc', 'abc     ', N'x', N'\u{1F986}', N'\u{3A9}', 'A  '), \
         (2, 'abcd', 'abcd', N'\u{1F986}', N'xx', N'\u{3A9}\u{3A9}', N'\u{a9}  ')",
    );
    let run = finder(&pair).run(&["dbo.t", "--rows", "9"]).exits(1);
    let named: Vec<_> =
        run.lines().iter().filter(|line| !line[8].is_empty()).map(|l| (l[1], l[5], l[8])).collect();
    assert_eq!(
        named,
        [
            ("padded", "too long", "2"),
            ("blanks", "too long", "2"),
            ("one_unit", "too long", "2"),
            ("greek", "too long", "2"),
            ("sign", "too long", "2"),
            ("sign", "trailing blanks cut", "1"),
        ]
        .map(|(column, problem, key)| (column, problem, key))
    );
}

#[test]
fn characters_are_looked_at_in_every_code_page() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a varchar(9) COLLATE Cyrillic_General_CI_AS NULL, b ntext NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a varchar(9) COLLATE Latin1_General_CI_AS NULL, b text NULL)");
    pair.source(
        "INSERT INTO dbo.t VALUES (1, N'abc', N'caf\u{e9}'), (2, N'\u{416}', N'\u{6728}'), (3, N'?', N'??')",
    );
    let run = finder(&pair).run(&["dbo.t", "--rows", "9"]).exits(1);
    let named: Vec<_> =
        run.lines().iter().filter(|line| !line[8].is_empty()).map(|l| (l[1], l[8], l[9])).collect();
    assert_eq!(named, [("a", "2", "\u{416}"), ("b", "2", "\u{6728}")]);
}

/// Half of a surrogate pair is a value of nvarchar and none of UTF-8.
#[test]
fn halves_of_surrogate_pairs_are_found() {
    let pair = Pair::new();
    let utf8 = "COLLATE Latin1_General_100_CI_AS_SC_UTF8";
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a nvarchar(9) NULL, b nvarchar(max) NULL)");
    pair.target(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a varchar(27) {utf8} NULL, b varchar(max) {utf8} NULL)"
    ));
    // U+D83D and U+DE00, in the wrong order for a pair; a whole pair; U+FFFD itself.
    pair.source(
        "INSERT INTO dbo.t VALUES (1, CAST(0x3DD8 AS nvarchar(9)), NULL), (2, N'\u{1F600}', N'\u{fffd}'), \
         (3, N'x', N'x' + CAST(0x00DE3DD8 AS nvarchar(9)))",
    );
    let run = finder(&pair).run(&["dbo.t", "--rows", "9"]).exits(1);
    let named: Vec<_> =
        run.lines().iter().filter(|line| !line[8].is_empty()).map(|l| (l[1], l[5], l[8])).collect();
    let problem = "halves of surrogate pairs lost";
    assert_eq!(named, [("a", problem, "1"), ("b", problem, "3")]);
}

#[test]
fn names_may_be_anything_and_come_from_stdin() {
    let pair = Pair::new();
    let name = "[odd ]]\"na'me \u{416}]";
    pair.both("CREATE SCHEMA [s p]");
    pair.source(&format!(
        "CREATE TABLE [s p].{name} ([k ]]1] varchar(9) NOT NULL, [v'] varchar(9) NULL, PRIMARY KEY ([k ]]1]))"
    ));
    pair.target(&format!("CREATE TABLE [s p].{name} ([k ]]1] varchar(9) NOT NULL, [v'] varchar(2) NULL)"));
    pair.source(&format!("INSERT INTO [s p].{name} VALUES ('it''s', 'abc')"));
    let list = format!("[s p].{name}\n");
    let run = finder(&pair).stdin(&list).run(&["-", "--output", "tsv"]).exits(1);
    assert_eq!(run.lines()[0][..2], [list.trim_end(), "v'"], "table and column come first");
    let run = finder(&pair).stdin(&list).run(&["-", "--rows=1", "--output=json"]).exits(1);
    assert!(run.stdout.lines().last().unwrap().contains(r#""key":"'it'\\''s'","value":"3 bytes""#), "{run}");
}

#[test]
fn a_value_stays_on_its_line_and_has_no_hold_of_the_terminal() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (k nvarchar(9) NOT NULL PRIMARY KEY, v nvarchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (k nvarchar(9) NOT NULL, v varchar(9) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (N'1' + NCHAR(10) + N'2', NCHAR(1046) + NCHAR(27) + N'[2J')");
    let run = finder(&pair).run(&["t", "--rows", "1", "--output", "text"]).exits(1);
    let lines: Vec<_> = run.stdout.lines().collect();
    let found: Vec<_> = lines[1].split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect();
    assert_eq!(found[..2], ["dbo.t", "v"], "{run}");
    assert_eq!(found[found.len() - 3..], ["characters lost", "\u{416} [2J", "1"], "{run}");
    assert_eq!(lines[2..], ["  '1 2': \u{416} [2J"], "{run}");
}

#[test]
fn a_row_without_a_key_is_shown_by_place_and_values() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t ([row] int NULL, v varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t ([row] int NULL, v varchar(2) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (7, 'ab'), (8, 'it''s'), (NULL, NULL)");
    let run = finder(&pair).run(&["dbo.t", "--rows", "3"]).exits(1);
    assert_eq!(run.lines()[1][8..], ["row 2 (row = 8, v = 'it''s')", "4 bytes"]);
}

#[test]
fn one_tables_failure_does_not_stop_the_others() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (a varchar(9) NULL, gone varchar(9) NULL, b varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (a varchar(1) NULL, b varchar(9) NULL)");
    pair.both("CREATE TABLE dbo.nothing (a varchar(9) NULL)");
    pair.source("INSERT INTO dbo.t VALUES ('ab', 'x', 'x')");
    let run = finder(&pair).run(&["dbo.missing", "dbo.nothing", "dbo.t"]).exits(1);
    let found = found(&run);
    assert!(found[0].1.contains("no such table"), "{run}");
    assert_eq!(found[1], ("a", "too long"));
    assert!(found[2].1.contains("in the source only: gone"), "{run}");
    assert_eq!(found.len(), 3);
    finder(&pair).run(&["dbo.nothing"]).exits(0);
}

#[test]
fn a_window_is_all_that_is_looked_at() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NULL, v varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NULL, v varchar(2) NULL)");
    pair.source(
        "INSERT INTO dbo.t VALUES (1, '2024-01-31', 'abc'), (2, '2024-02-01', 'abcd'), (3, NULL, 'abcde')",
    );
    let window = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-31", "--rows", "9"];
    let run = finder(&pair).run(&window).exits(1);
    assert_eq!(run.lines()[1][8..], ["1", "3 bytes"]);
    assert_eq!(run.lines().len(), 2);
    finder(&pair).run(&["dbo.t", "--start-date", "2023-01-01", "--end-date", "2023-12-31"]).exits(0);
    finder(&pair).run(&["dbo.t", "--start-date", "2023-01-01"]).exits(2);
}

#[test]
fn servers_that_are_troubled_at_first() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, v varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, v varchar(2) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'abc')");
    let Some((tool, troubled)) = finder(&pair).between_troubled(&pair) else { return };
    let run = tool.run(&["dbo.t"]).exits(1).says("40613");
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    assert_eq!(found(&run), [("v", "too long")]);
}
