//! One change in one row of the replica, of every kind that a comparison by value could overlook: found at its key,
//! and nothing else reported.
use replica_testkit::{Client, Pair, Troubled};

use crate::util::{each, findings, skip, tool, verify, windows};

/// Columns that a server may lack are tables of their own.
const COLUMNS: &str = "day date NULL, a varchar(20) NULL, b varchar(20) NULL, u nvarchar(20) NULL, n int NULL, \
    m int NULL, f float NULL, r real NULL, d decimal(18,4) NULL, w money NULL, t datetime2(7) NULL, \
    o datetimeoffset(7) NULL, x varbinary(20) NULL, g uniqueidentifier NULL, long nvarchar(max) NULL";

const ROWS: &str = "SELECT v.id, '2024-01-10', 'alpha', 'beta', N'caf\u{e9}', 5, 6, 0.0, 1.5, 12.5, 3.25, \
    '2024-01-10T01:02:03.1234567', '2024-01-10T10:00:00+02:00', 0x0102, \
    '6F9619FF-8B86-D011-B42D-00C04FC964FF', N'long text' \
    FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) v (id)";

/// SET clause for row 3 of the target, and the columns that then differ.
const EDITS: &[(&str, &[&str])] = &[
    ("n = 4", &["n"]),
    ("x = 0x0103", &["x"]),
    ("n = 6, m = 5", &["n", "m"]),
    ("a = 'beta', b = 'alpha'", &["a", "b"]),
    ("a = ''", &["a"]),
    ("a = NULL", &["a"]),
    ("u = N''", &["u"]),
    ("x = 0x", &["x"]),
    ("a = 'alpha '", &["a"]),
    ("u = N'caf\u{e9} '", &["u"]),
    ("a = 'Alpha'", &["a"]),
    ("u = N'cafe'", &["u"]),
    ("u = N'cafe\u{301}'", &["u"]),
    ("f = -0.0e0", &["f"]),
    ("r = 1.50000012", &["r"]),
    ("d = 12.5001", &["d"]),
    ("d = -12.5", &["d"]),
    ("w = 3.2501", &["w"]),
    ("t = '2024-01-10T01:02:03.1234568'", &["t"]),
    ("o = '2024-01-10T08:00:00+00:00'", &["o"]),
    ("g = '6F9619FF-8B86-D011-B42D-00C04FC964FE'", &["g"]),
    ("long = N'long texT'", &["long"]),
    ("long = REPLICATE(CAST(N'x' AS nvarchar(max)), 100000)", &["long"]),
    ("day = '2024-02-10'", &["day"]),
    ("day = NULL", &["day"]),
];

fn filled(key: &str) -> Pair {
    let pair = Pair::new();
    pair.both(&format!("CREATE TABLE dbo.t (id int NOT NULL{key}, {COLUMNS})"));
    pair.both(&format!("INSERT INTO dbo.t {ROWS}"));
    pair
}

/// Puts row 3 of the target back.
fn restore(target: &mut Client) {
    each(target, &["DELETE FROM dbo.t", &format!("INSERT INTO dbo.t {ROWS}")]);
}

#[test]
fn each_edit_is_found_at_its_key_and_nothing_else_is_reported() {
    let pair = filled(" PRIMARY KEY");
    let mut target = pair.target.client();
    verify(&pair, &["dbo.t"], 0);
    for (edit, columns) in EDITS {
        target.run(&format!("UPDATE dbo.t SET {edit} WHERE id = 3"));
        let run = verify(&pair, &["dbo.t"], 1);
        let found: Vec<_> = findings(&run).iter().map(|line| (line[0], line[1], line[3])).collect();
        let expected: Vec<_> = columns.iter().map(|column| ("changed", "id=3", *column)).collect();
        assert_eq!(found, expected, "{edit}\n{run}");
        assert_eq!(windows(&run)[0][5..8], ["0", "0", "1"], "{edit}\n{run}");
        restore(&mut target);
    }
    verify(&pair, &["dbo.t"], 0);
}

#[test]
fn without_a_key_a_row_is_missing_and_another_too_many() {
    let pair = filled("");
    let mut target = pair.target.client();
    verify(&pair, &["dbo.t"], 0);
    for (edit, _) in EDITS.iter().step_by(3) {
        target.run(&format!("UPDATE dbo.t SET {edit} WHERE id = 3"));
        let run = verify(&pair, &["dbo.t"], 1);
        let found = findings(&run);
        let mut kinds: Vec<_> = found.iter().map(|line| (line[0], line[2])).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, [("extra", "1"), ("missing", "1")], "{edit}\n{run}");
        assert!(found.iter().all(|line| line[1].starts_with("id=3, ")), "{edit}\n{run}");
        restore(&mut target);
    }
}

#[test]
fn rows_that_are_gone_or_there_twice_are_counted() {
    let pair = filled("");
    let mut target = pair.target.client();
    each(
        &mut target,
        &[
            "DELETE FROM dbo.t WHERE id = 2",
            "INSERT INTO dbo.t SELECT * FROM dbo.t WHERE id = 5",
            "INSERT INTO dbo.t SELECT TOP (1) * FROM dbo.t WHERE id = 5",
        ],
    );
    let run = verify(&pair, &["dbo.t"], 1);
    assert_eq!(windows(&run)[0][3..8], ["8", "9", "1", "2", "0"], "{run}");
    let mut found: Vec<_> =
        findings(&run).into_iter().map(|line| (line[0], &line[1][..5], line[2])).collect();
    found.sort_unstable();
    assert_eq!(found, [("extra", "id=5,", "2"), ("missing", "id=2,", "1")], "{run}");
}

#[test]
fn rows_that_are_gone_or_too_many_are_told_by_their_key() {
    let pair = filled(" PRIMARY KEY");
    each(
        &mut pair.target.client(),
        &["DELETE FROM dbo.t WHERE id IN (1, 8)", "UPDATE dbo.t SET id = 44 WHERE id = 4"],
    );
    let run = verify(&pair, &["dbo.t"], 1);
    let found: Vec<_> = findings(&run).into_iter().map(|line| (line[0], line[1])).collect();
    let expected = [("missing", "id=1"), ("missing", "id=4"), ("missing", "id=8"), ("extra", "id=44")];
    assert_eq!(found, expected, "{run}");
}

/// What the key of a table may be, and values in no order.
const KEYS: &[(&str, &[&str])] = &[
    ("tinyint", &["200", "3", "0", "127", "128"]),
    ("bigint", &["-1", "9223372036854775807", "-9223372036854775808", "0", "256"]),
    ("decimal(20,3)", &["-1.5", "0", "99999999999999999.999", "1.001", "-99999999999999999"]),
    ("money", &["-922337203685477.5808", "-0.0001", "0", "429496.7296", "429496.7295"]),
    ("float", &["-1e300", "1e-300", "0", "-0.5", "2"]),
    ("date", &["'0001-01-01'", "'9999-12-31'", "'2024-02-29'", "'2024-03-01'", "'1999-12-31'"]),
    (
        "datetime",
        &[
            "'1753-01-01'",
            "'2024-02-29T23:59:59.997'",
            "'1899-12-31T12:00:00'",
            "'1900-01-01'",
            "'2024-02-29'",
        ],
    ),
    (
        "datetime2(3)",
        &[
            "'2024-02-29T00:00:00.001'",
            "'2024-02-28T23:59:59.999'",
            "'0001-01-01'",
            "'2024-02-29'",
            "'9999-12-31'",
        ],
    ),
    (
        "datetimeoffset(0)",
        &[
            "'2024-01-01T00:30:00+02:00'",
            "'2023-12-31T23:00:00+00:00'",
            "'2024-01-01T00:00:00-08:00'",
            "'2024-01-01T00:00:00+00:00'",
            "'1000-01-01T00:00:00+00:00'",
        ],
    ),
    (
        "uniqueidentifier",
        &[
            "'00000000-0000-0000-0000-000000000001'",
            "'01000000-0000-0000-0000-000000000000'",
            "'00000000-0000-0000-0100-000000000000'",
            "'00000000-0000-0001-0000-000000000000'",
            "'00000000-0001-0000-0000-000000000000'",
        ],
    ),
    ("varchar(20) COLLATE Latin1_General_CI_AS", &["'b'", "'A'", "'a-b'", "'ab'", "''"]),
    (
        "varchar(20) COLLATE Cyrillic_General_CI_AS",
        &["N'\u{436}'", "N'\u{416}\u{436}'", "'z'", "N'\u{44f} \u{44f}'", "'A'"],
    ),
    ("nvarchar(20)", &["N'\u{e9}'", "N'e'", "N'\u{1F600}'", "N'\u{ff21}'", "N'Z'"]),
    ("nchar(3)", &["N'b'", "N'B!'", "N'abc'", "N'_'", "N''"]),
    ("varbinary(8)", &["0x01", "0xFF", "0x", "0x0100FF", "0x00FF"]),
];

#[test]
fn every_type_of_key_is_merged_in_order() {
    let pair = Pair::new();
    for (number, (sql_type, values)) in KEYS.iter().enumerate() {
        let table = format!("dbo.k{number}");
        let create = format!("CREATE TABLE {table} (k {sql_type} NOT NULL PRIMARY KEY, n int NOT NULL)");
        if let Err(error) = pair.source.client().try_run(&create) {
            skip(&format!("{sql_type}: {error}"));
            continue;
        }
        pair.target(&create);
        for (n, value) in values.iter().enumerate() {
            pair.both(&format!("INSERT INTO {table} VALUES ({value}, {n})"));
        }
        // The middle one is changed, the last one gone.
        let mut target = pair.target.client();
        target.run(&format!("UPDATE {table} SET n = 100 WHERE n = 2"));
        target.run(&format!("DELETE FROM {table} WHERE n = 4"));
        let run = verify(&pair, &[&table], 1);
        let mut found: Vec<_> = findings(&run).into_iter().map(|line| line[0]).collect();
        found.sort_unstable();
        assert_eq!(found, ["changed", "missing"], "{sql_type}\n{run}");
        assert!(!run.stderr.contains("matched by hash"), "{sql_type}\n{run}");
    }
}

#[test]
fn the_scale_of_a_decimal_in_a_variant_is_a_difference() {
    let pair = Pair::new();
    let create = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, v sql_variant NULL)";
    if let Err(error) = pair.source.client().try_run(create) {
        return skip(&format!("sql_variant: {error}"));
    }
    pair.target(create);
    pair.source("INSERT INTO dbo.t VALUES (1, CAST(1.5 AS decimal(5,1))), (2, CAST(2 AS int))");
    pair.target("INSERT INTO dbo.t VALUES (1, CAST(1.5 AS decimal(5,2))), (2, CAST(2 AS int))");
    let run = verify(&pair, &["dbo.t"], 1);
    let found = findings(&run);
    assert_eq!((found.len(), found[0][1], found[0][3]), (1, "id=1", "v"), "{run}");
}

#[test]
fn servers_that_are_troubled_at_first() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY)");
    pair.both("INSERT INTO dbo.t VALUES (1), (2)");
    let Some((tool, troubled)) = tool(&pair).between_troubled(&pair) else { return };
    let run = tool.run(&["dbo.t"]).exits(0).says("40613").says("1 of 1 tables equal");
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    assert!(!run.stderr.contains("://"), "{run}");
}
