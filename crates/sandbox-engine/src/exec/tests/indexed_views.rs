//! Indexed views, and the statements that they forbid on their tables.
use crate::testing::{errors, ok, rows, session};
use sandbox_session::Session;

fn number(s: &mut Session, sql: &str) -> i32 {
    errors(s, sql)[0].0
}

fn with_view() -> Session {
    let mut s = session();
    ok(&mut s, "CREATE TABLE dbo.t (a int NOT NULL, b int NOT NULL); INSERT t VALUES (1, 10), (2, 20)");
    ok(&mut s, "CREATE VIEW dbo.v WITH SCHEMABINDING AS SELECT a, b FROM dbo.t WHERE b > 5");
    ok(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON dbo.v (a)");
    s
}

#[test]
fn its_index_shows_and_keeps_its_rows_unique() {
    let mut s = with_view();
    assert_eq!(
        rows(
            &mut s,
            "SELECT i.name, i.type_desc, i.is_unique, c.column_id FROM sys.indexes AS i JOIN sys.index_columns AS c ON c.object_id = i.object_id AND c.index_id = i.index_id WHERE i.object_id = OBJECT_ID('v')"
        ),
        [["i", "CLUSTERED", "1", "1"]]
    );
    assert_eq!(
        rows(
            &mut s,
            "SELECT OBJECTPROPERTY(OBJECT_ID('v'), 'IsIndexed'), is_schema_bound FROM sys.sql_modules"
        ),
        [["1", "1"]]
    );
    ok(&mut s, "INSERT t VALUES (1, 1), (3, 30)");
    let (number, text) = errors(&mut s, "INSERT t VALUES (4, 40), (2, 50)").remove(0);
    assert_eq!(
        (number, text.contains("'dbo.v' with unique index 'i'. The duplicate key value is (2)")),
        (2601, true),
        "{text}"
    );
    assert_eq!(errors(&mut s, "UPDATE t SET b = 6 WHERE b = 1")[0].0, 2601);
    assert_eq!(rows(&mut s, "SELECT a FROM v WITH (NOEXPAND) ORDER BY a"), [["1"], ["2"], ["3"]]);
    assert_eq!(rows(&mut s, "SELECT COUNT(*) FROM t"), [["4"]]);
}

#[test]
fn it_ties_its_table_down() {
    let mut s = with_view();
    let (number, text) = errors(&mut s, "TRUNCATE TABLE dbo.t").remove(0);
    assert_eq!(
        (number, text.as_str()),
        (3729, "Cannot TRUNCATE TABLE 'dbo.t' because it is being referenced by object 'v'.")
    );
    assert_eq!(errors(&mut s, "DROP TABLE dbo.t")[0].0, 3729);
    ok(&mut s, "DROP INDEX i ON v; TRUNCATE TABLE dbo.t");
    assert_eq!(errors(&mut s, "DROP TABLE dbo.t")[0].0, 3729);
    ok(&mut s, "DROP VIEW v; DROP TABLE dbo.t");
}

#[test]
fn rows_are_switched_only_where_views_match() {
    let mut s = with_view();
    ok(&mut s, "CREATE TABLE dbo.s (a int NOT NULL, b int NOT NULL); INSERT s VALUES (7, 70); DELETE t");
    assert_eq!(number(&mut s, "ALTER TABLE s SWITCH TO t"), 11402);
    ok(&mut s, "CREATE VIEW dbo.w WITH SCHEMABINDING AS SELECT a, b FROM dbo.s WHERE b > 6");
    ok(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON dbo.w (a)");
    assert_eq!(number(&mut s, "ALTER TABLE s SWITCH TO t"), 11404);
    ok(&mut s, "DROP VIEW w");
    ok(&mut s, "CREATE VIEW dbo.w WITH SCHEMABINDING AS SELECT a, b FROM dbo.s WHERE b > 5");
    ok(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON dbo.w (a); ALTER TABLE s SWITCH TO t");
    assert_eq!(rows(&mut s, "SELECT a FROM v"), [["7"]]);
}

#[test]
fn views_that_cannot_be_indexed() {
    let mut s = session();
    ok(&mut s, "CREATE TABLE dbo.t (a int NOT NULL, b int NOT NULL); INSERT t VALUES (1, 10), (1, 20)");
    ok(&mut s, "CREATE VIEW dbo.loose AS SELECT a FROM t");
    ok(&mut s, "CREATE VIEW dbo.v WITH SCHEMABINDING AS SELECT a, b FROM dbo.t");
    ok(&mut s, "CREATE VIEW dbo.g WITH SCHEMABINDING AS SELECT a, SUM(b) AS b FROM dbo.t GROUP BY a");
    assert_eq!(number(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON loose (a)"), 1939);
    assert_eq!(number(&mut s, "CREATE INDEX i ON v (a)"), 1940);
    assert_eq!(number(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON g (a)"), 10138);
    assert_eq!(number(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON v (a)"), 1505);
    assert_eq!(number(&mut s, "CREATE VIEW dbo.x WITH SCHEMABINDING AS SELECT a FROM t"), 4512);
    ok(&mut s, "CREATE UNIQUE CLUSTERED INDEX i ON v (b); CREATE INDEX j ON v (a); DROP INDEX i ON v");
    assert_eq!(
        rows(&mut s, "SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('v')"),
        Vec::<Vec<String>>::new()
    );
}
