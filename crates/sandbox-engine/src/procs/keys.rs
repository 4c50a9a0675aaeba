//! sp_fkeys and sp_special_columns (Microsoft docs of the same names).
use super::answer;
use super::arguments::Arguments;
use super::catalog::{own_database, read, table};
use super::odbc;
use super::pattern::matches;
use sandbox_catalog::schema::{Column, Table};
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use sandbox_views::definition::{Columns, Row, row};
use sandbox_views::scope::ViewScope;

/// One side of sp_fkeys: the tables that its arguments let through.
struct Side {
    name: Option<String>,
    owner: Option<String>,
    qualifier: Option<String>,
}

impl Side {
    fn new(given: &Arguments<'_>, [name, owner, qualifier]: [&str; 3]) -> Self {
        Self { name: given.text(name), owner: given.text(owner), qualifier: given.text(qualifier) }
    }

    fn lets(&self, scope: &ViewScope<'_>, t: &Table) -> bool {
        let same = |given: &Option<String>, name: &str| {
            given.as_ref().is_none_or(|given| scope.database.same_name(given, name))
        };
        same(&self.name, &t.name) && same(&self.owner, scope.database.schema_name(t.schema_id))
    }
}

/// ODBC's numbers for what sys.foreign_keys calls 0 NO_ACTION, 1 CASCADE, 2 SET_NULL, 3 SET_DEFAULT.
fn rule(action: u8) -> i32 {
    match action {
        0 => 1,
        1 => 0,
        other => other.into(),
    }
}

/// sp_fkeys: 15252 where neither table is named.
pub fn foreign_keys(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    const PRIMARY: [&str; 3] = ["@pktable_name", "@pktable_owner", "@pktable_qualifier"];
    const FOREIGN: [&str; 3] = ["@fktable_name", "@fktable_owner", "@fktable_qualifier"];
    let names = [PRIMARY, FOREIGN].concat();
    let given = Arguments::bind("sp_fkeys", &names, params)?;
    let (primary, foreign) = (Side::new(&given, PRIMARY), Side::new(&given, FOREIGN));
    if primary.name.is_none() && foreign.name.is_none() {
        let text = "The primary or foreign key table name must be given.";
        return Err(SqlError::new(15252, 16, 1, text).into());
    }
    let (rows, collation) = read(session, |scope| {
        own_database(scope.database, primary.qualifier.as_deref())?;
        own_database(scope.database, foreign.qualifier.as_deref())?;
        let mut found = Vec::new();
        for child in scope.tables().filter(|t| foreign.lets(scope, t)) {
            for key in &child.foreign_keys {
                let parent = scope.tables().find(|t| t.object_id == key.references);
                if let Some(parent) = parent.filter(|t| primary.lets(scope, t)) {
                    // Sorted by the table that was not asked for.
                    let other = if foreign.name.is_none() { child } else { parent };
                    found.push((
                        scope.database.schema_name(other.schema_id),
                        &other.name,
                        parent,
                        child,
                        key,
                    ));
                }
            }
        }
        found.sort_by_key(|&(schema, name, ..)| (schema, name));
        let mut rows: Vec<Row> = Vec::new();
        for (_, _, parent, child, key) in found {
            let index = parent.indexes.iter().find(|i| i.index_id == key.key_index);
            for (n, (own, other)) in key.columns.iter().zip(&key.referenced_columns).enumerate() {
                rows.push(row![
                    &scope.database.name,
                    scope.database.schema_name(parent.schema_id),
                    &parent.name,
                    parent.column(*other).map(|c| &c.name),
                    &scope.database.name,
                    scope.database.schema_name(child.schema_id),
                    &child.name,
                    child.column(*own).map(|c| &c.name),
                    n + 1,
                    rule(key.on_update),
                    rule(key.on_delete),
                    &key.name,
                    index.and_then(|i| i.name.as_ref()),
                ]);
            }
        }
        Ok(rows)
    })?;
    let columns = Columns(&[
        "PKTABLE_QUALIFIER sysname null, PKTABLE_OWNER sysname null, PKTABLE_NAME sysname",
        "PKCOLUMN_NAME sysname null, FKTABLE_QUALIFIER sysname null, FKTABLE_OWNER sysname null",
        "FKTABLE_NAME sysname, FKCOLUMN_NAME sysname null, KEY_SEQ smallint, UPDATE_RULE smallint null",
        // 7: SQL_NOT_DEFERRABLE. The documentation leaves this column out, Microsoft's JDBC driver reads it.
        "DELETE_RULE smallint null, FK_NAME sysname null, PK_NAME sysname null, DEFERRABILITY smallint null = 7",
    ]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

/// sp_special_columns and sp_special_columns_100: what tells a row from all others, or changes with it.
pub fn special_columns(
    params: &[Param],
    session: &mut Session,
    sink: &mut dyn Sink,
    newer: bool,
) -> Outcome<i32> {
    let names =
        ["@table_name", "@table_owner", "@table_qualifier", "@col_type", "@scope", "@nullable", "@ODBCVer"];
    let given = Arguments::bind("sp_special_columns", &names, params)?;
    let version = given.int("@ODBCVer")?.unwrap_or(2);
    let is = |name: &str, letter: &str| matches(given.text(name).as_deref(), letter);
    let row_versions = given.text("@col_type").is_some_and(|t| t.eq_ignore_ascii_case("V"));
    let nullable = is("@nullable", "U");
    // SQL_SCOPE_CURROW or SQL_SCOPE_TRANSACTION.
    let scope_asked = if given.text("@scope").is_some() && is("@scope", "C") { 0 } else { 1 };
    let (rows, collation) = read(session, |scope| {
        let Some(t) = table(scope, &given)? else { return Ok(Vec::new()) };
        let columns: Vec<&Column> = if row_versions {
            t.columns.iter().filter(|c| c.sql_type == SqlType::RowVersion).collect()
        } else {
            identifying(t, nullable)
        };
        let row = |c: &Column| {
            let odbc = odbc::describe(c, version, newer);
            row![
                (!row_versions).then_some(scope_asked),
                &c.name,
                odbc.data_type,
                odbc.type_name,
                odbc.precision,
                odbc.length,
                odbc.scale
            ]
        };
        Ok(columns.into_iter().map(row).collect())
    })?;
    let columns = Columns(&[
        "SCOPE smallint null, COLUMN_NAME sysname null, DATA_TYPE smallint, TYPE_NAME sysname, PRECISION int null",
        // SQL_PC_NOT_PSEUDO.
        "LENGTH int null, SCALE smallint null, PSEUDO_COLUMN smallint = 1",
    ]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

/// The columns of the primary key, or else of the first unique index on all rows.
fn identifying(t: &Table, nullable: bool) -> Vec<&Column> {
    let unique = || t.indexes.iter().filter(|i| i.unique && i.filter.is_none());
    let keys = t.primary_key().into_iter().chain(unique());
    keys.map(|i| i.keys.iter().filter_map(|(id, _)| t.column(*id)).collect::<Vec<_>>())
        .find(|columns| nullable || columns.iter().all(|c| !c.nullable))
        .unwrap_or_default()
}
