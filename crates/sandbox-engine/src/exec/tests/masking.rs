//! Masked columns: what those without UNMASK see, and where.
use crate::testing::{connect, engine, errors, ok, rows};
use sandbox_session::Session;

fn people() -> (Session, Session) {
    let engine = engine();
    let mut admin = connect(&engine, "sa", "secret");
    ok(&mut admin, "CREATE DATABASE d; CREATE LOGIN u WITH PASSWORD = 'p'");
    ok(
        &mut admin,
        "USE d; CREATE USER u; CREATE TABLE t (
            id int,
            s varchar(20) MASKED WITH (FUNCTION = 'default()'),
            e nvarchar(40) MASKED WITH (FUNCTION = 'email()') NULL,
            p varchar(30) MASKED WITH (FUNCTION = 'partial(2, \"-XX-\", 1)'),
            i int MASKED WITH (FUNCTION = 'default()'),
            d datetime2(0) MASKED WITH (FUNCTION = 'default()'),
            n AS s + '!')",
    );
    ok(
        &mut admin,
        "INSERT t VALUES (1, 'hello', 'john@x.com', 'abcdefghij', 42, '2020-05-06'), (2, 'ab', '', 'ab', 7, '1999-01-01')",
    );
    ok(&mut admin, "INSERT t (id) VALUES (3); GRANT SELECT, UPDATE ON t TO u");
    let mut user = connect(&engine, "u", "p");
    ok(&mut user, "USE d");
    (admin, user)
}

fn one(s: &mut Session, sql: &str) -> String {
    rows(s, sql).remove(0).remove(0)
}

#[test]
fn values_are_masked_by_the_columns_function() {
    let (mut admin, mut user) = people();
    let all = "SELECT s, e, p, i, n FROM t ORDER BY id";
    assert_eq!(
        rows(&mut user, all),
        [
            ["xxxx", "jXXX@XXXX.com", "ab-XX-j", "0", "xxxx"],
            ["xxxx", "xxxx", "-XX-", "0", "xxxx"],
            ["NULL", "NULL", "NULL", "NULL", "NULL"],
        ]
    );
    assert_eq!(one(&mut user, "SELECT CONVERT(varchar(30), d, 120) FROM t WHERE id = 1"), "xxxx");
    assert_eq!(rows(&mut admin, all)[0], ["hello", "john@x.com", "abcdefghij", "42", "hello!"]);
}

#[test]
fn expressions_are_masked_by_their_type_and_predicates_see_the_values() {
    let (_, mut user) = people();
    for (sql, shown) in [
        ("SELECT s + 'x' FROM t WHERE id = 1", "xxxx"),
        ("SELECT LEN(s) FROM t WHERE id = 1", "0"),
        ("SELECT SUM(i) FROM t", "0"),
        ("SELECT MAX(s) FROM t", "xxxx"),
        ("SELECT (SELECT e FROM t WHERE id = 1)", "xxxx"),
        ("SELECT x.e FROM (SELECT e FROM t) AS x WHERE x.e LIKE 'john%'", "jXXX@XXXX.com"),
        ("WITH c AS (SELECT id, e FROM t) SELECT e FROM c WHERE id = 1", "jXXX@XXXX.com"),
        ("SELECT CASE WHEN s = 'hello' THEN 'yes' ELSE 'no' END FROM t WHERE id = 1", "yes"),
        ("SELECT COUNT(*) FROM t WHERE s = 'hello'", "1"),
        ("SELECT TOP (1) id FROM t ORDER BY s DESC", "1"),
        ("SELECT s FROM t WHERE id = 1 UNION ALL SELECT s FROM t WHERE id = 9", "xxxx"),
        ("DECLARE @v varchar(20); SELECT @v = s FROM t WHERE id = 1; SELECT @v", "xxxx"),
        ("DECLARE @v varchar(20); SET @v = (SELECT s FROM t WHERE id = 1); SELECT @v", "xxxx"),
        ("UPDATE t SET id = id OUTPUT deleted.s WHERE id = 1", "xxxx"),
    ] {
        assert_eq!(one(&mut user, sql), shown, "{sql}");
    }
}

#[test]
fn copies_take_what_is_shown() {
    let (mut admin, mut user) = people();
    ok(
        &mut admin,
        "CREATE TABLE copy (id int, s varchar(20), e nvarchar(40)); GRANT SELECT, INSERT ON copy TO u; GRANT CREATE TABLE TO u; GRANT ALTER, INSERT ON SCHEMA::dbo TO u",
    );
    ok(
        &mut user,
        "INSERT copy SELECT id, s, e FROM t WHERE id = 1; INSERT copy (id, s) VALUES (2, (SELECT s FROM t WHERE id = 1)); SELECT id, s INTO made FROM t WHERE id = 1",
    );
    assert_eq!(
        rows(&mut admin, "SELECT id, s, e FROM copy ORDER BY id"),
        [["1", "xxxx", "jXXX@XXXX.com"], ["2", "xxxx", "NULL"]]
    );
    assert_eq!(rows(&mut admin, "SELECT s FROM made"), [["xxxx"]]);
    ok(&mut user, "UPDATE t SET p = s WHERE id = 1");
    assert_eq!(one(&mut admin, "SELECT p FROM t WHERE id = 1"), "xxxx");
}

#[test]
fn unmask_is_given_for_all_of_a_database_or_part_of_it() {
    let (mut admin, mut user) = people();
    for (grant, revoke, seen) in [
        ("GRANT UNMASK TO u", "REVOKE UNMASK TO u", ["hello", "john@x.com"]),
        ("GRANT UNMASK ON SCHEMA::dbo TO u", "REVOKE UNMASK ON SCHEMA::dbo TO u", ["hello", "john@x.com"]),
        ("GRANT UNMASK ON t TO u", "REVOKE UNMASK ON t TO u", ["hello", "john@x.com"]),
        ("GRANT UNMASK ON dbo.t(s) TO u", "REVOKE UNMASK ON dbo.t(s) TO u", ["hello", "jXXX@XXXX.com"]),
        (
            "GRANT UNMASK TO u; DENY UNMASK ON t(e) TO u",
            "REVOKE UNMASK TO u; REVOKE UNMASK ON t(e) TO u",
            ["hello", "jXXX@XXXX.com"],
        ),
    ] {
        ok(&mut admin, grant);
        assert_eq!(rows(&mut user, "SELECT s, e FROM t WHERE id = 1"), [seen], "{grant}");
        ok(&mut admin, revoke);
        assert_eq!(
            rows(&mut user, "SELECT s, e FROM t WHERE id = 1"),
            [["xxxx", "jXXX@XXXX.com"]],
            "{revoke}"
        );
    }
    ok(&mut admin, "GRANT UNMASK ON t(s) TO u");
    assert_eq!(rows(&mut user, "SELECT s + '', s + e FROM t WHERE id = 1"), [["hello", "xxxx"]]);
    assert_eq!(
        rows(
            &mut admin,
            "SELECT class, minor_id, type, state FROM sys.database_permissions WHERE permission_name = 'UNMASK'"
        ),
        [["1", "2", "UMSK", "G"]]
    );
}

#[test]
fn masks_are_added_dropped_and_shown() {
    let (mut admin, _) = people();
    ok(
        &mut admin,
        "ALTER TABLE t ALTER COLUMN id ADD MASKED WITH (FUNCTION = 'Random( 1, 5)'); ALTER TABLE t ALTER COLUMN s DROP MASKED",
    );
    assert_eq!(
        rows(
            &mut admin,
            "SELECT name, is_masked, masking_function FROM sys.masked_columns WHERE object_id = OBJECT_ID('t') AND column_id < 4"
        ),
        [["id", "1", "random(1, 5)"], ["e", "1", "email()"]]
    );
    assert_eq!(
        rows(
            &mut admin,
            "SELECT name FROM sys.columns WHERE object_id = OBJECT_ID('t') AND is_masked = 0 AND is_computed = 0"
        ),
        [["s"]]
    );
    let number = |s: &mut Session, sql: &str| errors(s, sql)[0].0;
    assert_eq!(number(&mut admin, "ALTER TABLE t ALTER COLUMN s DROP MASKED"), 16007);
    assert_eq!(
        number(&mut admin, "ALTER TABLE t ALTER COLUMN i ADD MASKED WITH (FUNCTION = 'email()')"),
        16003
    );
    assert_eq!(number(&mut admin, "CREATE TABLE x (a int MASKED WITH (FUNCTION = 'foo()'))"), 16002);
    // A computed column needs it.
    assert_eq!(number(&mut admin, "ALTER TABLE t ALTER COLUMN s varchar(25)"), 4922);
    ok(&mut admin, "ALTER TABLE t ALTER COLUMN s varchar(20) MASKED WITH (FUNCTION = 'email()')");
    assert_eq!(
        rows(&mut admin, "SELECT masking_function FROM sys.masked_columns WHERE name = 's'"),
        [["email()"]]
    );
}
