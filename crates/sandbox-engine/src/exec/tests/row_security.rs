//! Security policies: what they hide, what they refuse, and who sees that they are there.
use crate::testing::{connect, engine, errors, ok, rows};
use sandbox_session::Session;

/// A database `d` with a table and a policy by which each user has the rows that bear its name, and `boss` all.
fn shop() -> (Session, Session, Session) {
    let engine = engine();
    let mut admin = connect(&engine, "sa", "secret");
    ok(
        &mut admin,
        "CREATE DATABASE d; CREATE LOGIN ann WITH PASSWORD = 'p'; CREATE LOGIN boss WITH PASSWORD = 'p'",
    );
    ok(
        &mut admin,
        "USE d; CREATE USER ann; CREATE USER boss; CREATE TABLE sales (id int NOT NULL, rep sysname)",
    );
    ok(&mut admin, "INSERT sales VALUES (1, 'ann'), (2, 'bob'), (3, 'ann')");
    ok(&mut admin, "GRANT SELECT, INSERT, UPDATE, DELETE ON sales TO ann; GRANT SELECT ON sales TO boss");
    ok(
        &mut admin,
        "CREATE FUNCTION dbo.own(@rep AS sysname, @all nvarchar(20)) RETURNS TABLE WITH SCHEMABINDING AS \
         RETURN SELECT 1 AS fits WHERE @rep = USER_NAME() OR USER_NAME() = @all",
    );
    let session = |name| {
        let mut session = connect(&engine, name, "p");
        ok(&mut session, "USE d");
        session
    };
    let (ann, boss) = (session("ann"), session("boss"));
    (admin, ann, boss)
}

const FILTER: &str = "CREATE SECURITY POLICY dbo.reps ADD FILTER PREDICATE dbo.own(rep, N'boss') ON dbo.sales WITH (STATE = ON)";

#[test]
fn a_filter_hides_rows_from_all_statements_of_those_concerned() {
    let (mut admin, mut ann, mut boss) = shop();
    let all = "SELECT id FROM sales ORDER BY id";
    assert_eq!(rows(&mut ann, all), [["1"], ["2"], ["3"]]);
    ok(&mut admin, FILTER);
    assert_eq!(rows(&mut ann, all), [["1"], ["3"]]);
    assert_eq!(
        rows(&mut ann, "SELECT COUNT(*) FROM sales AS s LEFT JOIN sales AS t ON t.id = s.id + 1"),
        [["2"]]
    );
    assert_eq!(
        rows(
            &mut ann,
            "SELECT s.id, t.id FROM (SELECT 2 AS id) AS s FULL JOIN sales AS t ON t.id = s.id WHERE s.id = 2"
        ),
        [["2", "NULL"]]
    );
    assert_eq!(rows(&mut boss, all), [["1"], ["2"], ["3"]]);
    // It holds for dbo as well.
    assert_eq!(rows(&mut admin, all), Vec::<Vec<String>>::new());
    ok(&mut ann, "UPDATE sales SET id = id + 10; DELETE sales WHERE id IN (2, 13)");
    ok(&mut admin, "ALTER SECURITY POLICY dbo.reps WITH (STATE = OFF)");
    assert_eq!(rows(&mut admin, all), [["2"], ["11"]]);
}

#[test]
fn a_filter_holds_in_every_partition() {
    let (mut admin, mut ann, _) = shop();
    ok(
        &mut admin,
        "CREATE PARTITION FUNCTION f (int) AS RANGE RIGHT FOR VALUES (2); CREATE PARTITION SCHEME p AS PARTITION f ALL TO ([PRIMARY])",
    );
    ok(
        &mut admin,
        "CREATE TABLE parts (id int NOT NULL, rep sysname) ON p(id); INSERT parts SELECT id, rep FROM sales; GRANT SELECT ON parts TO ann",
    );
    ok(&mut admin, "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.own([rep], 'boss') ON dbo.parts");
    assert_eq!(rows(&mut ann, "SELECT id FROM parts ORDER BY id"), [["1"], ["3"]]);
}

#[test]
fn a_predicate_may_look_into_another_table() {
    let (mut admin, mut ann, _) = shop();
    ok(&mut admin, "CREATE TABLE dbo.grants (login sysname, id int); INSERT grants VALUES ('ann', 2)");
    ok(
        &mut admin,
        "CREATE FUNCTION dbo.granted(@id int) RETURNS TABLE WITH SCHEMABINDING AS RETURN \
         (SELECT 1 AS fits FROM dbo.grants AS g WHERE g.id = @id AND g.login = SUSER_SNAME())",
    );
    ok(&mut admin, "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.granted(id) ON dbo.sales");
    // Without a right of her own on the table that the predicate reads.
    assert_eq!(rows(&mut ann, "SELECT id FROM sales"), [["2"]]);
    assert_eq!(errors(&mut ann, "SELECT * FROM grants")[0].0, 229);
}

#[test]
fn block_predicates_refuse_writes() {
    let (mut admin, mut ann, _) = shop();
    ok(
        &mut admin,
        "CREATE SECURITY POLICY dbo.reps ADD BLOCK PREDICATE dbo.own(rep, 'boss') ON dbo.sales AFTER INSERT, \
         ADD BLOCK PREDICATE dbo.own(rep, 'boss') ON dbo.sales BEFORE DELETE",
    );
    let refused = |s: &mut Session, sql: &str| {
        let (number, text) = errors(s, sql).remove(0);
        assert!(text.contains("'d.dbo.sales' has a block predicate"), "{text}");
        number
    };
    assert_eq!(refused(&mut ann, "INSERT sales VALUES (4, 'ann'), (5, 'bob')"), 33504);
    assert_eq!(refused(&mut ann, "DELETE sales WHERE id = 2"), 33504);
    ok(
        &mut ann,
        "INSERT sales VALUES (4, 'ann'); DELETE sales WHERE id = 1; UPDATE sales SET rep = 'zoe' WHERE id = 4",
    );
    ok(
        &mut admin,
        "ALTER SECURITY POLICY dbo.reps DROP BLOCK PREDICATE ON dbo.sales AFTER INSERT, ADD BLOCK PREDICATE dbo.own(rep, 'boss') ON dbo.sales AFTER UPDATE",
    );
    assert_eq!(refused(&mut ann, "UPDATE sales SET rep = 'zoe' WHERE id = 3"), 33504);
    ok(&mut ann, "INSERT sales VALUES (6, 'zoe')");
    assert_eq!(
        rows(&mut ann, "SELECT id, rep FROM sales ORDER BY id"),
        [["2", "bob"], ["3", "ann"], ["4", "zoe"], ["6", "zoe"]]
    );
}

#[test]
fn the_catalog_shows_policies_to_those_who_may_see_definitions() {
    let (mut admin, mut ann, _) = shop();
    ok(&mut admin, FILTER);
    let policies = "SELECT p.name, p.is_enabled, p.is_schema_bound, sp.predicate_definition, sp.predicate_type_desc, sp.operation_desc \
         FROM sys.security_policies AS p JOIN sys.security_predicates AS sp ON sp.object_id = p.object_id \
         WHERE sp.target_object_id = OBJECT_ID('dbo.sales')";
    let shown = [["reps", "1", "1", "([dbo].[own]([rep],N'boss'))", "FILTER", "NULL"]];
    assert_eq!(rows(&mut admin, policies), shown);
    assert_eq!(rows(&mut ann, policies), Vec::<Vec<String>>::new());
    ok(&mut admin, "GRANT VIEW DEFINITION TO ann");
    assert_eq!(rows(&mut ann, policies), shown);
    ok(&mut admin, "REVOKE VIEW DEFINITION TO ann; GRANT ALTER ANY SECURITY POLICY TO ann");
    assert_eq!(rows(&mut ann, policies), shown);
    assert_eq!(
        rows(&mut admin, "SELECT type, name FROM sys.objects WHERE type IN ('IF', 'SP') ORDER BY type"),
        [["IF", "own"], ["SP", "reps"]]
    );
}

#[test]
fn policies_are_refused_as_sql_server_refuses_them() {
    let (mut admin, mut ann, _) = shop();
    assert_eq!(errors(&mut ann, FILTER)[0].0, 262);
    ok(&mut admin, FILTER);
    let number = |s: &mut Session, sql: &str| errors(s, sql)[0].0;
    assert_eq!(number(&mut admin, FILTER), 2714);
    assert_eq!(
        number(&mut admin, "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.own(rep, 'x') ON dbo.sales"),
        33264
    );
    assert_eq!(
        number(&mut admin, "ALTER SECURITY POLICY reps ADD FILTER PREDICATE dbo.own(rep, 'x') ON dbo.sales"),
        33262
    );
    assert_eq!(number(&mut admin, "ALTER SECURITY POLICY reps DROP BLOCK PREDICATE ON dbo.sales"), 33261);
    assert_eq!(
        number(&mut admin, "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.own(rep, 'x') ON dbo.nothing"),
        33268
    );
    assert_eq!(
        number(&mut admin, "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.sales(rep) ON dbo.sales"),
        33270
    );
    assert_eq!(
        number(
            &mut admin,
            "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.own(rep) ON dbo.sales WITH (STATE = OFF)"
        ),
        313
    );
    assert_eq!(
        number(
            &mut admin,
            "CREATE SECURITY POLICY q ADD FILTER PREDICATE dbo.own(nope, 'x') ON dbo.sales WITH (STATE = OFF)"
        ),
        207
    );
    assert_eq!(number(&mut admin, "DROP TABLE dbo.sales"), 3729);
    assert_eq!(number(&mut admin, "DROP FUNCTION dbo.own"), 3729);
    ok(&mut admin, "DROP SECURITY POLICY reps; DROP FUNCTION dbo.own; DROP TABLE dbo.sales");
    assert_eq!(number(&mut admin, "DROP SECURITY POLICY reps"), 3701);
    ok(&mut admin, "DROP SECURITY POLICY IF EXISTS reps");
}

#[test]
fn a_function_gives_rows_for_its_arguments() {
    let (mut admin, mut ann, _) = shop();
    ok(
        &mut admin,
        "CREATE FUNCTION dbo.above(@id int) RETURNS TABLE AS RETURN SELECT id, rep FROM sales WHERE id > @id",
    );
    let number = |s: &mut Session, sql: &str| errors(s, sql)[0].0;
    assert_eq!(number(&mut ann, "SELECT * FROM dbo.above(1)"), 229);
    ok(&mut admin, "GRANT SELECT ON dbo.above TO ann; REVOKE SELECT ON sales FROM ann");
    assert_eq!(
        rows(&mut ann, "DECLARE @n int = 1; SELECT a.id, rep FROM dbo.above(@n) AS a ORDER BY a.id DESC"),
        [["3", "ann"], ["2", "bob"]]
    );
    assert_eq!(number(&mut ann, "SELECT * FROM dbo.above"), 216);
    assert_eq!(number(&mut ann, "SELECT * FROM dbo.above(1, 2)"), 8144);
    assert_eq!(number(&mut admin, "SELECT * FROM dbo.sales(1)"), 215);
    assert_eq!(number(&mut admin, "SELECT * FROM dbo.nothing(1)"), 208);
    assert_eq!(
        number(
            &mut admin,
            "CREATE FUNCTION dbo.x() RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT id FROM sales"
        ),
        4512
    );
}
