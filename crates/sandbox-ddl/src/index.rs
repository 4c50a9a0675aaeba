//! CREATE, ALTER and DROP INDEX.
use super::indexed_view;
use super::table::drop_item::referencing;
use super::table::keys::{self, KeyShape, full_name};
use super::table::target::{Altered, target};
use super::table::{placed, validate};
use super::tracking;
use crate::required;
use sandbox_catalog::schema::{Backs, Database, Index, Table};
use sandbox_query::memory;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::sandbox::{FaultKind, IndexCounters, TableName};
use sandbox_sql::ddl::ast::{AlterIndex, CreateIndex};
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use std::sync::Arc;

/// # Errors
/// 1088 for the table; 1900, 1902, 1908, 1909, 1911, 1913, 1919; 1505 over duplicates; 7999 where DROP_EXISTING finds
/// none, 1907 where it finds a key's.
pub fn create(session: &mut Session, def: &CreateIndex, sink: &dyn Sink) -> Outcome {
    let name = &def.index.name;
    let missing = || {
        let text = format!(
            "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
            def.table
        );
        SqlError::new(1088, 16, 12, text)
    };
    if let Some(view) = indexed_view::find(session, &def.table) {
        return indexed_view::create(session, view, def);
    }
    let target = target(session, &def.table, sink, missing)?;
    memory::refuse_statement(&target.table, "CREATE INDEX")?;
    if def.index.clustered && def.index.filter.is_some() {
        let text = "Cannot create a clustered index with a predicate clause. Filtered clustered indexes are not supported.";
        return Err(SqlError::new(1900, 16, 1, text).into());
    }
    let wrong_options = required::options(session, "CREATE INDEX");
    let id = change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        if def.drop_existing {
            let database = &*change.database(target.database)?;
            let old = find(database, &table, name)
                .cloned()
                .ok_or_else(|| no_such_to_drop(database, &table, name))?;
            if old.backs != Backs::Nothing {
                let text = format!(
                    "Cannot recreate index '{name}'. The new index definition does not match the constraint being enforced by the existing index."
                );
                return Err(SqlError::new(1907, 16, 1, text).into());
            }
            keys::drop_storage(change, &table, &old)?;
            keys::remove_index(&mut table, old.index_id, change.now);
        }
        let now = change.now;
        let database = &*change.database(target.database)?;
        let id = keys::add_index(database, &mut table, &KeyShape::of(&def.index), now)?;
        let on = match &def.index.placement {
            Some(placement) => placed(database, &table, placement)?,
            None => table.partitioned_on,
        };
        if on != table.partitioned_on {
            let text = "replica-sandbox keeps every index where its table is: create the table on the partition scheme.";
            return Err(SqlError::new(50000, 16, 1, text).into());
        }
        if let Some(index) = table.indexes.iter_mut().find(|i| i.index_id == id) {
            index.filter.clone_from(&def.index.filter);
        }
        if required::index(&table, id) {
            wrong_options?;
        }
        aligned(&table)?;
        if let Some(index) = table.indexes.iter().find(|i| i.index_id == id) {
            keys::create_storage(change, &table, index)?;
        }
        change.put_table(target.database, table.object_id, Some(table));
        Ok(id)
    })?;
    check_unique(session, &target, |i| i.index_id == id)
}

/// Partitioned tables' unique indexes contain the partitioning column, or uniqueness could not be kept.
///
/// # Errors
/// 1908.
pub fn aligned(table: &Table) -> Result<(), SqlError> {
    let Some((_, column)) = table.partitioned_on else { return Ok(()) };
    let bad = table.indexes.iter().find(|i| i.unique && i.keys.iter().all(|(id, _)| *id != column));
    match bad {
        None => Ok(()),
        Some(index) => {
            let text = format!(
                "Column '{}' is partitioning column of the index '{}'. Partition columns for a unique index must be a subset of the index key.",
                table.column(column).map_or("", |c| c.name.as_str()),
                index.name.as_deref().unwrap_or_default()
            );
            Err(SqlError::new(1908, 16, 1, text))
        }
    }
}

/// # Errors
/// 1505.
fn check_unique(session: &mut Session, target: &Altered, which: impl Fn(&Index) -> bool) -> Outcome {
    let questions = target.read(session, |database, table| {
        let unique = table.indexes.iter().filter(|i| i.unique && !i.disabled && which(i));
        Ok(unique.map(|i| validate::unique(database, table, i)).collect::<Vec<_>>())
    })?;
    questions.into_iter().try_for_each(|question| validate::ask(session, question))
}

/// The table's index of that name.
pub fn find<'t>(database: &Database, table: &'t Table, name: &str) -> Option<&'t Index> {
    table.indexes.iter().find(|i| i.name.as_deref().is_some_and(|n| database.same_name(n, name)))
}

fn no_such_to_drop(database: &Database, table: &Table, name: &str) -> SqlError {
    let text = format!("Could not find any index named '{name}' for table '{}'.", full_name(database, table));
    SqlError::new(7999, 16, 9, text)
}

/// # Errors
/// 3701 for an index or table that is not there, 3723 for a key's index.
pub fn drop(
    session: &mut Session,
    indexes: &[(String, ObjectName)],
    if_exists: bool,
    sink: &dyn Sink,
) -> Outcome {
    for (name, table) in indexes {
        let missing = || {
            let text = format!(
                "Cannot drop the index '{table}.{name}', because it does not exist or you do not have permission."
            );
            SqlError::new(3701, 11, 7, text)
        };
        if let Some(view) = indexed_view::find(session, table) {
            indexed_view::drop_index(session, view, name, missing)?;
            continue;
        }
        if if_exists && sandbox_session::names::table(session, &session.engine.instance(), table).is_none() {
            continue;
        }
        let target = target(session, table, sink, missing)?;
        change(session, |change| {
            let mut record = change.table(target.database, target.table.object_id)?;
            let database = &*change.database(target.database)?;
            let Some(index) = find(database, &record, name).cloned() else {
                return if if_exists { Ok(()) } else { Err(missing().into()) };
            };
            let kind = match index.backs {
                Backs::Nothing => None,
                Backs::PrimaryKey => Some("PRIMARY KEY"),
                Backs::UniqueConstraint => Some("UNIQUE KEY"),
            };
            if let Some(kind) = kind {
                let text = format!(
                    "An explicit DROP INDEX is not allowed on index '{table}.{name}'. It is being used for {kind} constraint enforcement."
                );
                return Err(SqlError::new(3723, 16, 4, text).into());
            }
            if referencing(database, &record, index.index_id).is_some() {
                let text = format!(
                    "An explicit DROP INDEX is not allowed on index '{table}.{name}'. It is being used for FOREIGN KEY constraint enforcement."
                );
                return Err(SqlError::new(3723, 16, 6, text).into());
            }
            keys::drop_storage(change, &record, &index)?;
            keys::remove_index(&mut record, index.index_id, change.now);
            change.put_table(target.database, record.object_id, Some(record));
            Ok(())
        })?;
    }
    Ok(())
}

/// Tests can ask for a refusal, as without permission.
///
/// # Errors
/// 1088 for the table, 2727 for the index, 1973 for REORGANIZE of a disabled one, 1987 for a rebuild under a
/// disabled clustered index, 1505.
pub fn alter(
    session: &mut Session,
    index: Option<&str>,
    table: &ObjectName,
    action: AlterIndex,
    sink: &mut dyn Sink,
) -> Outcome {
    let missing = || {
        let text = format!(
            "Cannot find the object \"{table}\" because it does not exist or you do not have permissions."
        );
        SqlError::new(1088, 16, 9, text)
    };
    if session.engine.sandbox.take(FaultKind::RefuseIndex, Some(&TableName::from(table))).is_some() {
        return Err(missing().into());
    }
    let target = target(session, table, sink, missing)?;
    if action == AlterIndex::Disable {
        memory::refuse_statement(&target.table, "ALTER INDEX DISABLE")?;
    }
    let chosen = target.read(session, |database, record| {
        let Some(name) = index else {
            return Ok(record
                .indexes
                .iter()
                .filter(|i| i.index_id > 0)
                .map(|i| i.index_id)
                .collect::<Vec<_>>());
        };
        match find(database, record, name) {
            Some(index) => Ok(vec![index.index_id]),
            None => Err(SqlError::new(2727, 11, 1, format!("Cannot find index '{name}'.")).into()),
        }
    })?;
    match action {
        AlterIndex::Disable => disable(session, &target, &chosen, sink),
        AlterIndex::Rebuild(compression) => rebuild(session, &target, &chosen, compression),
        AlterIndex::Reorganize | AlterIndex::Set => target.read(session, |database, record| {
            match record.indexes.iter().find(|i| i.disabled && chosen.contains(&i.index_id)) {
                Some(i) if index.is_some() => {
                    let text = format!(
                        "Cannot perform the specified operation on disabled index '{}' on table '{}'.",
                        i.name.as_deref().unwrap_or_default(),
                        full_name(database, record)
                    );
                    Err(SqlError::new(1973, 16, 1, text).into())
                }
                _ => Ok(()),
            }
        }),
    }
}

/// ALTER TABLE REBUILD.
///
/// # Errors
/// As ALTER INDEX ALL REBUILD.
pub fn rebuild_all(session: &mut Session, target: &Altered, compression: Option<u8>) -> Outcome {
    let all: Vec<i32> = target.table.indexes.iter().filter(|i| i.index_id > 0).map(|i| i.index_id).collect();
    rebuild(session, target, &all, compression)?;
    change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        let heap = table.indexes.iter_mut().find(|i| i.index_id == 0);
        if let Some((heap, compression)) = heap.zip(compression) {
            heap.pages.compression = compression;
        }
        change.put_table(target.database, table.object_id, Some(table));
        Ok(())
    })
}

/// A clustered index takes all others and the foreign keys on both sides with it; a unique one the foreign keys that
/// reference it (Microsoft docs, "Disable indexes and constraints").
fn disable(session: &mut Session, target: &Altered, chosen: &[i32], sink: &mut dyn Sink) -> Outcome {
    let (warnings, done) = change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        let clustered = chosen.contains(&1);
        let mut done = Vec::new();
        for at in 0..table.indexes.len() {
            let index = &table.indexes[at];
            if index.index_id > 0 && !index.disabled && (clustered || chosen.contains(&index.index_id)) {
                if index.backs == Backs::PrimaryKey {
                    tracking::allows(&table, "Disabling the primary key")?;
                }
                keys::drop_storage(change, &table, &table.indexes[at].clone())?;
                table.indexes[at].disabled = true;
                done.push(table.indexes[at].index_id);
            }
        }
        let mut warnings = Vec::new();
        let disabled: Vec<(i32, String)> = table
            .indexes
            .iter()
            .filter(|i| i.disabled)
            .map(|i| (i.index_id, i.name.clone().unwrap_or_default()))
            .collect();
        if clustered {
            for key in &mut table.foreign_keys {
                (key.disabled, key.not_trusted) = (true, true);
            }
        }
        let object_id = table.object_id;
        let parent = table.name.clone();
        change.put_table(target.database, object_id, Some(table));
        let tables: Vec<Arc<Table>> = change.database(target.database)?.tables.values().cloned().collect();
        for other in tables {
            let mut record = Table::clone(&other);
            let mut changed = false;
            for key in record.foreign_keys.iter_mut().filter(|f| f.references == object_id && !f.disabled) {
                let Some((_, index)) = disabled.iter().find(|(id, _)| clustered || *id == key.key_index)
                else {
                    continue;
                };
                (key.disabled, key.not_trusted, changed) = (true, true, true);
                let text = format!(
                    "Warning: Foreign key '{}' on table '{}' referencing table '{parent}' was disabled as a result of disabling the index '{index}'.",
                    key.name, other.name
                );
                warnings.push(SqlError::new(1992, 10, 1, text));
            }
            if changed {
                change.put_table(target.database, record.object_id, Some(record));
            }
        }
        Ok((warnings, done))
    })?;
    count(session, target, &done, |counters| counters.disables += 1);
    for warning in &warnings {
        sink.message(warning)?;
    }
    Ok(())
}

/// Enables. Foreign keys stay as they are: ALTER TABLE CHECK CONSTRAINT enables them.
fn rebuild(session: &mut Session, target: &Altered, chosen: &[i32], compression: Option<u8>) -> Outcome {
    change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        let clustered_off = table.indexes.iter().any(|i| i.index_id == 1 && i.disabled);
        if clustered_off && !chosen.contains(&1) {
            let database = &*change.database(target.database)?;
            let index = table.indexes.iter().find(|i| chosen.contains(&i.index_id));
            let text = format!(
                "Cannot rebuild index '{}' on table '{}' because its clustered index is disabled.",
                index.and_then(|i| i.name.as_deref()).unwrap_or_default(),
                full_name(database, &table)
            );
            return Err(SqlError::new(1987, 16, 1, text).into());
        }
        for index in table.indexes.iter_mut().filter(|i| chosen.contains(&i.index_id)) {
            index.pages.compression = compression.unwrap_or(index.pages.compression);
        }
        for at in 0..table.indexes.len() {
            if table.indexes[at].disabled && chosen.contains(&table.indexes[at].index_id) {
                table.indexes[at].disabled = false;
                keys::create_storage(change, &table, &table.indexes[at].clone())?;
            }
        }
        change.put_table(target.database, table.object_id, Some(table));
        Ok(())
    })?;
    check_unique(session, target, |i| chosen.contains(&i.index_id))?;
    count(session, target, chosen, |counters| counters.rebuilds += 1);
    Ok(())
}

/// For tests: what was done to which index.
fn count(session: &Session, target: &Altered, indexes: &[i32], what: impl Fn(&mut IndexCounters)) {
    let schema = target.read(session, |database, table| Ok(database.schema_name(table.schema_id).to_owned()));
    let name = TableName::new(&schema.unwrap_or_default(), &target.table.name);
    session.engine.sandbox.count(&name, |counters| {
        for index in target.table.indexes.iter().filter(|i| indexes.contains(&i.index_id)) {
            what(counters.indexes.entry(index.name.clone().unwrap_or_default()).or_default());
        }
    });
}
