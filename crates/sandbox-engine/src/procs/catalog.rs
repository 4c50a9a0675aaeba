//! The catalog procedures that drivers call (Microsoft docs, "Catalog stored procedures").
use super::answer;
use super::arguments::Arguments;
use super::odbc;
use super::pattern::matches;
use sandbox_catalog::schema::{Backs, Column, Database, Index, Table};
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::SourceText;
use sandbox_values::CollationId;
use sandbox_values::error::SqlError;
use sandbox_views::definition::{Cell, Columns, Row, row};
use sandbox_views::scope::ViewScope;

/// Makes rows from the current database as the session sees it.
pub(super) fn read(
    session: &Session,
    work: impl FnOnce(&ViewScope<'_>) -> Outcome<Vec<Row>>,
) -> Outcome<(Vec<Row>, CollationId)> {
    let instance = session.engine.instance();
    let scope = ViewScope::new(session, &instance, session.database)?;
    Ok((work(&scope)?, scope.database.collation))
}

/// 15250 where another database than the current one is asked for.
pub(super) fn own_database(database: &Database, qualifier: Option<&str>) -> Result<(), SqlError> {
    match qualifier {
        Some(other) if !database.same_name(other, &database.name) => Err(SqlError::new(
            15250,
            16,
            1,
            "The database name component of the object qualifier must be the name of the current database.",
        )),
        _ => Ok(()),
    }
}

/// A table or view, with its columns.
struct Relation<'a> {
    schema: &'a str,
    name: &'a str,
    kind: &'static str,
    columns: &'a [Column],
}

fn relations<'a>(scope: &ViewScope<'a>) -> Vec<Relation<'a>> {
    let schema = |id: i32| scope.database.schema_name(id);
    let table = |t: &'a Table| Relation {
        schema: schema(t.schema_id),
        name: &t.name,
        kind: "TABLE",
        columns: &t.columns,
    };
    let mut all: Vec<_> = scope.tables().map(table).collect();
    all.extend(scope.views().map(|v| Relation {
        schema: schema(v.schema_id),
        name: &v.name,
        kind: "VIEW",
        columns: &v.columns,
    }));
    all.sort_by(|a, b| (a.kind, a.schema, a.name).cmp(&(b.kind, b.schema, b.name)));
    all
}

pub fn tables(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@table_name", "@table_owner", "@table_qualifier", "@table_type", "@fUsePattern"];
    let given = Arguments::bind("sp_tables", &names, params)?;
    let (name, owner) = (given.text("@table_name"), given.text("@table_owner"));
    let types = given.text("@table_type");
    let (rows, collation) = read(session, |scope| {
        own_database(scope.database, given.text("@table_qualifier").as_deref())?;
        let wanted = |r: &&Relation<'_>| {
            matches(name.as_deref(), r.name)
                && matches(owner.as_deref(), r.schema)
                && types.as_ref().is_none_or(|t| t.contains(&format!("'{}'", r.kind)))
        };
        Ok(relations(scope)
            .iter()
            .filter(wanted)
            .map(|r| row![&scope.database.name, r.schema, r.name, r.kind])
            .collect())
    })?;
    let columns = Columns(&[
        "TABLE_QUALIFIER sysname null, TABLE_OWNER sysname null, TABLE_NAME sysname null, TABLE_TYPE varchar(32) null",
        "REMARKS varchar(254) null = null",
    ]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

const COLUMNS: &str = "TABLE_QUALIFIER sysname null, TABLE_OWNER sysname null, TABLE_NAME sysname null, \
    COLUMN_NAME sysname null, DATA_TYPE smallint, TYPE_NAME sysname null, PRECISION int null, LENGTH int null, \
    SCALE smallint null, RADIX smallint null, NULLABLE smallint, REMARKS varchar(254) null = null, \
    COLUMN_DEF nvarchar(4000) null, SQL_DATA_TYPE smallint, SQL_DATETIME_SUB smallint null, \
    CHAR_OCTET_LENGTH int null, ORDINAL_POSITION int, IS_NULLABLE varchar(254) null";

/// What sp_columns_100 adds, before SS_DATA_TYPE.
const COLUMNS_100: &str = "SS_IS_SPARSE smallint = 0, SS_IS_COLUMN_SET smallint = 0, SS_IS_COMPUTED smallint, \
    SS_IS_IDENTITY smallint, SS_UDT_CATALOG_NAME sysname null = null, SS_UDT_SCHEMA_NAME sysname null = null, \
    SS_UDT_ASSEMBLY_TYPE_NAME nvarchar(4000) null = null, \
    SS_XML_SCHEMACOLLECTION_CATALOG_NAME sysname null = null, \
    SS_XML_SCHEMACOLLECTION_SCHEMA_NAME sysname null = null, SS_XML_SCHEMACOLLECTION_NAME sysname null = null";

/// sp_columns and, with the types of SQL Server 2008 and more columns, sp_columns_100.
pub fn columns(params: &[Param], session: &mut Session, sink: &mut dyn Sink, newer: bool) -> Outcome<i32> {
    let names = [
        "@table_name",
        "@table_owner",
        "@table_qualifier",
        "@column_name",
        "@NameScope",
        "@ODBCVer",
        "@fUsePattern",
    ];
    let old = ["@table_name", "@table_owner", "@table_qualifier", "@column_name", "@ODBCVer"];
    let (procedure, names) = if newer { ("sp_columns_100", &names[..]) } else { ("sp_columns", &old[..]) };
    let given = Arguments::bind(procedure, names, params)?;
    let version = given.int("@ODBCVer")?.unwrap_or(2);
    let (name, owner) = (given.text("@table_name"), given.text("@table_owner"));
    let column = given.text("@column_name");
    let (rows, collation) = read(session, |scope| {
        own_database(scope.database, given.text("@table_qualifier").as_deref())?;
        let mut rows = Vec::new();
        for r in relations(scope) {
            if !matches(name.as_deref(), r.name) || !matches(owner.as_deref(), r.schema) {
                continue;
            }
            for (at, c) in r.columns.iter().enumerate().filter(|(_, c)| matches(column.as_deref(), &c.name)) {
                let odbc = odbc::describe(c, version, newer);
                let mut row = row![
                    &scope.database.name,
                    r.schema,
                    r.name,
                    &c.name,
                    odbc.data_type,
                    odbc.type_name,
                    odbc.precision,
                    odbc.length,
                    odbc.scale,
                    odbc.radix,
                    i32::from(c.nullable),
                    c.default.as_ref().map(|d| d.definition.clone()),
                    odbc.sql_data_type,
                    odbc.datetime_sub,
                    odbc.octets,
                    at + 1,
                    if c.nullable { "YES" } else { "NO" },
                ];
                if newer {
                    row.extend(row![c.computed.is_some(), c.identity]);
                }
                row.push(Cell::from(odbc.ss_data_type));
                rows.push(row);
            }
        }
        Ok(rows)
    })?;
    let shape = if newer {
        Columns(&[COLUMNS, COLUMNS_100, "SS_DATA_TYPE tinyint"])
    } else {
        Columns(&[COLUMNS, "SS_DATA_TYPE tinyint"])
    };
    answer::rows(shape, rows, collation, sink)?;
    Ok(0)
}

/// The table that `@table_name` and `@table_owner` mean.
pub(super) fn table<'a>(scope: &ViewScope<'a>, given: &Arguments<'_>) -> Result<Option<&'a Table>, SqlError> {
    own_database(scope.database, given.text("@table_qualifier").as_deref())?;
    let name = given.required_text("@table_name")?;
    let owner = given.text("@table_owner");
    Ok(scope.tables().find(|t| {
        let schema = scope.database.schema_name(t.schema_id);
        scope.database.same_name(&t.name, &name) && owner.as_ref().is_none_or(|o| matches(Some(o), schema))
    }))
}

pub fn primary_keys(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_pkeys", &["@table_name", "@table_owner", "@table_qualifier"], params)?;
    let (rows, collation) = read(session, |scope| {
        let Some(t) = table(scope, &given)? else { return Ok(Vec::new()) };
        let Some(key) = t.primary_key() else { return Ok(Vec::new()) };
        let schema = scope.database.schema_name(t.schema_id);
        let row = |(n, (id, _)): (usize, &(i32, bool))| {
            let column = t.column(*id).map(|c| &c.name);
            row![&scope.database.name, schema, &t.name, column, n + 1, key.name.as_ref()]
        };
        Ok(key.keys.iter().enumerate().map(row).collect())
    })?;
    let columns = Columns(&[
        "TABLE_QUALIFIER sysname null, TABLE_OWNER sysname null, TABLE_NAME sysname, COLUMN_NAME sysname null",
        "KEY_SEQ smallint, PK_NAME sysname null",
    ]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

/// sp_statistics and sp_statistics_100: a row for the table, then one for each key column of each index.
pub fn statistics(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@table_name", "@table_owner", "@table_qualifier", "@index_name", "@is_unique", "@accuracy"];
    let given = Arguments::bind("sp_statistics", &names, params)?;
    let index_name = given.text("@index_name");
    let unique_only = given.text("@is_unique").is_some_and(|u| u.eq_ignore_ascii_case("Y"));
    let (rows, collation) = read(session, |scope| {
        let Some(t) = table(scope, &given)? else { return Ok(Vec::new()) };
        let (database, schema) = (&scope.database.name, scope.database.schema_name(t.schema_id));
        let mut count = 0;
        for storage in &t.storage {
            count += scope.row_count(*storage)?;
        }
        let none = || Cell::Null;
        let mut rows = vec![row![
            database,
            schema,
            &t.name,
            none(),
            none(),
            none(),
            0,
            none(),
            none(),
            none(),
            count,
            none()
        ]];
        let wanted = |i: &&Index| {
            i.index_id > 0
                && (i.unique || !unique_only)
                && matches(index_name.as_deref(), i.name.as_deref().unwrap_or_default())
        };
        for i in t.indexes.iter().filter(wanted) {
            for (n, (id, descending)) in i.keys.iter().enumerate() {
                rows.push(row![
                    database,
                    schema,
                    &t.name,
                    !i.unique,
                    &t.name,
                    i.name.as_ref(),
                    // SQL_INDEX_CLUSTERED or SQL_INDEX_OTHER.
                    if i.index_id == 1 { 1 } else { 3 },
                    n + 1,
                    t.column(*id).map(|c| &c.name),
                    if *descending { "D" } else { "A" },
                    none(),
                    i.filter.as_ref(),
                ]);
            }
        }
        Ok(rows)
    })?;
    let columns = Columns(&[
        "TABLE_QUALIFIER sysname null, TABLE_OWNER sysname null, TABLE_NAME sysname, NON_UNIQUE smallint null",
        "INDEX_QUALIFIER sysname null, INDEX_NAME sysname null, TYPE smallint, SEQ_IN_INDEX smallint null",
        "COLUMN_NAME sysname null, COLLATION varchar(1) null, CARDINALITY int null, PAGES int null = null",
        "FILTER_CONDITION varchar(128) null",
    ]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

pub fn databases(session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let (rows, collation) = read(session, |scope| {
        let seen =
            scope.instance.databases.values().filter(|d| session.rights(scope.instance, d).user().is_some());
        let mut names: Vec<&String> = seen.map(|d| &d.name).collect();
        names.sort();
        Ok(names.into_iter().map(|name| row![name]).collect())
    })?;
    // Sizes are in KiB; the sandbox keeps no account of them.
    let columns =
        Columns(&["DATABASE_NAME sysname, DATABASE_SIZE int null = null, REMARKS varchar(254) null = null"]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

/// sp_helpindex: INFO 15472 where there is none.
pub fn help_index(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_helpindex", &["@objname"], params)?;
    let text = given.required_text("@objname")?;
    let source = SourceText::new(&text)?;
    let name = source.cursor().expect_object_name()?;
    let (rows, collation) = read(session, |scope| {
        let found = names::table(session, scope.instance, &name);
        let Some((_, t)) = found else {
            let text = format!(
                "The object '{text}' does not exist in database '{}' or is invalid for this operation.",
                scope.database.name
            );
            return Err(SqlError::new(15009, 16, 1, text).into());
        };
        let mut indexes: Vec<&Index> = t.indexes.iter().filter(|i| i.index_id > 0).collect();
        indexes.sort_by_key(|i| i.name.clone());
        Ok(indexes.into_iter().map(|i| row![i.name.as_ref(), said(i), keys(&t, i)]).collect())
    })?;
    if rows.is_empty() {
        let text = format!("The object '{text}' does not have any indexes, or you do not have permissions.");
        sink.message(&SqlError::new(15472, 10, 1, text))?;
        return Ok(0);
    }
    let columns = Columns(&[
        "index_name sysname null, index_description varchar(210) null, index_keys nvarchar(2078) null",
    ]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

fn said(index: &Index) -> String {
    let mut words = vec![if index.index_id == 1 { "clustered" } else { "nonclustered" }];
    if index.unique {
        words.push("unique");
    }
    match index.backs {
        Backs::PrimaryKey => words.push("primary key"),
        Backs::UniqueConstraint => words.push("unique key"),
        Backs::Nothing => {}
    }
    format!("{} located on PRIMARY", words.join(", "))
}

fn keys(table: &Table, index: &Index) -> String {
    let key = |(id, descending): &(i32, bool)| {
        let name = table.column(*id).map_or("", |c| c.name.as_str());
        format!("{name}{}", if *descending { "(-)" } else { "" })
    };
    index.keys.iter().map(key).collect::<Vec<_>>().join(", ")
}
