//! DROP TABLE and TRUNCATE TABLE.
use super::{locks, may_alter};
use crate::tracking;
use rusqlite::Connection;
use sandbox_catalog::schema::{Database, Table};
use sandbox_catalog::special;
use sandbox_catalog::store;
use sandbox_query::memory;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;

/// Drops the tables one after the other.
///
/// # Errors
/// 3701 for one that is not there, 3726 for one that a foreign key points at; those before it are gone then.
pub fn drop(session: &mut Session, names: &[ObjectName], if_exists: bool, sink: &dyn Sink) -> Outcome {
    for name in names {
        if if_exists && names::table(session, &session.engine.instance(), name).is_none() {
            continue;
        }
        drop_one(session, name, sink)?;
    }
    Ok(())
}

fn drop_one(session: &mut Session, name: &ObjectName, sink: &dyn Sink) -> Outcome {
    let missing = || cannot_drop("table", &name.to_string());
    let (database, table) = locks::table(session, name, sink, missing)?;
    {
        let engine = session.engine.clone();
        let instance = engine.instance();
        let records = names::database(&instance, database)?;
        may_alter(session, &instance, records, &table, missing)?;
        if referenced(records, &table) {
            let text = format!(
                "Could not drop object '{name}' because it is referenced by a FOREIGN KEY constraint."
            );
            return Err(SqlError::new(3726, 16, 1, text).into());
        }
        referenced_by_module(records, table.object_id, "DROP TABLE", &name.to_string())?;
    }
    change(session, |change| {
        change.put_table(database, table.object_id, None);
        tracking::forget(change, &table);
        change.retire_storage(table.storage.clone());
        Ok(())
    })
}

/// 3729 where a schema-bound module or policy needs the object.
pub fn referenced_by_module(
    database: &Database,
    object_id: i32,
    statement: &str,
    name: &str,
) -> Result<(), SqlError> {
    match database.bound_to(object_id) {
        Some(module) => {
            let text =
                format!("Cannot {statement} '{name}' because it is being referenced by object '{module}'.");
            Err(SqlError::new(3729, 16, 1, text))
        }
        None => Ok(()),
    }
}

/// 3701.
pub fn cannot_drop(what: &str, name: &str) -> SqlError {
    let text =
        format!("Cannot drop the {what} '{name}', because it does not exist or you do not have permission.");
    SqlError::new(3701, 11, 5, text)
}

/// Does another table's foreign key, enabled or not, point here?
fn referenced(database: &Database, table: &Table) -> bool {
    database
        .tables
        .values()
        .filter(|other| other.object_id != table.object_id)
        .any(|other| other.foreign_keys.iter().any(|f| f.references == table.object_id))
}

/// # Errors
/// 4701 where there is no such table, 4712 where a foreign key points at it, 7722 for a partition number.
pub fn truncate(
    session: &mut Session,
    name: &ObjectName,
    partitions: &[(i64, i64)],
    sink: &dyn Sink,
) -> Outcome {
    let missing = || {
        let text = format!(
            "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
            name.name
        );
        SqlError::new(4701, 16, 1, text)
    };
    let (database, table) = locks::table(session, name, sink, missing)?;
    let emptied: Vec<usize> = {
        let engine = session.engine.clone();
        let instance = engine.instance();
        let records = names::database(&instance, database)?;
        may_alter(session, &instance, records, &table, || {
            let text = format!(
                "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
                table.name
            );
            SqlError::new(1088, 16, 7, text)
        })?;
        if referenced(records, &table) {
            let text = format!(
                "Cannot truncate table '{name}' because it is being referenced by a FOREIGN KEY constraint."
            );
            return Err(SqlError::new(4712, 16, 1, text).into());
        }
        memory::refuse_statement(&table, "TRUNCATE TABLE")?;
        special::may_truncate(&table, &name.to_string())?;
        if let Some(view) = records.indexed_view_of(table.object_id) {
            // Microsoft docs, TRUNCATE TABLE, "Restrictions": not for tables that an indexed view reads.
            let text = format!(
                "Cannot TRUNCATE TABLE '{name}' because it is being referenced by object '{}'.",
                view.name
            );
            return Err(SqlError::new(3729, 16, 2, text).into());
        }
        (0..table.storage.len()).filter(|n| chosen(partitions, *n)).collect()
    };
    let count = table.storage.len() as i64;
    if let Some((from, to)) = partitions.iter().find(|(from, to)| *from < 1 || to > &count || from > to) {
        let number = if *from < 1 || *from > count { from } else { to };
        let text = format!(
            "Invalid partition number {number} specified for table '{name}', partition number can range from 1 to {count}."
        );
        return Err(SqlError::new(7722, 16, 2, text).into());
    }
    change(session, |change| {
        let mut record = change.table(database, table.object_id)?;
        for at in emptied {
            if is_small(change.connection, &record, record.storage[at])? {
                delete_all(change, record.storage[at])?;
            } else {
                renew(change, &mut record, at)?;
            }
        }
        if let Some(identity) = &mut record.identity
            && partitions.is_empty()
        {
            identity.last = None;
        }
        // Its changes are forgotten: only the lowest valid version tells (Microsoft docs, CHANGETABLE, "Remarks").
        if let Some(tracked) = record.change_tracking {
            tracking::begin(change, database, &mut record, tracked.columns_updated)?;
        }
        change.put_table(database, record.object_id, Some(record));
        Ok(())
    })
}

/// A partition whose rows are soon deleted. A new SQLite table has every session read the schema of all tables again.
fn is_small(connection: &Connection, table: &Table, storage: i64) -> rusqlite::Result<bool> {
    const FEW: i64 = 1000;
    if table.columns.iter().any(|c| c.sql_type.is_large()) {
        return Ok(false);
    }
    let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT {FEW})", store::table_name(storage));
    let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok(rows < FEW)
}

fn delete_all(change: &mut Change<'_>, storage: i64) -> rusqlite::Result<()> {
    change.transaction.deletes(change.registry, storage);
    store::note_unfinished(change.connection, change.transaction.id, storage)?;
    let sql = format!("UPDATE {} SET _del = ?1 WHERE _del IS NULL", store::table_name(storage));
    change.connection.execute(&sql, [change.transaction.last_stamp()])?;
    Ok(())
}

/// Puts a new SQLite table in the partition's place, at the same cost for any number of rows.
fn renew(change: &mut Change<'_>, table: &mut Table, at: usize) -> Outcome {
    let fresh = change.new_storages(1)?;
    store::create_partition(change.connection, table, fresh[0])?;
    let old = std::mem::replace(&mut table.storage[at], fresh[0]);
    change.drop_on_rollback(fresh);
    change.retire_storage(vec![old]);
    Ok(())
}

fn chosen(partitions: &[(i64, i64)], at: usize) -> bool {
    let number = at as i64 + 1;
    partitions.is_empty() || partitions.iter().any(|(from, to)| (*from..=*to).contains(&number))
}
