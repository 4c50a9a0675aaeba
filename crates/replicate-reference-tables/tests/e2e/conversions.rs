//! Columns of another type in the target: docs/TYPES.md on a server. Each copy is verified by hash, which proves
//! that the target gives the sent bytes back.
use replica_testkit::Pair;

use crate::util::{copy, skip, tool};

/// Source type, target type, a value, and the value as the target is to hold it.
const CONVERSIONS: &[(&str, &str, &str, &str)] = &[
    ("bit", "int", "1", "1"),
    ("tinyint", "bigint", "255", "255"),
    ("bigint", "smallint", "-32768", "-32768"),
    ("int", "decimal(12,2)", "-7", "-7.00"),
    ("int", "float", "16777217", "16777217"),
    ("decimal(9,2)", "decimal(9,1)", "1.25", "1.3"),
    ("decimal(9,0)", "int", "123456789", "123456789"),
    ("money", "decimal(19,4)", "-922337203685477.5808", "-922337203685477.5808"),
    ("smallmoney", "money", "1.2345", "1.2345"),
    ("real", "float", "0.5", "0.5"),
    ("date", "datetime", "'2024-02-29'", "'2024-02-29T00:00:00'"),
    ("datetime", "datetime2(3)", "'2024-02-29T12:34:56.997'", "'2024-02-29T12:34:56.997'"),
    ("datetime2(7)", "datetime2(3)", "'2024-02-29T12:34:56.1234567'", "'2024-02-29T12:34:56.123'"),
    ("smalldatetime", "datetime2(0)", "'2024-02-29T12:34:00'", "'2024-02-29T12:34:00'"),
    ("char(5)", "char(8)", "'ab'", "'ab      '"),
    ("char(8)", "char(5)", "'ab'", "'ab   '"),
    ("char(8)", "varchar(20)", "'ab'", "'ab      '"),
    ("char(8)", "varchar(5)", "'ab'", "'ab'"),
    ("varchar(50)", "varchar(5)", "'abcde'", "'abcde'"),
    ("varchar(max)", "varchar(5)", "'abcde'", "'abcde'"),
    ("varchar(20)", "varchar(max)", "'abc '", "'abc '"),
    ("varchar(20)", "nvarchar(20)", "'é€'", "N'é€'"),
    ("varchar(20)", "nchar(5)", "'é'", "N'é    '"),
    ("nvarchar(20)", "varchar(20)", "N'éж'", "'é?'"),
    ("nvarchar(max)", "nvarchar(10)", "N'木'", "N'木'"),
    ("text", "varchar(max)", "'text'", "'text'"),
    ("ntext", "nvarchar(max)", "N'木'", "N'木'"),
    ("int", "varchar(11)", "-2147483648", "'-2147483648'"),
    ("money", "varchar(21)", "1.2345", "'1.2345'"),
    ("decimal(5,5)", "nvarchar(8)", "-0.12345", "N'-0.12345'"),
    (
        "uniqueidentifier",
        "varchar(36)",
        "'6F9619FF-8B86-D011-B42D-00C04FC964FF'",
        "'6F9619FF-8B86-D011-B42D-00C04FC964FF'",
    ),
    ("binary(4)", "binary(6)", "0x01020304", "0x010203040000"),
    ("binary(4)", "varbinary(10)", "0x01020304", "0x01020304"),
    ("varbinary(10)", "varbinary(max)", "0x0102", "0x0102"),
    ("varbinary(max)", "varbinary(2)", "0x0102", "0x0102"),
    ("image", "varbinary(max)", "0x0102", "0x0102"),
    ("xml", "nvarchar(max)", "'<a>1</a>'", "N'<a>1</a>'"),
    (
        "varchar(20) COLLATE Latin1_General_CI_AS",
        "varchar(20) COLLATE Cyrillic_General_CI_AS",
        "'abc'",
        "'abc'",
    ),
    (
        "varchar(10) COLLATE Cyrillic_General_CI_AS",
        "varchar(30) COLLATE Latin1_General_100_CI_AS_SC_UTF8",
        "N'жизнь'",
        "N'жизнь'",
    ),
];

#[test]
fn other_types_hold_the_same_values() {
    let pair = Pair::new();
    for (number, (from, to, value, expected)) in CONVERSIONS.iter().enumerate() {
        let create =
            |sql_type: &str| format!("CREATE TABLE dbo.c{number} (id int NOT NULL, v {sql_type} NULL)");
        if let Err(error) = pair.source.client().try_batch(&create(from)) {
            skip(&format!("{from}: {error}"));
            continue;
        }
        pair.target(&create(to));
        pair.source(&format!("INSERT INTO dbo.c{number} VALUES (1, {value}), (2, NULL)"));
        // Side by side with what the target itself makes of the expected literal.
        pair.target(&format!("CREATE TABLE dbo.e{number} (id int NOT NULL, v {to} NULL)"));
        pair.target(&format!("INSERT INTO dbo.e{number} VALUES (1, {expected}), (2, NULL)"));
        copy(&pair, &[&format!("dbo.c{number}"), "--verify", "hash"]);
        let mut target = pair.target.client();
        let copied = target.values(&format!("SELECT id, v FROM dbo.c{number} ORDER BY id"));
        let wanted = target.values(&format!("SELECT id, v FROM dbo.e{number} ORDER BY id"));
        assert_eq!(copied, wanted, "{from} to {to}");
    }
}

#[test]
fn what_values_lose_is_a_warning() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (a float NULL, b nvarchar(9) NULL, c datetime2(7) NULL)");
    pair.target("CREATE TABLE dbo.t (a real NULL, b varchar(9) NULL, c datetime NULL)");
    let run = copy(&pair, &["dbo.t"]);
    run.says("column a: rounded to about 6 significant digits")
        .says("column b: characters that code page")
        .says("column c: rounded to 1/300 seconds");
}

/// U+FFFD in its place is another value. Without --verify hash the column is warned of.
#[test]
fn half_a_surrogate_pair_is_refused_by_the_hash() {
    let pair = Pair::new();
    let utf8 = "COLLATE Latin1_General_100_CI_AS_SC_UTF8";
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, v nvarchar(9) NULL)");
    pair.target(&format!("CREATE TABLE dbo.t (id int NOT NULL, v varchar(27) {utf8} NULL)"));
    pair.source("INSERT INTO dbo.t VALUES (1, N'\u{1F600}'), (2, CAST(0x3DD8 AS nvarchar(9)))");
    pair.target("INSERT INTO dbo.t VALUES (901, 'old')");
    let run = tool(&pair).run(&["dbo.t", "--verify", "hash"]).exits(1);
    run.says("column v: half of a surrogate pair becomes U+FFFD").says("make the target's [v] nvarchar");
    assert_eq!(pair.target.client().number("SELECT id FROM dbo.t"), 901);
    copy(&pair, &["dbo.t"]);
    pair.source("DELETE FROM dbo.t WHERE id = 2");
    copy(&pair, &["dbo.t", "--verify", "hash"]);
    pair.assert_equal("SELECT id, CAST(v AS nvarchar(9)) AS v FROM dbo.t");
}
