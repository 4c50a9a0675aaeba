use crate::engine::Session;
use crate::engine::schema::{Backs, IndexKind, Table};
use crate::engine::testing::{errors, ok, session};

fn table(session: &Session, name: &str) -> Table {
    let instance = session.engine.instance();
    let database = &instance.databases[&session.database];
    Table::clone(database.table(1, name).unwrap())
}

fn numbers(session: &mut Session, sql: &str) -> Vec<i32> {
    errors(session, sql).into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_table_gets_its_keys_and_constraints() {
    let mut session = session();
    ok(
        &mut session,
        "CREATE TABLE dbo.p (id int IDENTITY(10,5) PRIMARY KEY, code bigint NOT NULL CONSTRAINT uq UNIQUE)
         CREATE TABLE c (
            id int NOT NULL, parent int NULL DEFAULT 10 CONSTRAINT fk REFERENCES p ON DELETE CASCADE,
            code bigint REFERENCES p (code),
            CONSTRAINT pk PRIMARY KEY NONCLUSTERED (id DESC),
            INDEX ix CLUSTERED (parent))",
    );
    let parent = table(&session, "P");
    assert_eq!(parent.object_id, 901_578_250);
    let identity = parent.identity.unwrap();
    assert_eq!((identity.seed, identity.increment, identity.last), (10, 5, None));
    let kinds: Vec<_> = parent.indexes.iter().map(|i| (i.index_id, i.kind, i.backs)).collect();
    assert_eq!(
        kinds,
        [(1, IndexKind::Clustered, Backs::PrimaryKey), (2, IndexKind::Nonclustered, Backs::UniqueConstraint)]
    );
    let child = table(&session, "c");
    let kinds: Vec<_> = child.indexes.iter().map(|i| (i.index_id, i.name.as_deref(), i.kind)).collect();
    assert_eq!(kinds, [(1, Some("ix"), IndexKind::Clustered), (2, Some("pk"), IndexKind::Nonclustered)]);
    assert_eq!(child.indexes[1].keys, [(1, true)]);
    assert_eq!(child.foreign_keys[0].references, parent.object_id);
    assert_eq!((child.foreign_keys[0].on_delete, child.foreign_keys[0].key_index), (1, 1));
    assert_eq!(child.foreign_keys[1].referenced_columns, [2]);
    let default = child.columns[1].default.clone().unwrap();
    assert!(default.system_named && default.name.starts_with("DF__c__paren__"), "{}", default.name);
    assert_eq!(default.definition, "((10))");
}

#[test]
fn what_cannot_be_made_is_refused() {
    let mut session = session();
    ok(&mut session, "CREATE TABLE t (a int PRIMARY KEY, s varchar(10))");
    let s = &mut session;
    assert_eq!(
        errors(s, "CREATE TABLE T (a int)"),
        [(2714, "There is already an object named 'T' in the database.".into())]
    );
    assert_eq!(numbers(s, "CREATE TABLE x.t (a int)"), [2760]);
    assert_eq!(numbers(s, "CREATE TABLE nowhere.dbo.t (a int)"), [911]);
    assert_eq!(numbers(s, "CREATE TABLE u (a int, A int)"), [2705]);
    assert_eq!(numbers(s, "CREATE TABLE u (a nonsense)"), [2715]);
    assert_eq!(numbers(s, "CREATE TABLE u (a varchar(3) COLLATE nonsense)"), [448]);
    assert_eq!(numbers(s, "CREATE TABLE u (a varchar(3) IDENTITY)"), [2749]);
    assert_eq!(numbers(s, "CREATE TABLE u (a int PRIMARY KEY, b int PRIMARY KEY)"), [8110, 1750]);
    assert_eq!(numbers(s, "CREATE TABLE u (a int, PRIMARY KEY (b))"), [1911, 1750]);
    assert_eq!(numbers(s, "CREATE TABLE u (a varchar(max) UNIQUE)"), [1919]);
    assert_eq!(numbers(s, "CREATE TABLE u (a int REFERENCES nowhere)"), [1767, 1750]);
    assert_eq!(numbers(s, "CREATE TABLE u (a varchar(10) REFERENCES t (s))"), [1776, 1750]);
    assert_eq!(numbers(s, "CREATE TABLE u (a bigint REFERENCES t (a))"), [1778, 1750]);
    assert_eq!(numbers(s, "CREATE TABLE u (a int REFERENCES t (z))"), [1770, 1750]);
    assert_eq!(numbers(s, "CREATE TABLE u (a rowversion, b timestamp)"), [2738]);
    // Nothing of all that has left a trace.
    ok(s, "CREATE TABLE u (a int) DROP TABLE u");
}

#[test]
fn tables_are_dropped_and_truncated_unless_referenced() {
    let mut session = session();
    ok(&mut session, "CREATE TABLE p (id int PRIMARY KEY) CREATE TABLE c (id int REFERENCES p)");
    let s = &mut session;
    assert_eq!(numbers(s, "DROP TABLE p"), [3726]);
    assert_eq!(
        errors(s, "TRUNCATE TABLE p"),
        [(
            4712,
            "Cannot truncate table 'p' because it is being referenced by a FOREIGN KEY constraint.".into()
        )]
    );
    let before = table(s, "c").storage;
    ok(s, "TRUNCATE TABLE c");
    assert_ne!(table(s, "c").storage, before);
    ok(s, "DROP TABLE c, p");
    assert_eq!(
        errors(s, "DROP TABLE p"),
        [(
            3701,
            "Cannot drop the table 'p', because it does not exist or you do not have permission.".into()
        )]
    );
    ok(s, "DROP TABLE IF EXISTS p");
}

#[test]
fn databases_and_schemas() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE DATABASE d COLLATE Latin1_General_100_BIN2");
    assert_eq!(numbers(s, "CREATE DATABASE D"), [1801]);
    ok(s, "ALTER DATABASE d SET RECOVERY SIMPLE; CREATE TABLE d.dbo.t (a int)");
    {
        let instance = s.engine.instance();
        let made = &instance.databases[&5];
        assert_eq!((made.recovery_model, made.collation.get().name.as_str()), (3, "Latin1_General_100_BIN2"));
        assert!(made.table(1, "t").is_some());
    }
    assert_eq!(numbers(s, "ALTER DATABASE nowhere SET READ_ONLY"), [5011]);
    ok(s, "DROP DATABASE d");
    assert_eq!(numbers(s, "DROP DATABASE d"), [3701]);
    assert_eq!(numbers(s, "DROP DATABASE master"), [3708]);
    ok(s, "CREATE SCHEMA app");
    ok(s, "CREATE TABLE app.t (a int)");
    assert_eq!(numbers(s, "CREATE SCHEMA app"), [2714]);
    assert_eq!(numbers(s, "DROP SCHEMA app"), [3729]);
    ok(s, "DROP TABLE app.t DROP SCHEMA app");
    assert_eq!(numbers(s, "DROP SCHEMA app"), [15151]);
}
