//! What names stand for: default schemas and synonyms.
use crate::testing::{connect, engine, errors, ok, rows};
use sandbox_session::Session;

fn two_schemas() -> (Session, Session) {
    let engine = engine();
    let mut admin = connect(&engine, "sa", "secret");
    ok(&mut admin, "CREATE DATABASE d; CREATE LOGIN u WITH PASSWORD = 'p'");
    ok(&mut admin, "USE d");
    ok(&mut admin, "CREATE SCHEMA stage");
    ok(
        &mut admin,
        "CREATE USER u WITH DEFAULT_SCHEMA = stage; ALTER ROLE db_datareader ADD MEMBER u; ALTER ROLE db_datawriter ADD MEMBER u",
    );
    ok(
        &mut admin,
        "CREATE TABLE dbo.t (a int); CREATE TABLE stage.t (a int); CREATE TABLE dbo.only (a int); INSERT dbo.t VALUES (1); INSERT stage.t VALUES (2); INSERT dbo.only VALUES (3)",
    );
    let mut user = connect(&engine, "u", "p");
    ok(&mut user, "USE d");
    (admin, user)
}

#[test]
fn names_without_a_schema_are_looked_for_in_the_users_own_first() {
    let (mut admin, mut user) = two_schemas();
    assert_eq!(
        rows(&mut admin, "SELECT a, SCHEMA_NAME(), OBJECT_SCHEMA_NAME(OBJECT_ID('t')) FROM t"),
        [["1", "dbo", "dbo"]]
    );
    assert_eq!(
        rows(&mut user, "SELECT a, SCHEMA_NAME(), OBJECT_SCHEMA_NAME(OBJECT_ID('t')) FROM t"),
        [["2", "stage", "stage"]]
    );
    assert_eq!(rows(&mut user, "SELECT only.a, t.a FROM only, d..t"), [["3", "2"]]);
    ok(
        &mut user,
        "INSERT t VALUES (5); UPDATE t SET a = a * 10; DELETE t WHERE a = 20; INSERT only VALUES (4)",
    );
    assert_eq!(rows(&mut admin, "SELECT a FROM dbo.t UNION ALL SELECT a FROM stage.t"), [["1"], ["50"]]);
    // A view's names are its own schema's, whoever asks.
    ok(&mut admin, "CREATE VIEW dbo.v AS SELECT a FROM t");
    assert_eq!(rows(&mut user, "SELECT a FROM v"), [["1"]]);
    assert_eq!(rows(&mut user, "SELECT name FROM sys.schemas WHERE name = 'stage'"), [["stage"]]);
}

#[test]
fn whoever_may_read_a_view_need_not_read_its_tables() {
    let (mut admin, _) = two_schemas();
    ok(&mut admin, "CREATE LOGIN w WITH PASSWORD = 'p'; CREATE USER w");
    ok(&mut admin, "CREATE VIEW dbo.v AS SELECT a FROM dbo.t");
    let engine = std::sync::Arc::clone(&admin.engine);
    let mut w = connect(&engine, "w", "p");
    ok(&mut w, "USE d");
    assert_eq!(errors(&mut w, "SELECT a FROM dbo.v")[0].0, 229);
    ok(&mut admin, "GRANT SELECT ON dbo.v TO w");
    assert_eq!(rows(&mut w, "SELECT a FROM dbo.v"), [["1"]]);
    assert_eq!(errors(&mut w, "SELECT a FROM dbo.t")[0].0, 229);
}

#[test]
fn a_synonym_stands_for_its_base() {
    let (mut admin, mut user) = two_schemas();
    ok(
        &mut admin,
        "CREATE SYNONYM dbo.s FOR stage.t; CREATE SYNONYM dbo.far FOR d.dbo.only; CREATE SYNONYM dbo.broken FOR dbo.nothing; CREATE SYNONYM dbo.r FOR dbo.s",
    );
    ok(&mut user, "INSERT s VALUES (7); UPDATE s SET a = 8 WHERE a = 7; DELETE s WHERE a = 2");
    assert_eq!(rows(&mut user, "SELECT s.a, far.a FROM s, far"), [["8", "3"]]);
    assert_eq!(
        rows(
            &mut admin,
            "SELECT name, type, base_object_name, OBJECT_ID(name, 'SN') - object_id FROM sys.synonyms ORDER BY name"
        ),
        [
            ["broken", "SN", "[dbo].[nothing]", "0"],
            ["far", "SN", "[d].[dbo].[only]", "0"],
            ["r", "SN", "[dbo].[s]", "0"],
            ["s", "SN", "[stage].[t]", "0"]
        ]
    );
    let number = |s: &mut Session, sql: &str| errors(s, sql)[0].0;
    assert_eq!(number(&mut user, "SELECT * FROM dbo.broken"), 5313);
    assert_eq!(number(&mut user, "SELECT * FROM dbo.r"), 470);
    assert_eq!(number(&mut admin, "CREATE SYNONYM dbo.s FOR dbo.t"), 2714);
    assert_eq!(number(&mut admin, "CREATE TABLE dbo.s (a int)"), 2714);
    // It names what is read and written; DDL does not see through it.
    assert_eq!(number(&mut admin, "TRUNCATE TABLE dbo.s"), 4701);
    assert_eq!(number(&mut admin, "ALTER TABLE dbo.s ADD b int"), 4902);
    assert_eq!(number(&mut admin, "INSERT BULK dbo.s ([a] int)"), 208);
    ok(&mut admin, "DROP SYNONYM dbo.s; DROP SYNONYM IF EXISTS dbo.s");
    assert_eq!(number(&mut admin, "DROP SYNONYM dbo.s"), 15151);
    assert_eq!(number(&mut user, "SELECT * FROM s"), 208);
}
