//! Keys of every kind: each row is in one range, and is what it was.
use replica_testkit::{Pair, Program};

use crate::util::{copy, filled, lines, tool};

/// Copies twice, so that rows of the target have to go, too: the second time over rows that only the target has.
#[track_caller]
fn comes_over(pair: &Pair, args: &[&str], strays: &str, select: &str) {
    pair.both("CREATE TABLE dbo.other (id int NOT NULL, a int NULL); INSERT INTO dbo.other VALUES (1, 7), (2, NULL)");
    let other = pair.target.client().values("SELECT id, a FROM dbo.other ORDER BY id");
    let ranges = ["--ranges", "7", "--max-workers", "3", "--verify", "hash", "--allow-shrink"];
    let args = [&ranges[..], args].concat();
    let run = copy(pair, &args);
    assert!(lines(&run).len() > 3, "{run}");
    pair.assert_equal(select);
    pair.target(strays);
    let run = copy(pair, &args);
    assert!(lines(&run).iter().all(|(_, outcome, _)| outcome == "ok"), "{run}");
    pair.assert_equal(select);
    assert_eq!(pair.target.client().values("SELECT id, a FROM dbo.other ORDER BY id"), other);
}

#[test]
fn integers_with_the_extremes_and_gaps() {
    let pair = filled(
        "k bigint NOT NULL CONSTRAINT PK_t PRIMARY KEY, a int NULL",
        "CASE n WHEN 0 THEN -9223372036854775808 WHEN 1 THEN 9223372036854775807 \
         ELSE CAST(n - 500 AS bigint) * ABS(n - 500) * 7 END, NULLIF(n % 5, 0)",
        9,
    );
    comes_over(
        &pair,
        &[],
        "INSERT INTO dbo.t VALUES (-9223372036854775807, 1), (9223372036854775806, 2), (1, 3)",
        "SELECT k, a FROM dbo.t ORDER BY k",
    );
}

#[test]
fn small_integers_decimals_money_and_floats() {
    for (columns, row, stray) in [
        ("k smallint NOT NULL PRIMARY KEY", "n - 200", "-32768"),
        (
            "k decimal(38, 10) NOT NULL PRIMARY KEY",
            "CAST(n - 200 AS decimal(38, 10)) / 7",
            "-1234567890.0000000001",
        ),
        ("k money NOT NULL PRIMARY KEY", "CAST(n - 200 AS money) / 16", "-922337203685477.5808"),
        ("k float NOT NULL PRIMARY KEY", "(n - 200) / 7E0 * 1E200", "-1E-300"),
        ("k real NOT NULL PRIMARY KEY", "CAST((n - 200) / 7E0 AS real)", "1E30"),
    ] {
        let pair = filled(columns, row, 9);
        let strays = format!("INSERT INTO dbo.t VALUES ({stray})");
        comes_over(&pair, &[], &strays, "SELECT CONVERT(varbinary(30), k) FROM dbo.t ORDER BY k");
    }
}

#[test]
fn dates_and_times() {
    for (columns, row, stray) in [
        ("k date NOT NULL PRIMARY KEY", "DATEADD(day, n * 3, '1899-12-30')", "'0001-01-01'"),
        (
            "k datetime NOT NULL PRIMARY KEY",
            "DATEADD(millisecond, n * 37, '2024-02-29T23:59:59')",
            "'1753-01-01'",
        ),
        (
            "k datetime2(7) NOT NULL PRIMARY KEY",
            "DATEADD(nanosecond, n * 100, CAST('2024-02-29T23:59:59' AS datetime2(7)))",
            "'9999-12-31T23:59:59.9999999'",
        ),
        (
            "k datetimeoffset(3) NOT NULL PRIMARY KEY",
            "SWITCHOFFSET(DATEADD(minute, n * 31, CAST('2024-01-01T00:00:00+00:00' AS datetimeoffset(3))), CASE n % 2 WHEN 0 THEN '+05:30' ELSE '-08:00' END)",
            "'0001-01-02T00:00:00+00:00'",
        ),
        (
            "k time(3) NOT NULL PRIMARY KEY",
            "DATEADD(millisecond, n * 1001, CAST('01:00' AS time(3)))",
            "'23:59:59.999'",
        ),
        (
            "k smalldatetime NOT NULL PRIMARY KEY",
            "DATEADD(minute, n * 7, '2024-02-29T23:59:00')",
            "'2079-06-06T23:59:00'",
        ),
    ] {
        let pair = filled(columns, row, 9);
        let strays = format!("INSERT INTO dbo.t VALUES ({stray})");
        comes_over(&pair, &[], &strays, "SELECT CONVERT(varbinary(30), k) FROM dbo.t ORDER BY k");
    }
}

/// Their order is not that of their bytes, nor of their text.
#[test]
fn guids_and_bytes() {
    let pair = filled(
        "k uniqueidentifier NOT NULL PRIMARY KEY, a int NULL",
        "CAST(CAST((n + 1) * CAST(7919 AS bigint) * 7919 % 2147483647 AS binary(8)) + CAST(n AS binary(4)) + CAST((n + 1) * CAST(104729 AS bigint) % 65536 AS binary(4)) AS uniqueidentifier), n",
        9,
    );
    comes_over(
        &pair,
        &[],
        "INSERT INTO dbo.t VALUES ('00000000-0000-0000-0000-000000000000', 1), ('FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF', 2)",
        "SELECT k, a FROM dbo.t ORDER BY k",
    );
    let pair = filled(
        "k varbinary(16) NOT NULL PRIMARY KEY",
        "CAST((n + 1) * CAST(7919 AS bigint) * 7919 % 2147483647 AS binary(8)) + CAST(n AS binary(4))",
        9,
    );
    comes_over(&pair, &[], "INSERT INTO dbo.t VALUES (0x), (0xFF)", "SELECT k FROM dbo.t ORDER BY k");
}

const WORDS: &str =
    "CASE n % 4 WHEN 0 THEN 'Abc' WHEN 1 THEN 'abd' WHEN 2 THEN 'öß' ELSE '[x' END + CAST(n AS varchar(9))";

#[test]
fn text_under_the_columns_own_collation() {
    for (source, target) in [
        ("varchar(20) COLLATE Latin1_General_CI_AS", "varchar(20) COLLATE Latin1_General_CI_AS"),
        ("nvarchar(20) COLLATE Latin1_General_CS_AS", "nvarchar(20) COLLATE Latin1_General_CS_AS"),
        // Not the database's, in another code page, and in another order at the target.
        ("varchar(20) COLLATE Latin1_General_BIN2", "varchar(20) COLLATE Latin1_General_CI_AS"),
        ("varchar(20) COLLATE Latin1_General_CI_AS", "nvarchar(20) COLLATE Latin1_General_BIN2"),
        ("char(20) COLLATE Latin1_General_CI_AI", "char(20) COLLATE Latin1_General_BIN2"),
    ] {
        let pair = filled(&format!("k {source} NOT NULL CONSTRAINT PK_t PRIMARY KEY"), WORDS, 9);
        pair.target(&format!(
            "DROP TABLE dbo.t; CREATE TABLE dbo.t (k {target} NOT NULL CONSTRAINT PK_t PRIMARY KEY)"
        ));
        let strays = "INSERT INTO dbo.t VALUES ('ABC44444 '), (''), ('zzzz')";
        comes_over(
            &pair,
            &[],
            strays,
            "SELECT CAST(k AS nvarchar(20)) AS w FROM dbo.t ORDER BY CAST(k AS nvarchar(20)) COLLATE Latin1_General_BIN2",
        );
    }
}

/// Under a SQL collation varchar has another order than nvarchar: to one of them a hyphen is a character, to the other it
/// counts last. Boundaries are compared as the source's column compares them, whatever the target's type.
#[test]
fn text_whose_order_depends_on_its_type() {
    const HYPHENS: &str =
        "CASE n % 2 WHEN 0 THEN 'k-' ELSE 'k' END + CHAR(97 + n % 26) + CAST(n * 7919 % 512 AS varchar(9))";
    for (source, target) in
        [("varchar(20)", "varchar(20)"), ("varchar(20)", "nvarchar(20)"), ("nvarchar(20)", "nvarchar(20)")]
    {
        let column = |sql_type: &str| {
            format!("k {sql_type} COLLATE SQL_Latin1_General_CP1_CI_AS NOT NULL CONSTRAINT PK_t PRIMARY KEY")
        };
        let pair = filled(&column(source), HYPHENS, 9);
        pair.target(&format!("DROP TABLE dbo.t; CREATE TABLE dbo.t ({})", column(target)));
        let strays = "INSERT INTO dbo.t VALUES ('k-'), ('ka-'), ('k-zzz'), ('kzzz')";
        comes_over(
            &pair,
            &[],
            strays,
            "SELECT CAST(k AS nvarchar(20)) AS w FROM dbo.t ORDER BY CAST(k AS nvarchar(20)) COLLATE Latin1_General_BIN2",
        );
    }
}

/// What is equal to the server is on one side of a boundary, whatever its case and its blanks.
#[test]
fn text_that_differs_in_case_and_trailing_blanks_alone() {
    let pair = filled(
        "k varchar(9) COLLATE Latin1_General_CI_AS NULL, id int NOT NULL CONSTRAINT PK_t PRIMARY KEY",
        "CASE n % 6 WHEN 0 THEN 'm' WHEN 1 THEN 'M ' WHEN 2 THEN 'm  ' WHEN 3 THEN 'b' + CAST(n % 30 AS varchar(9)) \
         WHEN 4 THEN 'X' + CAST(n % 30 AS varchar(9)) ELSE NULL END, n",
        9,
    );
    pair.both("CREATE INDEX ix ON dbo.t (k)");
    comes_over(
        &pair,
        &["--key", "k"],
        "INSERT INTO dbo.t VALUES ('M', -1), (NULL, -2), ('', -3)",
        "SELECT k, id FROM dbo.t ORDER BY id",
    );
}

#[test]
fn keys_of_several_columns_descending_and_nullable() {
    // As row values: one value of the first column has half of the rows.
    let pair = filled(
        "b int NOT NULL, a varchar(5) NOT NULL, c int NULL, CONSTRAINT PK_t PRIMARY KEY (a, b)",
        "n, CASE WHEN n % 2 = 0 THEN 'half' ELSE CAST(n % 40 AS varchar(5)) END, n % 7",
        9,
    );
    let run = copy(&pair, &["--ranges", "8", "--explain"]);
    run.says("").stdout.contains("cut by a, b");
    comes_over(
        &pair,
        &[],
        "INSERT INTO dbo.t VALUES (-1, 'half', 1), (1000, 'half', 2), (3, '', 3)",
        "SELECT a, b, c FROM dbo.t ORDER BY a, b",
    );
    let pair =
        filled("a int NULL, b int NOT NULL, INDEX ix CLUSTERED (a DESC, b)", "NULLIF(n % 50, 7), n", 9);
    comes_over(
        &pair,
        &["--key", "a"],
        "INSERT INTO dbo.t VALUES (NULL, -1), (-5, -2), (1000, -3), (20, -4)",
        "SELECT a, b FROM dbo.t ORDER BY b",
    );
}

#[test]
fn what_makes_no_key_is_refused_with_the_way_out() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NULL, doc xml NULL, far datetime2(7) NULL)");
    tool(&pair).run(&["dbo.t"]).exits(2).says("--key");
    for (key, says) in [
        ("doc", "ranges cannot be cut by xml"),
        ("none", "there is no column none"),
        ("id,far", "only the first column of a key may be NULL"),
        ("id,ID", "a key has each of its columns once"),
    ] {
        tool(&pair).run(&["dbo.t", "--key", key]).exits(2).says(says);
    }
    pair.source("ALTER TABLE dbo.t ADD name nvarchar(9) NULL");
    pair.target(
        "ALTER TABLE dbo.t ADD name varchar(9) NULL; ALTER TABLE dbo.t ALTER COLUMN far datetime2(0) NULL",
    );
    for key in ["far", "name"] {
        tool(&pair).run(&["dbo.t", "--key", key]).exits(2).says("do not stay as they are");
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
}

/// A partition changes places as a whole, and ranges are cut where the rows are.
#[test]
fn ranges_do_not_change_places_and_say_what_does() {
    let pair = filled("k int NOT NULL CONSTRAINT PK_t PRIMARY KEY, a int NULL", "n, n % 7", 9);
    pair.target("DROP TABLE dbo.t");
    pair.target("CREATE PARTITION FUNCTION pf (int) AS RANGE RIGHT FOR VALUES (128, 256, 384)");
    pair.target("CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY])");
    pair.target(
        "CREATE TABLE dbo.t (k int NOT NULL CONSTRAINT PK_t PRIMARY KEY ON ps (k), a int NULL) ON ps (k)",
    );
    pair.target("INSERT INTO dbo.t VALUES (7, -7)");
    let refused = tool(&pair).run(&["dbo.t", "--ranges", "4", "--publish", "switch"]).exits(1);
    refused
        .says("ranges of a key are cut where the rows are, and a partition changes places as a whole")
        .says("replicate-reference-tables --streams N --publish switch")
        .says("--publish staged");
    assert_eq!(pair.target.client().number("SELECT a FROM dbo.t"), -7);
    for publish in ["auto", "direct", "staged"] {
        pair.source("UPDATE dbo.t SET a = a + 1");
        let run = copy(&pair, &["--ranges", "4", "--publish", publish, "--verify", "hash"]);
        assert_eq!(
            run.stderr.matches(" | PUBLISH ").count(),
            if publish == "staged" { 4 } else { 0 },
            "{run}"
        );
        assert!(!run.stderr.contains("SWITCH"), "{run}");
        pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
    }
    pair.source("UPDATE dbo.t SET a = a + 1");
    let whole = env!("CARGO_BIN_EXE_replicate-key-ranges-parallel-streaming");
    let whole = Program::beside(whole, "replicate-reference-tables").between(&pair);
    whole
        .run(&["dbo.t", "--streams", "3", "--publish", "switch", "--verify", "hash"])
        .exits(0)
        .says(" | SWITCH ");
    pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
}
