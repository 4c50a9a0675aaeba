//! One transaction: what it wrote where, and how to take it back.
use super::Snapshot;
use super::registry::Registry;
use super::stamp::{LAST_STATEMENT, stamp};
use super::versions;
use rusqlite::Connection;
use sandbox_catalog::schema::Instance;
use sandbox_catalog::store;
use sandbox_values::error::SqlError;
use std::collections::{BTreeMap, BTreeSet};

/// What a rollback (to before the statement that left it) or a commit has to do outside the rows:
/// schema changes, storages to drop.
pub type Work = Box<dyn FnOnce(&mut Instance, &Connection) -> rusqlite::Result<()> + Send>;

pub struct Transaction {
    /// Also the descriptor on the wire, and the lock resource that waiters wait for.
    pub id: u64,
    /// As the outermost BEGIN TRANSACTION named it.
    pub name: Option<String>,
    /// `@@TRANCOUNT`; 0 for a statement that commits by itself.
    pub depth: u32,
    /// Can only be rolled back (XACT_STATE() -1).
    pub doomed: bool,
    /// Under SNAPSHOT: what it sees, from its first statement on.
    pub snapshot: Option<Snapshot>,
    /// Has it changed the catalog?
    pub changed_schema: bool,
    /// The tables whose records it has changed, by database and object_id.
    pub altered: BTreeSet<(i16, i32)>,
    statements: u32,
    touched: BTreeMap<i64, Touched>,
    /// By database: the storages that have the changes of tracked tables.
    tracked: BTreeMap<i16, BTreeSet<i64>>,
    /// With the number of the statement that left it.
    on_rollback: Vec<(u32, Work)>,
    on_commit: Vec<(u32, Work)>,
    savepoints: Vec<(String, u32)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Touched {
    /// The last statement that wrote there.
    last: u32,
    deleted: bool,
}

impl Transaction {
    pub fn new(registry: &Registry, depth: u32) -> Self {
        Self {
            id: registry.begin(),
            name: None,
            depth,
            doomed: false,
            snapshot: None,
            changed_schema: false,
            altered: BTreeSet::new(),
            statements: 0,
            touched: BTreeMap::new(),
            tracked: BTreeMap::new(),
            on_rollback: Vec::new(),
            on_commit: Vec::new(),
            savepoints: Vec::new(),
        }
    }

    /// The stamp of the statement that begins now.
    ///
    /// # Errors
    /// After 16 million statements.
    pub fn next_stamp(&mut self) -> Result<i64, SqlError> {
        self.statements += 1;
        stamp(self.id, self.statements).ok_or_else(|| {
            SqlError::new(
                50000,
                16,
                1,
                "replica-sandbox: the transaction has too many statements; commit earlier.",
            )
        })
    }

    /// The stamp of the statement that is at work.
    pub fn last_stamp(&self) -> Option<i64> {
        stamp(self.id, self.statements)
    }

    /// Announces that rows will be inserted there. To be called before the first is.
    pub fn inserts(&mut self, registry: &Registry, storage: i64) {
        self.touched.entry(storage).or_default().last = self.statements;
        registry.writes(self.id, storage);
    }

    /// Announces that changes of a tracked table will be noted there.
    pub fn tracks(&mut self, registry: &Registry, database: i16, changes: i64) {
        self.inserts(registry, changes);
        self.tracked.entry(database).or_default().insert(changes);
    }

    /// Announces that rows will be deleted there. To be called before the first is.
    pub fn deletes(&mut self, registry: &Registry, storage: i64) {
        let touched = self.touched.entry(storage).or_default();
        touched.last = self.statements;
        touched.deleted = true;
        registry.writes(self.id, storage);
    }

    /// Rows that may bear this transaction's stamps were copied, stamps and all, from one storage to another.
    pub fn moved(&mut self, registry: &Registry, from: i64, to: i64) -> bool {
        let Some(touched) = self.touched.get(&from).copied() else { return false };
        self.touched.insert(to, touched);
        registry.writes(self.id, to);
        true
    }

    /// A schema change's way back, run in reverse order.
    pub fn on_rollback(&mut self, work: Work) {
        self.on_rollback.push((self.statements, work));
    }

    /// What waits for the commit: the old storage of a truncated table, say.
    pub fn on_commit(&mut self, work: Work) {
        self.on_commit.push((self.statements, work));
    }

    pub fn save(&mut self, name: &str) {
        self.savepoints.push((name.to_owned(), self.statements));
    }

    /// The statement count at that savepoint; the youngest of the name counts (Microsoft docs, SAVE TRANSACTION).
    pub fn savepoint(&self, name: &str) -> Option<u32> {
        self.savepoints.iter().rev().find(|(n, _)| n == name).map(|(_, at)| *at)
    }

    /// How many statements there were: where [`Transaction::undo_after`] can return to.
    pub fn position(&self) -> u32 {
        self.statements
    }

    /// Takes back all statements after the `keep`-th. To be called inside a SQLite transaction.
    pub fn undo_after(
        &mut self,
        keep: u32,
        instance: &mut Instance,
        connection: &Connection,
    ) -> rusqlite::Result<()> {
        let (Some(first), Some(last)) = (stamp(self.id, keep + 1), stamp(self.id, LAST_STATEMENT)) else {
            return Ok(());
        };
        while self.on_rollback.last().is_some_and(|(at, _)| *at > keep) {
            if let Some((_, work)) = self.on_rollback.pop() {
                work(instance, connection)?;
            }
        }
        self.on_commit.retain(|(at, _)| *at <= keep);
        self.savepoints.retain(|(_, at)| *at <= keep);
        for (&storage, touched) in &self.touched {
            if touched.last > keep && store::exists(connection, storage)? {
                undo_range(connection, storage, first, last)?;
            }
        }
        Ok(())
    }

    /// Makes a version in each database with changes of tracked tables. Makes its deletions final, unless `keep_versions`; then says where rows are left over.
    /// To be called inside a SQLite transaction.
    pub fn finish(
        &mut self,
        keep_versions: bool,
        instance: &mut Instance,
        connection: &Connection,
    ) -> rusqlite::Result<Vec<i64>> {
        let mut leftovers = Vec::new();
        for (&database, changes) in &self.tracked {
            versions::commit(connection, self.id, database, changes)?;
        }
        for (&storage, touched) in &self.touched {
            if touched.deleted && store::exists(connection, storage)? {
                if keep_versions {
                    leftovers.push(storage);
                } else {
                    purge(connection, storage, self.id)?;
                }
            }
        }
        for (_, work) in self.on_commit.drain(..) {
            work(instance, connection)?;
        }
        Ok(leftovers)
    }

    /// Is there anything of the statements after the `keep`-th to take back?
    pub fn wrote_after(&self, keep: u32) -> bool {
        self.touched.values().any(|t| t.last > keep)
            || self.on_rollback.last().is_some_and(|(at, _)| *at > keep)
    }

    /// Is there anything that a commit must settle?
    pub fn wrote(&self) -> bool {
        !self.touched.is_empty() || !self.on_rollback.is_empty() || !self.on_commit.is_empty()
    }
}

/// Takes back all that a transaction did to a storage.
pub fn undo_all(connection: &Connection, storage: i64, transaction: u64) -> rusqlite::Result<()> {
    match range(transaction) {
        Some((first, last)) => undo_range(connection, storage, first, last),
        None => Ok(()),
    }
}

fn undo_range(connection: &Connection, storage: i64, first: i64, last: i64) -> rusqlite::Result<()> {
    let table = store::table_name(storage);
    connection.execute(&format!("DELETE FROM {table} WHERE _ins BETWEEN ?1 AND ?2"), [first, last])?;
    connection
        .execute(&format!("UPDATE {table} SET _del = NULL WHERE _del BETWEEN ?1 AND ?2"), [first, last])?;
    Ok(())
}

/// All stamps of a transaction.
fn range(transaction: u64) -> Option<(i64, i64)> {
    Some((stamp(transaction, 0)?, stamp(transaction, LAST_STATEMENT)?))
}

/// Removes what a committed transaction deleted.
pub fn purge(connection: &Connection, storage: i64, transaction: u64) -> rusqlite::Result<()> {
    let Some((first, last)) = range(transaction) else { return Ok(()) };
    let table = store::table_name(storage);
    connection.execute(&format!("DELETE FROM {table} WHERE _del BETWEEN ?1 AND ?2"), [first, last])?;
    Ok(())
}
