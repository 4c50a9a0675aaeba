//! Change tracking switched on and off (Microsoft docs, "Enable and disable change tracking", and the lists of errors
//! from 1000, 3000, 4000, 5000 and 22000 on).
use super::table::target::Altered;
use sandbox_catalog::schema::{Database, DatabaseTracking, Table, TableTracking};
use sandbox_catalog::store;
use sandbox_session::Session;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::{DatabaseChange, TrackingChange};
use sandbox_transactions::versions;
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;

/// The highest database_id of the server's own.
const SYSTEM_DATABASES: i16 = 4;
/// Of CHANGE_RETENTION, in minutes. Unconfirmed: the page of error 5092 does not say it.
const LONGEST_RETENTION: i64 = i32::MAX as i64;

fn refuse(number: i32, text: String) -> SqlError {
    SqlError::new(number, 16, 1, text)
}

/// # Errors
/// 22114 where something else is changed in the same statement.
pub fn stands_alone(changes: &[DatabaseChange]) -> Result<(), SqlError> {
    let tracking = |c: &DatabaseChange| matches!(c, DatabaseChange::ChangeTracking(_));
    if changes.len() > 1 && changes.iter().any(tracking) {
        let text = "Change tracking options for ALTER DATABASE cannot be combined with other ALTER DATABASE options.";
        return Err(refuse(22114, text.to_owned()));
    }
    Ok(())
}

/// ALTER DATABASE … SET CHANGE_TRACKING.
///
/// # Errors
/// 5088 to 5092; 22115 while a table is tracked.
pub fn alter_database(database: &mut Database, change: &TrackingChange) -> Result<(), SqlError> {
    if let Some(option) = change.repeated {
        let text = format!(
            "ALTER DATABASE change tracking option '{option}' was specified more than once. Each option can be specified only \
             once."
        );
        return Err(SqlError::new(5091, 15, 2, text));
    }
    if let Some((period, unit)) = change.retention
        && !(1..=LONGEST_RETENTION).contains(&period.saturating_mul(unit.minutes()))
    {
        let text = format!(
            "The value for change tracking option 'CHANGE_RETENTION' is not valid. The value must be between 1 and \
             {LONGEST_RETENTION} minutes."
        );
        return Err(SqlError::new(5092, 15, 1, text));
    }
    if database.id <= SYSTEM_DATABASES {
        let text = format!(
            "Database '{}' is a system database. Change tracking settings cannot be modified for system databases.",
            database.name
        );
        return Err(refuse(5090, text));
    }
    let known = match (change.on, database.change_tracking) {
        (Some(true), Some(_)) => {
            return Err(refuse(
                5088,
                format!("Change tracking is already enabled for database '{}'.", database.name),
            ));
        }
        (Some(true), None) => DatabaseTracking::default(),
        (_, Some(known)) => known,
        (_, None) => {
            let text = format!(
                "Change tracking is disabled for database '{}'. Change tracking must be enabled on a database to modify change \
                 tracking settings.",
                database.name
            );
            return Err(refuse(5089, text));
        }
    };
    if change.on == Some(false) {
        if database.tables.values().any(|t| t.change_tracking.is_some()) {
            let text = format!(
                "Change tracking is enabled for one or more tables in database '{}'. Disable change tracking on each table \
                 before disabling it for the database. Use the sys.change_tracking_tables catalog view to obtain a list of \
                 tables for which change tracking is enabled.",
                database.name
            );
            return Err(refuse(22115, text));
        }
        database.change_tracking = None;
        return Ok(());
    }
    let (retention, unit) = change.retention.unwrap_or((known.retention, known.unit));
    let auto_cleanup = change.auto_cleanup.unwrap_or(known.auto_cleanup);
    database.change_tracking = Some(DatabaseTracking { auto_cleanup, retention, unit });
    Ok(())
}

/// ALTER TABLE … ENABLE CHANGE_TRACKING.
///
/// # Errors
/// 1718, 4996, 4997, 4999, 22119.
pub fn enable(session: &mut Session, target: &Altered, columns_updated: bool) -> Outcome {
    target.read(session, |database, table| Ok(can_be_tracked(database, table)?))?;
    change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        begin(change, target.database, &mut table, columns_updated)?;
        change.put_table(target.database, table.object_id, Some(table));
        Ok(())
    })
}

fn can_be_tracked(database: &Database, table: &Table) -> Result<(), SqlError> {
    let name = &table.name;
    if database.change_tracking.is_none() {
        let text = format!(
            "Change tracking must be enabled on database '{}' before it can be enabled on table '{name}'.",
            database.name
        );
        return Err(refuse(1718, text));
    }
    if table.change_tracking.is_some() {
        return Err(refuse(4996, format!("Change tracking is already enabled for table '{name}'.")));
    }
    let cannot = |number, why: &str| {
        Err(refuse(number, format!("Cannot enable change tracking on table '{name}'. Change tracking {why}")))
    };
    let Some(key) = table.primary_key() else {
        return cannot(
            4997,
            "requires a primary key on the table. Create a primary key on the table before enabling change tracking.",
        );
    };
    if key.disabled {
        return cannot(
            22119,
            "requires a primary key constraint on the table to be enabled. Enable the primary key constraint on the table \
             before enabling change tracking.",
        );
    }
    let mut columns = key.keys.iter().filter_map(|(id, _)| table.column(*id));
    if columns.any(|c| c.sql_type == SqlType::RowVersion) {
        return cannot(4999, "does not support a primary key of type timestamp on a table.");
    }
    Ok(())
}

/// Tracks the table from the database's version on, without a memory of what was before.
///
/// # Errors
/// SQLite's.
pub fn begin(change: &mut Change<'_>, database: i16, table: &mut Table, columns_updated: bool) -> Outcome {
    forget(change, table);
    let fresh = change.new_storages(1)?;
    store::create_changes(change.connection, table, fresh[0])?;
    let version = versions::current(change.connection, database)?;
    table.change_tracking = Some(TableTracking::since(version, columns_updated, fresh[0]));
    change.drop_on_rollback(fresh);
    Ok(())
}

/// The table's changes go at the commit.
pub fn forget(change: &mut Change<'_>, table: &Table) {
    change.retire_storage(table.change_tracking.iter().map(|known| known.changes).collect());
}

/// ALTER TABLE … DISABLE CHANGE_TRACKING.
///
/// # Errors
/// 4998.
pub fn disable(session: &mut Session, target: &Altered) -> Outcome {
    change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        if table.change_tracking.is_none() {
            let text = format!("Change tracking is not enabled on table '{}'.", table.name);
            return Err(refuse(4998, text).into());
        }
        forget(change, &table);
        table.change_tracking = None;
        change.put_table(target.database, table.object_id, Some(table));
        Ok(())
    })
}

/// # Errors
/// 3735 for the key of a tracked table.
pub fn needs_key(table: &Table, index_id: i32) -> Result<(), SqlError> {
    match table.primary_key() {
        Some(key) if table.change_tracking.is_some() && key.index_id == index_id => {
            let text = format!(
                "The primary key constraint '{}' on table '{}' cannot be dropped because change tracking is enabled on the \
                 table. Change tracking requires a primary key constraint on the table. Disable change tracking before \
                 dropping the constraint.",
                key.name.as_deref().unwrap_or_default(),
                table.name
            );
            Err(refuse(3735, text))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// 22113 for a statement that a tracked table does not allow. The statement's name in it is unconfirmed.
pub fn allows(table: &Table, what: &str) -> Result<(), SqlError> {
    match table.change_tracking {
        Some(_) => {
            let text =
                format!("{what} is not allowed because the table is being tracked for change tracking.");
            Err(refuse(22113, text))
        }
        None => Ok(()),
    }
}

/// # Errors
/// 4900 for a tracked table on either side of SWITCH.
pub fn can_switch(table: &Table) -> Result<(), SqlError> {
    match table.change_tracking {
        Some(_) => {
            let text = format!(
                "The ALTER TABLE SWITCH statement failed for table '{}'. It is not possible to switch the partition of a table \
                 that has change tracking enabled. Disable change tracking before using ALTER TABLE SWITCH.",
                table.name
            );
            Err(refuse(4900, text))
        }
        None => Ok(()),
    }
}
