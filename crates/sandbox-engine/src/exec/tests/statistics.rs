//! Histograms, and samples of pages.
use crate::testing::{connect, engine, errors, ok, rows, session};

const FILLED: &str = "CREATE TABLE t (id int NOT NULL CONSTRAINT pk PRIMARY KEY, code varchar(9) NULL); \
    INSERT INTO t SELECT n.n, CASE WHEN n.n % 2 = 0 THEN 'half' WHEN n.n > 90 THEN NULL ELSE CONVERT(varchar(9), n.n) END \
    FROM (SELECT 10 * a.n + b.n + 1 AS n \
    FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS a (n) \
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS b (n)) AS n; \
    CREATE STATISTICS of_code ON t (code)";

#[test]
fn values_are_unknown_until_somebody_has_looked_at_them() {
    let mut s = session();
    ok(&mut s, FILLED);
    const STEPS: &str = "SELECT CAST(range_high_key AS int), range_rows, equal_rows, distinct_range_rows \
        FROM sys.dm_db_stats_histogram(OBJECT_ID('t'), 1) ORDER BY step_number";
    assert!(rows(&mut s, STEPS).is_empty());
    assert!(rows(&mut s, "DBCC SHOW_STATISTICS ('t', 'pk') WITH HISTOGRAM, NO_INFOMSGS").is_empty());
    ok(&mut s, "UPDATE STATISTICS t pk WITH FULLSCAN");
    assert_eq!(rows(&mut s, STEPS), [["1", "0", "1", "0"], ["100", "98", "1", "98"]]);
    let shown = rows(
        &mut s,
        "DECLARE @t sysname = 'dbo.t'; DBCC SHOW_STATISTICS (@t, pk) WITH HISTOGRAM, NO_INFOMSGS",
    );
    assert_eq!(shown, [["1", "0", "1", "0", "1"], ["100", "98", "1", "98", "1"]]);
    ok(&mut s, "UPDATE STATISTICS dbo.t");
    let of_code = rows(
        &mut s,
        "SELECT CAST(range_high_key AS nvarchar(9)), equal_rows FROM sys.dm_db_stats_histogram(OBJECT_ID('t'), 2) \
         ORDER BY step_number",
    );
    assert_eq!(
        (of_code[0].as_slice(), of_code.last().unwrap().as_slice()),
        (&["NULL".to_owned(), "5".to_owned()][..], &["half".to_owned(), "50".to_owned()][..],)
    );
    assert_eq!(errors(&mut s, "DBCC SHOW_STATISTICS ('t', 'none') WITH HISTOGRAM")[0].0, 2767);
    assert_eq!(errors(&mut s, "DBCC SHOW_STATISTICS ('none', 'pk') WITH HISTOGRAM")[0].0, 2501);
    assert_eq!(errors(&mut s, "UPDATE STATISTICS t none")[0].0, 2767);
}

#[test]
fn a_histogram_shows_values_to_those_who_may_read_them() {
    let engine = engine();
    let mut s = connect(&engine, "sa", "secret");
    ok(&mut s, FILLED);
    ok(
        &mut s,
        "UPDATE STATISTICS t; CREATE LOGIN reader WITH PASSWORD = 'Reader!1'; CREATE USER reader FOR LOGIN reader; \
                GRANT VIEW DEFINITION ON t TO reader",
    );
    let mut reader = connect(&engine, "reader", "Reader!1");
    const COUNT: &str = "SELECT COUNT(*) FROM sys.dm_db_stats_histogram(OBJECT_ID('t'), 1)";
    const SHOW: &str = "DBCC SHOW_STATISTICS ('t', 'pk') WITH HISTOGRAM";
    assert_eq!(rows(&mut reader, COUNT), [["0"]]);
    assert_eq!(errors(&mut reader, SHOW)[0].0, 2557);
    assert_eq!(errors(&mut reader, "UPDATE STATISTICS t")[0].0, 1088);
    ok(&mut s, "GRANT SELECT ON t TO reader");
    assert_eq!(rows(&mut reader, COUNT), [["2"]]);
    assert_eq!(rows(&mut reader, SHOW).len(), 2);
}

#[test]
fn a_sample_has_whole_pages() {
    let mut s = session();
    ok(&mut s, FILLED);
    ok(&mut s, "CREATE VIEW v AS SELECT id FROM t");
    let count = |s: &mut _, from: &str| rows(s, &format!("SELECT COUNT(*) FROM {from}"))[0][0].clone();
    assert_eq!(count(&mut s, "t TABLESAMPLE SYSTEM (1000 ROWS)"), "100");
    let some: i64 = count(&mut s, "t TABLESAMPLE SYSTEM (40 ROWS)").parse().unwrap();
    assert!((1..100).contains(&some), "{some}");
    assert_eq!(count(&mut s, "t AS x TABLESAMPLE (100 PERCENT)"), "100");
    assert_eq!(errors(&mut s, "SELECT id FROM v TABLESAMPLE SYSTEM (10 ROWS)")[0].0, 494);
    assert_eq!(errors(&mut s, "SELECT id FROM t TABLESAMPLE BERNOULLI (10)")[0].0, 102);
}
