//! The catalog on disk: one JSON document in the storage's own file, so that it changes together with the rows.
use crate::schema::{IdentityColumn, Instance, LoginRecord, Password, Table, new_database};
use crate::store;
use crate::store::storage_error;
use rusqlite::{Connection, OptionalExtension};
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;
use sandbox_values::{CollationId, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

/// The catalog as it was saved, or a new one with the system databases and `sa`, whose password that is. Storage that no table owns, left by
/// a crash or by temporary tables, is dropped.
///
/// # Errors
/// Where the storage can't be read, or is another version's.
pub fn load(connection: &Connection, sa_password: &Password) -> Result<Instance, SqlError> {
    read(connection, sa_password).map_err(|e| storage_error(&e))
}

fn read(connection: &Connection, sa_password: &Password) -> rusqlite::Result<Instance> {
    connection.execute_batch("CREATE TABLE IF NOT EXISTS catalog (one INTEGER PRIMARY KEY, json TEXT)")?;
    let saved: Option<String> =
        connection.query_row("SELECT json FROM catalog", [], |row| row.get(0)).optional()?;
    let mut instance: Instance = match saved {
        Some(json) => serde_json::from_str(&json).map_err(|e| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e))
        })?,
        None => new_instance(sa_password),
    };
    instance.started = SystemTime::now();
    drop_orphans(connection, &instance)?;
    for database in instance.databases.values_mut() {
        for table in database.tables.values_mut() {
            catch_up(connection, Arc::make_mut(table))?;
        }
    }
    Ok(instance)
}

fn new_instance(sa_password: &Password) -> Instance {
    let now = SystemTime::now();
    let system = [(1, "master"), (2, "tempdb"), (3, "model"), (4, "msdb")];
    let sa = LoginRecord {
        principal_id: 1,
        name: "sa".to_owned(),
        password: Some(sa_password.clone()),
        default_database: "master".to_owned(),
        sysadmin: true,
        disabled: false,
        permissions: Vec::new(),
        created: now,
    };
    Instance {
        databases: system
            .into_iter()
            .map(|(id, name)| (id, new_database(id, name, CollationId::SERVER_DEFAULT, now)))
            .collect(),
        logins: BTreeMap::from([(1, sa)]),
        started: now,
    }
}

fn drop_orphans(connection: &Connection, instance: &Instance) -> rusqlite::Result<()> {
    let tables = instance.databases.values().flat_map(|d| d.tables.values());
    let owned: BTreeSet<i64> =
        tables.flat_map(|t| t.storage.iter().copied().chain(t.change_tracking.map(|c| c.changes))).collect();
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for storage in names.iter().filter_map(|name| name.get(1..)?.parse().ok()) {
        if !owned.contains(&storage) {
            store::drop_partition(connection, storage)?;
        }
    }
    Ok(())
}

/// Loads do not save the catalog: an identity's last value is at least the furthest one that is there.
fn catch_up(connection: &Connection, table: &mut Table) -> rusqlite::Result<()> {
    let Some(column) = table.columns.iter().find(|c| c.identity).cloned() else { return Ok(()) };
    let Some(IdentityColumn { increment, last, .. }) = &mut table.identity else { return Ok(()) };
    let furthest = if *increment > 0 { "MAX" } else { "MIN" };
    for storage in &table.storage {
        let sql = format!(
            "SELECT {furthest}({}) FROM {}",
            store::column_name(column.column_id),
            store::table_name(*storage)
        );
        let found =
            connection.query_row(&sql, [], |row| Ok(from_stored(row.get_ref(0)?, &column.sql_type)))?;
        let number = match found {
            Ok(Value::Int(n)) => Some(n),
            Ok(Value::Decimal(n)) => i64::try_from(n).ok(),
            _ => None,
        };
        *last = match (*last, number) {
            (Some(a), Some(b)) => Some(if *increment > 0 { a.max(b) } else { a.min(b) }),
            (a, b) => a.or(b),
        };
    }
    Ok(())
}

/// Saves the catalog, inside the SQLite transaction of the commit that changed it.
///
/// # Errors
/// SQLite's.
pub fn save(connection: &Connection, instance: &Instance) -> rusqlite::Result<()> {
    let json =
        serde_json::to_string(instance).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    connection.execute("INSERT OR REPLACE INTO catalog (one, json) VALUES (1, ?1)", [json])?;
    Ok(())
}
