//! What Microsoft's clients ask before they do anything.
use crate::testing::{connect, engine, errors, ok, rows, run, session};
use sandbox_values::Value;

#[test]
fn bulk_copies_ask_for_collations_with_and_without_the_database() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE DATABASE d; CREATE TABLE here (a varchar(5)); USE d; CREATE TABLE there (a int, b nvarchar(5)); USE master",
    );
    let names = |s: &mut sandbox_session::Session, sql: &str| -> Vec<String> {
        rows(s, sql).into_iter().map(|mut row| row.swap_remove(1)).collect()
    };
    assert_eq!(names(&mut s, "exec ..sp_tablecollations_100 N'.[here]'"), ["a"]);
    assert_eq!(names(&mut s, "exec ..sp_tablecollations_100 N'[dbo].[here]'"), ["a"]);
    assert_eq!(names(&mut s, "exec [d]..sp_tablecollations_100 N'[dbo].[there]'"), ["a", "b"]);
    assert_eq!(rows(&mut s, "SELECT DB_NAME()"), [["master"]]);
    assert_eq!(errors(&mut s, "exec nowhere..sp_tablecollations_100 N'[dbo].[there]'")[0].0, 2812);
}

#[test]
fn sessions_tell_how_they_are_set() {
    let mut s = session();
    ok(&mut s, "SET NO_BROWSETABLE ON; SET NO_BROWSETABLE OFF; SET ANSI_NULLS OFF; SET LOCK_TIMEOUT 1500");
    assert_eq!(
        rows(
            &mut s,
            "SELECT SESSIONPROPERTY('ansi_nulls'), SESSIONPROPERTY(N'QUOTED_IDENTIFIER'), SESSIONPROPERTY('nocount')"
        ),
        [["0", "1", "NULL"]]
    );
    let options = rows(&mut s, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; DBCC USEROPTIONS");
    for expected in
        [["lock_timeout", "1500"], ["quoted_identifier", "SET"], ["isolation level", "serializable"]]
    {
        assert!(options.iter().any(|row| *row == expected), "{expected:?} in {options:?}");
    }
    assert!(options.iter().all(|row| row[0] != "ansi_nulls"));
}

#[test]
fn the_server_tells_one_version_everywhere() {
    let mut s = session();
    let found = rows(
        &mut s,
        "SELECT SERVERPROPERTY('ProductVersion'), @@VERSION, CONVERT(int, @@MICROSOFTVERSION) % 65536",
    )
    .remove(0);
    assert!(found[1].ends_with(&found[0]), "{found:?}");
    let build = found[0].split('.').nth(2).unwrap();
    assert_eq!(build, found[2]);
    let [major, minor, high, low] = sandbox_session::product::on_the_wire();
    assert!(found[0].starts_with(&format!("{major}.{minor}.{}.", u16::from_be_bytes([high, low]))));
    assert_eq!(rows(&mut s, "SELECT host_platform FROM sys.dm_os_host_info"), [["Linux"]]);
}

#[test]
fn an_identity_can_be_looked_at() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE t (id int IDENTITY, a int); INSERT t (a) VALUES (1), (2), (3); DELETE t WHERE a = 3; CREATE TABLE plain (a int)",
    );
    let said = run(&mut s, "DBCC CHECKIDENT ('t', NORESEED)").messages;
    assert_eq!(
        said[0].text,
        "Checking identity information: current identity value '3', current column value '2'."
    );
    assert_eq!(said.iter().map(|m| m.number).collect::<Vec<_>>(), [7998, 2528]);
    assert_eq!(errors(&mut s, "DBCC CHECKIDENT ('plain', NORESEED)")[0].0, 7997);
}

#[test]
fn schema_collections_are_there() {
    let mut s = session();
    ok(&mut s, "CREATE TABLE t (id int NOT NULL CONSTRAINT pk PRIMARY KEY, a varchar(5) SPARSE NULL)");
    ok(
        &mut s,
        "CREATE FUNCTION dbo.f(@n int, @s nvarchar(7)) RETURNS TABLE AS RETURN SELECT @n AS n, @s AS s",
    );
    let columns = rows(&mut s, "EXEC sys.sp_columns_managed NULL, NULL, N't', NULL, 0");
    assert_eq!(
        columns.iter().map(|row| (row[3].as_str(), row[19].as_str())).collect::<Vec<_>>(),
        [("id", "NO"), ("a", "YES")]
    );
    assert_eq!(
        rows(&mut s, "EXEC sys.sp_columns_managed NULL, NULL, N't', NULL, 2"),
        Vec::<Vec<String>>::new()
    );
    assert_eq!(rows(&mut s, "EXEC sys.sp_indexes_managed NULL, NULL, N't', NULL")[0][6], "pk");
    assert_eq!(rows(&mut s, "EXEC sys.sp_indexcolumns_managed NULL, NULL, N't', NULL, NULL")[0][6], "id");
    assert_eq!(ok(&mut s, "EXEC sp_procedure_params_100_managed N'f'").results.len(), 1);
    assert_eq!(
        rows(&mut s, "SELECT ROUTINE_NAME, ROUTINE_TYPE FROM INFORMATION_SCHEMA.ROUTINES"),
        [["f", "FUNCTION"]]
    );
    assert_eq!(
        rows(
            &mut s,
            "SELECT PARAMETER_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH FROM INFORMATION_SCHEMA.PARAMETERS ORDER BY ORDINAL_POSITION"
        ),
        [["@n", "int", "NULL"], ["@s", "nvarchar", "7"]]
    );
    assert_eq!(
        rows(&mut s, "SELECT name FROM master..sysdatabases WHERE dbid < 3"),
        [["master"], ["tempdb"]]
    );
    assert_eq!(rows(&mut s, "SELECT name, issqluser FROM sysusers WHERE uid = 1"), [["dbo", "1"]]);
    for view in ["sys.assemblies", "sys.table_types", "sys.system_objects"] {
        ok(&mut s, &format!("SELECT * FROM {view}"));
    }
}

#[test]
fn a_result_is_described_as_it_will_be_sent() {
    let engine = engine();
    let mut s = connect(&engine, "sa", "secret");
    ok(
        &mut s,
        "CREATE TABLE t (a varchar(120) COLLATE Latin1_General_100_CI_AS_SC_UTF8, b varchar(120), c nvarchar(7))",
    );
    let described = ok(&mut s, "EXEC sp_describe_first_result_set N'SELECT a, b, c FROM t'");
    let at = described.results[0].0.iter().position(|c| c.name == "tds_length").unwrap();
    let lengths: Vec<&Value> = described.results[0].1.iter().map(|row| &row[at]).collect();
    assert_eq!(lengths, [&Value::Int(240), &Value::Int(120), &Value::Int(14)]);
}

#[test]
fn smo_and_dacfx_get_their_first_answers() {
    let mut s = session();
    ok(
        &mut s,
        "DECLARE @v nvarchar(512); EXEC master.dbo.xp_instance_regread N'HKEY_LOCAL_MACHINE', N'SOFTWARE\\X', N'Path', @v OUTPUT",
    );
    assert_eq!(
        rows(
            &mut s,
            "SELECT [c].[value] FROM [master].[dbo].[sysconfigures] AS [c] WITH (NOLOCK) WHERE [c].[config] = 1126"
        ),
        [["1033"]]
    );
    let named = ok(
        &mut s,
        "SELECT CAST(CASE WHEN 1 = IS_MEMBER(N'db_owner') THEN 1 ELSE 0 END AS bit) AS N'Has it', 1 AS 'b'",
    );
    assert_eq!(named.results[0].0.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["Has it", "b"]);
}

/// What DacFx and SMO ask of a table's parts.
#[test]
fn parts_tell_their_properties() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE DATABASE d; USE d; CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk PRIMARY KEY, n int CONSTRAINT df DEFAULT 1)",
    );
    ok(&mut s, "CREATE TRIGGER dbo.g ON dbo.t AFTER INSERT AS SELECT 1");
    ok(&mut s, "CREATE FUNCTION dbo.f (@n int) RETURNS TABLE AS RETURN SELECT @n AS n");
    assert_eq!(
        rows(
            &mut s,
            "SELECT INDEXPROPERTY(OBJECT_ID('dbo.t'), 'pk', 'IsClustered'), INDEXPROPERTY(OBJECT_ID('dbo.t'), 'pk', 'IndexID'), \
             INDEXPROPERTY(OBJECT_ID('dbo.t'), 'no', 'IndexID'), OBJECTPROPERTY((SELECT object_id FROM sys.triggers), 'IsEncrypted'), \
             OBJECTPROPERTY((SELECT object_id FROM sys.default_constraints), 'IsConstraint'), \
             OBJECTPROPERTY(OBJECT_ID('dbo.f'), 'IsInlineFunction'), OBJECTPROPERTY(OBJECT_ID('dbo.t'), 'IsQuotedIdentOn')"
        ),
        [["1", "1", "NULL", "0", "1", "1", "1"]]
    );
    assert_eq!(
        rows(
            &mut s,
            "SELECT name, parameter_id, TYPE_NAME(user_type_id) FROM sys.parameters WHERE object_id = OBJECT_ID('dbo.f')"
        ),
        [["@n", "1", "int"]]
    );
    assert_eq!(rows(&mut s, "SELECT column_id FROM sys.stats_columns"), [["1"]]);
    assert_eq!(rows(&mut s, "SELECT name FROM sys.database_files"), [["d"], ["d_log"]]);
    assert_eq!(
        rows(
            &mut s,
            "SELECT name FROM sys.system_columns WHERE object_id = OBJECT_ID('sys.sequences') AND name LIKE 'last%'"
        ),
        [["last_used_value"]]
    );
}

#[test]
fn a_variant_tells_its_type() {
    let mut s = session();
    let of = |value: &str| {
        format!(
            "SELECT SQL_VARIANT_PROPERTY({value}, 'BaseType'), SQL_VARIANT_PROPERTY({value}, 'Precision'), \
             SQL_VARIANT_PROPERTY({value}, 'Scale'), SQL_VARIANT_PROPERTY({value}, N'MaxLength'), SQL_VARIANT_PROPERTY({value}, 'what')"
        )
    };
    assert_eq!(
        rows(&mut s, &of("CAST(CAST(1.5 AS decimal(9, 2)) AS sql_variant)")),
        [["decimal", "9", "2", "5", "NULL"]]
    );
    assert_eq!(rows(&mut s, &of("CAST(N'abc' AS nvarchar(20))")), [["nvarchar", "0", "0", "40", "NULL"]]);
    assert_eq!(rows(&mut s, &of("CAST(NULL AS int)")), [["NULL"; 5]]);
    assert_eq!(errors(&mut s, "SELECT SQL_VARIANT_PROPERTY(1, 'TotalBytes')")[0].0, 50000);
}

#[test]
fn logins_tell_their_names_by_their_ids() {
    let mut s = session();
    ok(&mut s, "CREATE LOGIN u WITH PASSWORD = 'p'");
    assert_eq!(
        rows(
            &mut s,
            "SELECT name, SUSER_SNAME(sid), SUSER_NAME(SUSER_ID(name)), LOGINPROPERTY(name, 'DefaultDatabase') \
             FROM sys.sql_logins ORDER BY principal_id"
        ),
        [["sa", "sa", "sa", "master"], ["u", "u", "u", "master"]]
    );
    assert_eq!(rows(&mut s, "SELECT SUSER_SNAME(0x77), SUSER_ID('nobody')"), [["NULL", "NULL"]]);
}

#[test]
fn a_columnstore_has_no_locks_of_rows_and_pages() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE DATABASE d; USE d; CREATE TABLE t (id int); CREATE CLUSTERED COLUMNSTORE INDEX c ON t",
    );
    ok(&mut s, "CREATE TABLE u (id int); CREATE INDEX i ON u (id)");
    assert_eq!(
        rows(
            &mut s,
            "SELECT name, allow_row_locks, allow_page_locks FROM sys.indexes WHERE index_id > 0 ORDER BY name"
        ),
        [["c", "0", "0"], ["i", "1", "1"]]
    );
    assert_eq!(
        rows(&mut s, "SELECT TYPEPROPERTY('sys.int', 'Precision'), TYPEPROPERTY('nothing', 'Precision')"),
        [["10", "NULL"]]
    );
}
