//! Where a table is cut, and how even it is, without reading it.
use replica_testkit::{Pair, Server};

use crate::util::{copy, filled, last_of, lines, numbers, tool};

const EXPLAIN: [&str; 3] = ["--ranges", "16", "--explain"];

/// 32,768 rows: more than are read as a whole.
const MANY: u32 = 15;

#[test]
fn a_histogram_cuts_skewed_keys_evenly() {
    let pair = filled(
        "k bigint NOT NULL CONSTRAINT PK_t PRIMARY KEY, a int NULL",
        "CASE WHEN n < 30000 THEN -CAST(n AS bigint) - 1 ELSE CAST(n - 30000 AS bigint) * (n - 30000) * (n - 30000) * 100000000 END, n",
        MANY,
    );
    pair.source("UPDATE STATISTICS dbo.t PK_t");
    let run = copy(&pair, &EXPLAIN);
    assert!(run.stdout.contains("15 boundaries from the histogram of the statistics PK_t"), "{run}");
    let run = copy(&pair, &["--ranges", "16", "--max-workers", "4"]);
    assert_eq!(lines(&run).len(), 16, "{run}");
    assert!(last_of(4, &run) <= 1.5, "{} times the mean\n{run}", last_of(4, &run));
    pair.assert_equal("SELECT COUNT_BIG(*), MIN(k), MAX(k), SUM(CAST(a AS bigint)) FROM dbo.t");
    pair.assert_equal("SELECT k, a FROM dbo.t WHERE a % 97 = 0 OR k > 0 ORDER BY k");
}

/// As versions before 2016 SP1 CU2 have it, and those where the function is denied.
#[test]
fn a_histogram_is_shown_where_no_function_gives_it() {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (k int NOT NULL CONSTRAINT PK_t PRIMARY KEY)");
    numbers(&pair, MANY);
    pair.source("INSERT INTO dbo.t SELECT n FROM dbo.n; UPDATE STATISTICS dbo.t PK_t");
    pair.source("CREATE LOGIN reader WITH PASSWORD = 'Reader!1'; CREATE USER reader FOR LOGIN reader");
    pair.source("GRANT SELECT ON dbo.t TO reader; DENY SELECT ON sys.dm_db_stats_histogram TO reader");
    let reader = pair.server.connection_as(&pair.source.name, "reader", "Reader!1");
    let run = tool(&pair).with("REPLICA_SOURCE", &reader).run(&[&["dbo.t"], &EXPLAIN[..]].concat()).exits(0);
    assert!(run.stdout.contains("from the histogram of the statistics PK_t"), "{run}");
}

#[test]
fn without_statistics_a_sample_says_where() {
    let pair = filled(
        "k uniqueidentifier NOT NULL CONSTRAINT PK_t PRIMARY KEY, a int NULL",
        "CAST(CAST((n + 1) * CAST(7919 AS bigint) * 7919 % 2147483647 AS binary(8)) + CAST(n AS binary(4)) + CAST((n + 1) * CAST(104729 AS bigint) % 65536 AS binary(4)) AS uniqueidentifier), n",
        MANY,
    );
    let run = copy(&pair, &EXPLAIN);
    assert!(
        run.stdout.contains("15 boundaries from a sample of ") && run.stdout.contains("TABLESAMPLE"),
        "{run}"
    );
    let run = copy(&pair, &["--ranges", "16"]);
    assert!(last_of(4, &run) <= 1.5, "{run}");
    pair.assert_equal("SELECT k, a FROM dbo.t WHERE a % 97 = 0 ORDER BY a");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 1 << MANY);
}

#[test]
fn a_view_is_cut_between_its_extremes_or_not_at_all() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.base (id int NOT NULL CONSTRAINT PK_base PRIMARY KEY, w varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, w varchar(9) NULL)");
    numbers(&pair, 9);
    pair.source("INSERT INTO dbo.base SELECT n - 100, CAST(n AS varchar(9)) FROM dbo.n");
    pair.source("CREATE VIEW dbo.t AS SELECT id, w FROM dbo.base");
    let run = copy(&pair, &["--key", "id", "--ranges", "8"])
        .says("evenly between the least and the greatest value");
    assert_eq!(lines(&run).len(), 8, "{run}");
    pair.assert_equal("SELECT id, w FROM dbo.t ORDER BY id");
    tool(&pair).run(&["dbo.t", "--key", "w", "--ranges", "8"]).exits(2).says("UPDATE STATISTICS");
}

#[test]
fn half_of_the_rows_have_one_value() {
    let pair = filled(
        "k int NOT NULL, id int NOT NULL, CONSTRAINT PK_t PRIMARY KEY (k, id)",
        "CASE WHEN n % 2 = 0 THEN 500 ELSE n END, n",
        MANY,
    );
    pair.source("UPDATE STATISTICS dbo.t PK_t");
    // The second column cuts what the first cannot.
    let run = copy(&pair, &EXPLAIN);
    assert!(run.stdout.contains("windows are cut by k, id"), "{run}");
    let run = copy(&pair, &["--ranges", "16"]);
    assert!(last_of(4, &run) <= 1.5, "{run}");
    // Alone it says how uneven it is.
    let run = copy(&pair, &["--key", "k", "--ranges", "16", "--explain"]);
    assert!(run.stdout.contains("times an equal share"), "{run}");
    pair.assert_equal("SELECT k, id FROM dbo.t WHERE id % 97 = 0 ORDER BY id");
}

/// Rows without a key are in the first range, and there is no other.
#[test]
fn no_row_has_a_key_or_all_have_the_same() {
    for (key, value) in [("int", "NULL"), ("varchar(9)", "NULL"), ("int", "7"), ("varchar(9)", "'x'")] {
        let pair = filled(&format!("k {key} NULL, a int NOT NULL"), &format!("{value}, n"), 9);
        let run = copy(&pair, &["--key", "k", "--ranges", "4", "--verify", "hash"]);
        assert_eq!(lines(&run), [("[.., ..)".to_owned(), "ok".to_owned(), 512)], "{key} {value}");
        pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY a");
    }
    let pair = filled("k int NULL, a int NOT NULL", "NULL, n", MANY);
    let run = copy(&pair, &["--key", "k", "--ranges", "4"]).says("no keys to cut between");
    assert_eq!(lines(&run), [("[.., ..)".to_owned(), "ok".to_owned(), 1 << MANY)]);
}

#[test]
fn an_empty_table_and_a_small_one() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (k int NOT NULL CONSTRAINT PK_t PRIMARY KEY)");
    let run = copy(&pair, &["--ranges", "8"]);
    assert_eq!(lines(&run), [("[.., ..)".to_owned(), "ok".to_owned(), 0)]);
    pair.source("INSERT INTO dbo.t VALUES (3), (1), (2)");
    // Too small to be worth more than one.
    assert_eq!(lines(&copy(&pair, &[])), [("[.., ..)".to_owned(), "ok".to_owned(), 3)]);
    let run = copy(&pair, &["--ranges", "3"]).says("2 boundaries from all keys, since the table is small");
    let rows: Vec<_> = lines(&run).into_iter().map(|(window, _, rows)| (window, rows)).collect();
    assert_eq!(rows, [("[.., 2)".to_owned(), 1), ("[2, 3)".to_owned(), 1), ("[3, ..)".to_owned(), 1)]);
    let run = copy(&pair, &["--rows-per-range", "2"]);
    assert_eq!(lines(&run).len(), 2, "{run}");
    pair.assert_equal("SELECT k FROM dbo.t ORDER BY k");
}
