use crate::testing::{connect, engine, errors, ok, open, rows, run, session};
use sandbox_catalog::permissions;
use sandbox_catalog::schema::{Backs, IndexKind, Table};
use sandbox_catalog::store::Storage;
use sandbox_session::{Login, Session};

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
        "CREATE TABLE dbo.p (id int IDENTITY(10,5) PRIMARY KEY, code char(3) NOT NULL CONSTRAINT uq UNIQUE)
         CREATE TABLE c (
            id int NOT NULL, parent int NULL DEFAULT 10 CONSTRAINT fk REFERENCES p ON DELETE CASCADE,
            code char(5) REFERENCES p (code),
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
    // Few rows are deleted; a table whose rows may be long has its storage exchanged.
    ok(
        s,
        "CREATE TABLE l (id int, long nvarchar(max)) INSERT p VALUES (1) INSERT c VALUES (1) INSERT l VALUES (1, N'')",
    );
    let before = ["c", "l"].map(|name| table(s, name).storage);
    let truncated = "TRUNCATE TABLE c TRUNCATE TABLE l";
    let count = "SELECT (SELECT COUNT(*) FROM c) + (SELECT COUNT(*) FROM l)";
    ok(s, &format!("BEGIN TRAN {truncated} ROLLBACK"));
    assert_eq!(rows(s, count), [["2"]]);
    ok(s, truncated);
    assert_eq!(rows(s, count), [["0"]]);
    assert_eq!(table(s, "c").storage, before[0]);
    assert_ne!(table(s, "l").storage, before[1]);
    ok(s, "DROP TABLE c, l, p");
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

#[test]
fn a_folder_remembers_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::Folder(folder.path().to_owned());
    let before = {
        let mut session = connect(&open(storage()), "sa", "secret");
        let s = &mut session;
        ok(s, "CREATE LOGIN l WITH PASSWORD = 'p'; CREATE DATABASE d COLLATE Greek_CI_AS");
        ok(
            s,
            "CREATE TABLE t (id int IDENTITY(10,5) PRIMARY KEY, n numeric(38,2) DEFAULT 1.5)
             CREATE TABLE #t (a int)",
        );
        table(s, "t")
    };
    let engine = open(storage());
    let session = connect(&engine, "sa", "secret");
    assert_eq!(format!("{:?}", table(&session, "t")), format!("{before:?}"));
    let instance = engine.instance();
    assert_eq!(instance.databases[&5].collation.get().name, "Greek_CI_AS");
    assert!(instance.databases[&2].tables.is_empty());
    assert!(instance.logins.values().any(|l| l.name == "l" && l.password == Some("p".into())));
    let tables: i64 = session
        .connection
        .query_row(
            "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'",
            [],
            |r| r.get(0),
        )
        .unwrap();
    assert_eq!(tables, 1);
}

#[test]
fn indexes_are_made_disabled_and_dropped() {
    let mut session = session();
    let s = &mut session;
    ok(
        s,
        "CREATE TABLE p (id int NOT NULL CONSTRAINT pk PRIMARY KEY, a int, b int, s varchar(10))
         CREATE TABLE c (id int CONSTRAINT fk REFERENCES p)
         CREATE INDEX ix ON p (a DESC) INCLUDE (b)
         CREATE NONCLUSTERED COLUMNSTORE INDEX nc ON p (a, b)",
    );
    let states = |s: &Session| {
        let all = table(s, "p").indexes;
        all.iter().map(|i| (i.name.clone().unwrap_or_default(), i.index_id, i.disabled)).collect::<Vec<_>>()
    };
    let named = |name: &str, id: i32, disabled: bool| (name.to_owned(), id, disabled);
    assert_eq!(states(s), [named("pk", 1, false), named("ix", 2, false), named("nc", 3, false)]);
    assert_eq!(
        errors(s, "CREATE INDEX ix ON p (b)"),
        [(
            1913,
            "The operation failed because an index or statistics with name 'ix' already exists on table 'dbo.p'."
                .into()
        )]
    );
    assert_eq!(numbers(s, "CREATE CLUSTERED INDEX other ON p (b)"), [1902]);
    assert_eq!(numbers(s, "CREATE INDEX other ON p (nothing)"), [1911]);
    assert_eq!(numbers(s, "CREATE INDEX other ON p (a, a)"), [1909]);
    assert_eq!(numbers(s, "CREATE INDEX other ON nowhere (a)"), [1088]);
    assert_eq!(numbers(s, "DROP INDEX pk ON p"), [3723]);
    assert_eq!(numbers(s, "DROP INDEX nothing ON p"), [3701]);
    assert_eq!(numbers(s, "CREATE INDEX other ON p (a) WITH (DROP_EXISTING = ON)"), [7999]);
    ok(s, "ALTER INDEX ix ON p DISABLE");
    assert!(states(s)[1].2);
    assert_eq!(numbers(s, "ALTER INDEX ix ON p REORGANIZE"), [1973]);
    assert_eq!(numbers(s, "ALTER INDEX nothing ON p REBUILD"), [2727]);

    let warned = run(s, "ALTER INDEX pk ON p DISABLE").messages;
    assert_eq!(
        warned[0].text,
        "Warning: Foreign key 'fk' on table 'c' referencing table 'p' was disabled as a result of disabling the index 'pk'."
    );
    assert_eq!(states(s), [named("pk", 1, true), named("ix", 2, true), named("nc", 3, true)]);
    let foreign = &table(s, "c").foreign_keys[0];
    assert!(foreign.disabled && foreign.not_trusted);
    assert_eq!(numbers(s, "ALTER INDEX ix ON p REBUILD"), [1987]);
    ok(s, "DROP INDEX ix ON p");
    ok(s, "CREATE INDEX again ON p (b)");
    assert_eq!(states(s)[1], named("again", 2, false), "a freed id is used again");
}

#[test]
fn a_rollback_takes_ddl_back() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (a int)");
    let before = format!("{:?}", table(s, "t"));
    sandbox_session::transaction::begin(s, 1).unwrap();
    ok(s, "ALTER TABLE t ADD b int NULL; CREATE INDEX ix ON t (b); TRUNCATE TABLE t; CREATE TABLE u (a int)");
    ok(s, "DROP TABLE t");
    sandbox_session::transaction::rollback_all(s).unwrap();
    assert_eq!(format!("{:?}", table(s, "t")), before);
    assert_eq!(numbers(s, "DROP TABLE u"), [3701]);
    let tables: i64 = s
        .connection
        .query_row("SELECT COUNT(*) FROM sqlite_master WHERE name GLOB '[ti][0-9]*'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1, "storage of what was rolled back is gone");
}

#[test]
fn logins_users_and_permissions() {
    let engine = engine();
    let mut admin = connect(&engine, "sa", "secret");
    let s = &mut admin;
    ok(s, "CREATE LOGIN reader WITH PASSWORD = 'pw', CHECK_POLICY = OFF");
    assert_eq!(numbers(s, "CREATE LOGIN reader WITH PASSWORD = 'pw'"), [15025]);
    assert_eq!(numbers(s, "CREATE USER u FOR LOGIN nobody"), [15007]);
    ok(s, "CREATE USER reader FOR LOGIN reader; CREATE TABLE t (a int); CREATE TABLE hidden (a int)");
    assert_eq!(numbers(s, "CREATE USER other FOR LOGIN reader"), [15063]);
    assert_eq!(numbers(s, "GRANT SELECT ON nothing TO reader"), [15151]);
    assert_eq!(numbers(s, "GRANT SELECT ON t TO nobody"), [15151]);
    ok(s, "GRANT SELECT ON dbo.t TO reader");

    let mut reader = connect(&engine, "reader", "pw");
    let may = |reader: &Session, permission: &str, name: &str| {
        let instance = reader.engine.instance();
        let database = &instance.databases[&1];
        let table = database.table(1, name).unwrap();
        let rights = reader.rights(&instance, database);
        permissions::check(&rights, permission, table.as_ref().into(), name).map_err(|e| (e.number, e.text))
    };
    assert_eq!(may(&reader, "SELECT", "t"), Ok(()));
    assert_eq!(
        may(&reader, "INSERT", "t"),
        Err((
            229,
            "The INSERT permission was denied on the object 't', database 'master', schema 'dbo'.".to_owned()
        ))
    );
    assert!(may(&reader, "SELECT", "hidden").is_err());
    assert_eq!(
        errors(&mut reader, "CREATE TABLE x (a int)"),
        [(262, "CREATE TABLE permission denied in database 'master'.".into())]
    );
    assert_eq!(numbers(&mut reader, "DROP TABLE t"), [3701]);
    assert_eq!(numbers(&mut reader, "ALTER TABLE t ADD b int"), [4902]);
    assert_eq!(numbers(&mut reader, "CREATE LOGIN x WITH PASSWORD = 'y'"), [15247]);
    assert_eq!(numbers(&mut reader, "GRANT SELECT ON t TO public"), [15151]);

    ok(s, "ALTER ROLE db_datareader ADD MEMBER reader; DENY SELECT ON SCHEMA::dbo TO reader");
    assert!(may(&reader, "SELECT", "t").is_err());
    ok(s, "REVOKE SELECT ON SCHEMA::dbo FROM reader");
    assert_eq!(may(&reader, "SELECT", "hidden"), Ok(()));
    ok(s, "DENY SELECT ON sys.triggers TO reader");
    assert_eq!(
        errors(&mut reader, "SELECT name FROM sys.triggers"),
        [(
            229,
            "The SELECT permission was denied on the object 'triggers', database 'mssqlsystemresource', schema 'sys'."
                .into()
        )]
    );
    ok(&mut reader, "SELECT name FROM sys.tables");
    ok(s, "REVOKE SELECT ON sys.triggers FROM reader; ALTER ROLE db_owner ADD MEMBER reader");
    ok(&mut reader, "CREATE TABLE x (a int)");
    assert_eq!(numbers(s, "DROP LOGIN reader"), [15434]);
    drop(reader);
    ok(s, "DROP USER reader; DROP LOGIN reader");
    assert!(engine.instance().databases[&1].permissions.is_empty());
}

#[test]
fn windows_vouches_for_its_users() {
    let engine = engine();
    let mut admin = connect(&engine, "sa", "secret");
    let s = &mut admin;
    ok(s, r"CREATE LOGIN [CORP\etl] FROM WINDOWS WITH DEFAULT_DATABASE = master; CREATE USER [CORP\etl]");
    assert_eq!(numbers(s, r"CREATE LOGIN [corp\ETL] FROM WINDOWS"), [15025]);
    assert_eq!(numbers(s, "CREATE LOGIN etl FROM WINDOWS"), [15407]);
    assert_eq!(numbers(s, r"CREATE LOGIN [CORP\x] WITH PASSWORD = 'p'"), [15006]);
    assert_eq!(numbers(s, r"CREATE LOGIN [CORP\x] FROM WINDOWS WITH CHECK_POLICY = OFF"), [102]);
    let query = "SELECT name, type, type_desc FROM sys.server_principals WHERE type = 'U'";
    assert_eq!(rows(s, query), [[r"CORP\etl", "U", "WINDOWS_LOGIN"]]);
    let query = "SELECT type, type_desc, authentication_type_desc FROM sys.database_principals WHERE name LIKE 'CORP%'";
    assert_eq!(rows(s, query), [["U", "WINDOWS_USER", "WINDOWS"]]);

    let login = |user: &str, password: &str, vouched_for| {
        let login =
            Login { user: user.to_owned(), password: password.into(), vouched_for, ..Login::default() };
        engine.connect(&login).map(drop).map_err(|error| (error.number, error.text))
    };
    assert_eq!(login(r"CORP\etl", "", true), Ok(()));
    for (user, password, vouched_for) in
        [(r"CORP\other", "", true), (r"CORP\etl", "", false), (r"CORP\etl", "p", false)]
    {
        let refused = (18456, format!("Login failed for user '{user}'."));
        assert_eq!(login(user, password, vouched_for), Err(refused), "{user}");
    }
}

#[test]
fn names_compare_as_the_database_says() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE T (a int)");
    assert_eq!(numbers(s, "CREATE TABLE t (a int)"), [2714]);
    ok(s, "CREATE DATABASE Strict COLLATE Latin1_General_100_CS_AS");
    ok(s, "USE STRICT; CREATE TABLE T (a int, A int); CREATE TABLE t (a int)");
    assert_eq!(numbers(s, "DROP TABLE dbo.t; DROP TABLE dbo.t"), [3701]);
}

/// Tests of tools count what was done to which index.
#[test]
fn work_on_indexes_is_counted_by_index() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(a int not null primary key, b int, c nvarchar(9));
         create unique index uq on t(b) include (c) where b is not null;
         create index ix on t(c desc) include (b)",
    );
    let described =
        "select i.name, i.is_unique, i.is_disabled, i.filter_definition, c.column_id, c.is_descending_key,
            c.is_included_column
         from sys.indexes i join sys.index_columns c on c.object_id = i.object_id and c.index_id = i.index_id
         where i.object_id = object_id('t') order by i.name, c.index_column_id";
    let before = rows(&mut s, described);
    ok(&mut s, "alter index uq on t disable; alter index ix on t disable; alter index ix on t disable");
    ok(&mut s, "insert t values (1, 1, 'x'), (2, 1, 'y')");
    assert_eq!(errors(&mut s, "alter index uq on t rebuild")[0].0, 1505);
    ok(&mut s, "delete t where a = 2; alter index uq on t rebuild; alter index ix on t rebuild");
    assert_eq!(rows(&mut s, described), before);
    assert_eq!(errors(&mut s, "insert t values (3, 1, 'z')")[0].0, 2601);
    let counters = "exec sp_sandbox_index_counters 't'";
    assert_eq!(rows(&mut s, counters), [["ix", "1", "1"], ["uq", "1", "1"]]);
    ok(&mut s, "alter index all on t rebuild");
    let by_name: Vec<_> = rows(&mut s, counters).into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(by_name[by_name.len() - 2..], ["2", "2"]);
    assert_eq!(rows(&mut s, "exec sp_sandbox_counters 't'")[0][1], "5");
    ok(&mut s, "exec sp_sandbox_fault 'refuse_index', 't', @at = 2");
    ok(&mut s, "alter index ix on t disable");
    assert_eq!(errors(&mut s, "alter index ix on t rebuild")[0].0, 1088);
    ok(&mut s, "alter index ix on t rebuild");
}
