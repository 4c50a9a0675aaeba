use crate::testing::{connect, engine, ok, session};
use sandbox_catalog::permissions;
use sandbox_session::Session;
use sandbox_values::{SqlType, Value};
use sandbox_views::definition::Definition;
use sandbox_views::scope::ViewScope;
use sandbox_views::{all, find};

/// A view's rows, its columns picked by name, as text.
fn read(session: &Session, name: &str, columns: &[&str]) -> Vec<String> {
    let (schema, name) = name.split_once('.').unwrap();
    let database = session.database;
    let view = {
        let instance = session.engine.instance();
        find(&instance.databases[&database], schema, name).unwrap()
    };
    let at: Vec<usize> =
        columns.iter().map(|c| view.columns.iter().position(|v| v.name == *c).expect(c)).collect();
    let (rows, _) = view.rows(session, database, None).unwrap();
    rows.iter()
        .map(|row| {
            let text = |i: &usize| shown(&view.columns[*i].sql_type, &row[*i]);
            at.iter().map(text).collect::<Vec<_>>().join("|")
        })
        .collect()
}

fn shown(sql_type: &SqlType, value: &Value) -> String {
    crate::testing::shown(sql_type, value)
}

#[test]
fn every_view_is_written_down_right() {
    let mut session = session();
    ok(
        &mut session,
        "CREATE TABLE p (id int PRIMARY KEY, b int DEFAULT 1 CHECK (b > 0) UNIQUE, r rowversion)
         CREATE TABLE c (id int IDENTITY, p int REFERENCES p)",
    );
    let engine = session.engine.clone();
    let instance = engine.instance();
    let scope = ViewScope::new(&session, &instance, session.database).unwrap();
    for definition in all() {
        let Definition { schema, name, .. } = definition;
        assert_eq!(definition.columns.unknown_types(), [""; 0], "{schema}.{name}");
        let columns = definition.columns.describe(scope.database.collation);
        let mut names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), columns.len(), "{schema}.{name} has a column twice");
        for row in (definition.rows)(&scope).unwrap() {
            assert_eq!(row.len(), definition.columns.width(), "{schema}.{name}: {row:?}");
            for (value, column) in definition.columns.rows(vec![row], &columns).flatten().zip(&columns) {
                let told = matches!(
                    (&value, &column.sql_type),
                    (Value::Null, _)
                        | (Value::Variant(_), SqlType::Variant)
                        | (Value::DateTime(..), SqlType::DateTime)
                        | (Value::Guid(_), SqlType::UniqueIdentifier)
                        | (Value::Float(_), SqlType::Real | SqlType::Float)
                ) || matches!(value, Value::Int(_)) && column.sql_type.is_integer()
                    || matches!(value, Value::Bytes(_))
                        && (column.sql_type.is_character() || column.sql_type.is_binary());
                assert!(told, "{schema}.{name}.{}: {value:?} is no {:?}", column.name, column.sql_type);
                assert!(
                    column.nullable || value != Value::Null,
                    "{schema}.{name}.{} is NULL and must not be",
                    column.name
                );
            }
        }
    }
}

/// docs/SERVER.md, "Catalog views".
#[test]
fn columns_stand_in_the_documented_order() {
    let session = session();
    let instance = session.engine.instance();
    let names = |name: &str| -> Vec<String> {
        let view = find(&instance.databases[&1], "SYS", name).unwrap();
        view.columns.iter().map(|c| c.name.clone()).collect()
    };
    let columns = names("Columns");
    assert_eq!(columns.len(), 40);
    assert_eq!(
        columns[..14],
        [
            "object_id",
            "name",
            "column_id",
            "system_type_id",
            "user_type_id",
            "max_length",
            "precision",
            "scale",
            "collation_name",
            "is_nullable",
            "is_ansi_padded",
            "is_rowguidcol",
            "is_identity",
            "is_computed"
        ]
    );
    let keys = names("foreign_keys");
    assert_eq!(
        keys[12..],
        [
            "referenced_object_id",
            "key_index_id",
            "is_disabled",
            "is_not_for_replication",
            "is_not_trusted",
            "delete_referential_action",
            "delete_referential_action_desc",
            "update_referential_action",
            "update_referential_action_desc",
            "is_system_named"
        ]
    );
}

#[test]
fn the_catalog_shows_what_was_made() {
    let mut session = session();
    ok(
        &mut session,
        "CREATE TABLE t (
            id int IDENTITY(10,5) NOT NULL CONSTRAINT pk PRIMARY KEY NONCLUSTERED,
            name sysname, s varchar(20) COLLATE Latin1_General_100_BIN2 NULL, m nvarchar(max),
            n numeric(9,2) NOT NULL CONSTRAINT df DEFAULT 0,
            CONSTRAINT ck CHECK (n >= 0))",
    );
    assert_eq!(read(&session, "sys.tables", &["name", "type", "max_column_id_used"]), ["t|U |5"]);
    assert_eq!(
        read(
            &session,
            "sys.columns",
            &["name", "system_type_id", "user_type_id", "max_length", "precision", "scale", "is_nullable"]
        ),
        [
            "id|56|56|4|10|0|0",
            "name|231|256|256|0|0|0",
            "s|167|167|20|0|0|1",
            "m|231|231|-1|0|0|1",
            "n|108|108|5|9|2|0"
        ]
    );
    assert_eq!(
        read(&session, "sys.indexes", &["index_id", "name", "type_desc", "is_primary_key"]),
        ["0|NULL|HEAP|0", "2|pk|NONCLUSTERED|1"]
    );
    assert_eq!(
        read(&session, "sys.partitions", &["index_id", "partition_number", "rows"]),
        ["0|1|0", "2|1|0"]
    );
    assert_eq!(read(&session, "sys.identity_columns", &["seed_value", "last_value"]), ["10|NULL"]);
    assert_eq!(read(&session, "sys.default_constraints", &["name", "definition"]), ["df|((0))"]);
    assert_eq!(read(&session, "sys.check_constraints", &["definition", "is_not_trusted"]), ["([n]>=(0))|0"]);
    assert_eq!(
        read(
            &session,
            "INFORMATION_SCHEMA.COLUMNS",
            &["COLUMN_NAME", "DATA_TYPE", "CHARACTER_MAXIMUM_LENGTH", "NUMERIC_PRECISION", "COLLATION_NAME"]
        ),
        [
            "id|int|NULL|10|NULL",
            "name|nvarchar|128|NULL|SQL_Latin1_General_CP1_CI_AS",
            "s|varchar|20|NULL|Latin1_General_100_BIN2",
            "m|nvarchar|-1|NULL|SQL_Latin1_General_CP1_CI_AS",
            "n|numeric|NULL|9|NULL"
        ]
    );
    assert_eq!(
        read(&session, "INFORMATION_SCHEMA.KEY_COLUMN_USAGE", &["CONSTRAINT_NAME", "COLUMN_NAME"]),
        ["pk|id"]
    );
    let types = read(&session, "sys.types", &["name", "user_type_id"]);
    assert_eq!(types.len(), 34);
    assert!(types.contains(&"sysname|256".to_owned()) && types.contains(&"timestamp|189".to_owned()));
}

#[test]
fn a_stranger_sees_the_public_part() {
    let engine = engine();
    let mut admin = connect(&engine, "sa", "secret");
    ok(&mut admin, "CREATE TABLE hidden (a int)");
    assert_eq!(read(&admin, "sys.tables", &["name"]), ["hidden"]);
    let mut stranger = connect(&engine, "sa", "secret");
    stranger.login.user = "nobody".to_owned();
    assert_eq!(read(&stranger, "sys.tables", &["name"]), [""; 0]);
    let instance = engine.instance();
    let master = &instance.databases[&1];
    let denied =
        permissions::check_database(&stranger.rights(&instance, master), "CREATE TABLE").unwrap_err();
    assert_eq!(
        (denied.number, denied.text.as_str()),
        (262, "CREATE TABLE permission denied in database 'master'.")
    );
}
