//! One change of the catalog: records and storage together, with the way back.
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use rusqlite::Connection;
use sandbox_catalog::schema::{Database, Instance, Table};
use sandbox_catalog::store;
use sandbox_transactions::{Registry, Transaction};
use sandbox_values::error::SqlError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// The catalog and the storage, held together for as long as one change takes.
pub struct Change<'a> {
    pub instance: &'a mut Instance,
    pub connection: &'a Connection,
    pub transaction: &'a mut Transaction,
    pub registry: &'a Registry,
    pub now: SystemTime,
}

/// Runs a change in one SQLite transaction. Locks must have been taken before: nothing may wait in here. Nobody reads the
/// catalog before the storage that it tells of is there.
///
/// # Errors
/// What `work` refuses; then neither storage nor catalog has changed, if `work` changed the catalog last.
pub fn change<T>(session: &mut Session, work: impl FnOnce(&mut Change<'_>) -> Outcome<T>) -> Outcome<T> {
    let engine = Arc::clone(&session.engine);
    let (done, _held) = session.write(|session| {
        let Some(transaction) = session.transaction.as_mut() else {
            let error = SqlError::new(3902, 16, 1, "A catalog change runs in a transaction.");
            return Err(Failure::from(error));
        };
        let mut instance = engine.instance_mut();
        transaction.changed_schema = true;
        let done = work(&mut Change {
            instance: &mut instance,
            connection: &session.connection,
            transaction,
            registry: &engine.transactions,
            now: SystemTime::now(),
        })?;
        Ok((done, instance))
    })?;
    Ok(done)
}

impl Change<'_> {
    /// Puts a record into one of the catalog's maps, or takes it out; a rollback restores what was there.
    pub fn put<K, V>(
        &mut self,
        map: impl Fn(&mut Instance) -> Option<&mut BTreeMap<K, V>> + Send + 'static,
        key: K,
        value: Option<V>,
    ) where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        let Some(records) = map(self.instance) else { return };
        let old = swap(records, key.clone(), value);
        self.transaction.on_rollback(Box::new(move |instance, _| {
            if let Some(records) = map(instance) {
                swap(records, key, old);
            }
            Ok(())
        }));
    }

    /// As [`Change::put`], for a table's record whose definition changes: snapshots that are open can't read the table any more.
    pub fn put_table(&mut self, database: i16, object_id: i32, table: Option<Table>) {
        self.transaction.altered.insert((database, object_id));
        let known = self.instance.databases.get(&database).is_some_and(|d| d.tables.contains_key(&object_id));
        if !known && table.as_ref().is_some_and(|table| table.owner_session.is_none()) {
            self.registry.creates(self.transaction.id, (database, object_id));
        }
        self.put_record(database, object_id, table);
    }

    /// The same where the definition stays.
    pub fn put_record(&mut self, database: i16, object_id: i32, table: Option<Table>) {
        self.put(
            move |instance| instance.databases.get_mut(&database).map(|d| &mut d.tables),
            object_id,
            table.map(Arc::new),
        );
    }

    /// The table's record as it is now, to be changed and [put](Change::put_table) back.
    ///
    /// # Errors
    /// 208 where another session dropped it meanwhile.
    pub fn table(&self, database: i16, object_id: i32) -> Result<Table, SqlError> {
        let found = self.instance.databases.get(&database).and_then(|d| d.tables.get(&object_id));
        found
            .map(|table| Table { modified: self.now, ..Table::clone(table) })
            .ok_or_else(|| SqlError::new(208, 16, 1, format!("Invalid object name '{object_id}'.")))
    }

    /// # Errors
    /// 911 where another session dropped it meanwhile.
    pub fn database(&mut self, id: i16) -> Result<&mut Database, SqlError> {
        self.instance.databases.get_mut(&id).ok_or_else(|| super::names::no_database(&id.to_string()))
    }

    /// Numbers for `count` new partitions.
    ///
    /// # Errors
    /// SQLite's.
    pub fn new_storages(&mut self, count: usize) -> rusqlite::Result<Vec<i64>> {
        (0..count).map(|_| store::next_storage(self.connection)).collect()
    }

    /// Makes the SQLite tables of a table; a rollback drops them.
    ///
    /// # Errors
    /// SQLite's.
    pub fn create_storage(&mut self, table: &Table) -> rusqlite::Result<()> {
        store::create(self.connection, table)?;
        self.drop_on_rollback(table.storage.clone());
        Ok(())
    }

    /// A rollback drops these SQLite tables.
    pub fn drop_on_rollback(&mut self, storages: Vec<i64>) {
        self.transaction.on_rollback(Box::new(move |_, connection| drop_all(connection, &storages)));
    }

    /// Rows were copied, stamps and all, to fresh SQLite tables: this transaction's stamps among them are settled
    /// there too.
    ///
    /// # Errors
    /// SQLite's.
    pub fn adopt(&mut self, from: &[i64], to: &[i64]) -> rusqlite::Result<()> {
        for (from, to) in from.iter().zip(to) {
            if self.transaction.moved(self.registry, *from, *to) {
                store::note_unfinished(self.connection, self.transaction.id, *to)?;
            }
        }
        Ok(())
    }

    /// Drops SQLite tables at the commit: until then a rollback may need them.
    pub fn retire_storage(&mut self, storages: Vec<i64>) {
        self.transaction.on_commit(Box::new(move |_, connection| drop_all(connection, &storages)));
    }
}

fn drop_all(connection: &Connection, storages: &[i64]) -> rusqlite::Result<()> {
    storages.iter().try_for_each(|storage| store::drop_partition(connection, *storage))
}

fn swap<K: Ord, V>(records: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => records.insert(key, value),
        None => records.remove(&key),
    }
}
