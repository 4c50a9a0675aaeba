//! Running bound queries: locks first, then a SQLite snapshot, then rows.
use super::memory;
use crate::bind::{Needs, TableUse, resolve_visibility};
use rusqlite::{Row, params_from_iter};
use sandbox_catalog::schema::Table;
use sandbox_session::Engine;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::options::Isolation;
use sandbox_session::sandbox::{FaultKind, TableName};
use sandbox_session::transaction;
use sandbox_sql::hints::{Hints, readpast_refused};
use sandbox_transactions::locks::{LockMode, LockScope, Resource};
use sandbox_transactions::{Conflict, ReadMode, Snapshot, Visibility};
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;
use sandbox_values::{SqlType, Value};
use std::sync::{Arc, MutexGuard};

/// Why a statement begins again from its binding on.
pub enum Again {
    /// A table changed while its lock was waited for.
    Changed,
    /// A row was in another transaction's hands.
    Conflict(Conflict),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Again {
    fn from(error: E) -> Self {
        Again::Failed(error.into())
    }
}

/// Runs `attempt` until it need not begin again, waiting for other transactions in between.
pub fn until_settled<T>(
    session: &mut Session,
    sink: &mut dyn Sink,
    mut attempt: impl FnMut(&mut Session, &mut dyn Sink) -> Result<T, Again>,
) -> Outcome<T> {
    loop {
        let again = match attempt(session, sink) {
            Ok(done) => return Ok(done),
            Err(again) => again,
        };
        // Row locks are waited for with the table's lock in hand, as SQL Server does.
        match again {
            Again::Failed(failure) => return Err(failure),
            Again::Conflict(conflict) => wait_out(session, conflict, sink)?,
            Again::Changed => {}
        }
        session.engine.locks.release_all(session.id, LockScope::Statement);
    }
}

/// How a query's tables are read: by locks, by versions, or as they are.
fn view_of(session: &Session, tables: &[TableUse]) -> ReadMode {
    let instance = session.engine.instance();
    let versioned =
        |t: &TableUse| instance.databases.get(&t.database).is_some_and(|d| d.read_committed_snapshot);
    match session.options.isolation {
        Isolation::ReadUncommitted => ReadMode::Uncommitted,
        Isolation::Snapshot => ReadMode::Versions,
        Isolation::ReadCommitted if tables.iter().all(|t| versioned(t) && !t.hints.asks_for_locks()) => {
            ReadMode::Versions
        }
        _ => ReadMode::Locking,
    }
}

/// How a statement that changes rows finds them: by locks, unless the transaction reads a snapshot.
pub fn changing_view(session: &Session) -> ReadMode {
    if session.options.isolation == Isolation::Snapshot { ReadMode::Versions } else { ReadMode::Locking }
}

/// The lock that reading a table takes, and for how long.
fn read_lock(view: ReadMode, isolation: Isolation, hints: &Hints) -> (LockMode, LockScope) {
    if hints.locks_table_exclusively() {
        return (LockMode::X, LockScope::Transaction);
    }
    if hints.locks_rows() {
        return (if hints.locks_table() { LockMode::U } else { LockMode::IX }, LockScope::Transaction);
    }
    let held = matches!(isolation, Isolation::RepeatableRead | Isolation::Serializable) || hints.holds();
    if hints.reads_uncommitted() || view != ReadMode::Locking && !hints.locks_table() && !held {
        return (LockMode::SchS, LockScope::Statement);
    }
    // Key-range and shared row locks to the end of the transaction are a table's here.
    let mode = if held || hints.locks_table() { LockMode::S } else { LockMode::IS };
    (mode, if held { LockScope::Transaction } else { LockScope::Statement })
}

/// Locks all tables, and begins again if one has changed meanwhile, or if the catalog has shown what may be taken back.
pub fn lock_tables(session: &Session, needs: &Needs, sink: &dyn Sink) -> Result<ReadMode, Again> {
    if let Some(conflict) = needs.conflict {
        return Err(Again::Conflict(conflict));
    }
    let tables = &needs.tables;
    let view = view_of(session, tables);
    let isolation = session.options.isolation;
    for used in tables {
        memory::may_read(session, &used.table, &used.hints)?;
        if used.hints.skips_locked()
            && !matches!(isolation, Isolation::ReadCommitted | Isolation::RepeatableRead)
        {
            return Err(readpast_refused().into());
        }
        let (mode, scope) = read_lock(view, isolation, &used.hints);
        // Outside a transaction nothing is held longer than the statement.
        let scope = if session.transaction.is_some() { scope } else { LockScope::Statement };
        let table = (used.database, used.table.object_id);
        session.lock_table(table, mode, scope, sink)?;
        if used.hints.locks_rows() && used.hints.holds_ranges(isolation) {
            session.lock_range(table, LockMode::U, scope, sink)?;
        }
    }
    unchanged(session, tables)?;
    Ok(view)
}

/// Is the catalog's record of each table still the one that was bound?
pub fn unchanged(session: &Session, tables: &[TableUse]) -> Result<(), Again> {
    let instance = session.engine.instance();
    let same = |used: &TableUse| {
        let database = instance.databases.get(&used.database);
        let now = database.and_then(|d| d.tables.get(&used.table.object_id));
        // Identity numbers move on under our feet and change nothing that was bound.
        now.is_some_and(|now| {
            Arc::ptr_eq(now, &used.table)
                || now.modified == used.table.modified && now.storage == used.table.storage
        })
    };
    if tables.iter().all(same) { Ok(()) } else { Err(Again::Changed) }
}

/// Held while rows are locked: no one changes a row between its being read and its being locked.
pub fn row_gate<'e>(
    engine: &'e Engine,
    session: &Session,
    view: ReadMode,
    needs: &Needs,
) -> Option<MutexGuard<'e, ()>> {
    let locks = view == ReadMode::Locking && needs.tables.iter().any(|used| used.hints.locks_rows());
    (locks && session.connection.is_autocommit()).then(|| engine.writer())
}

/// A statement's SQLite snapshot and what it may see of it. Ends when dropped by [`Reading::end`].
pub struct Reading {
    snapshot: Option<Snapshot>,
    /// All there is has been committed: no row need be looked at twice.
    pub clean: bool,
    view: ReadMode,
    owns_sqlite_transaction: bool,
}

impl Reading {
    /// Pins a SQLite snapshot, or joins the SQLite transaction that is open.
    pub fn begin(session: &mut Session, tables: &[TableUse], view: ReadMode) -> Result<Self, Again> {
        let storages: Vec<i64> = tables.iter().flat_map(|t| t.table.storage.iter().copied()).collect();
        let engine = Arc::clone(&session.engine);
        let registry = &engine.transactions;
        let me = session.transaction.as_ref().map(|t| t.id);
        let versions = view == ReadMode::Versions;
        must_not_be_refused(session, FaultKind::RefuseSelect, tables)?;
        if session.options.isolation == Isolation::Snapshot {
            must_allow_snapshot(session, tables)?;
        }
        // A commit happens wholly before a snapshot or wholly after it.
        let gate = (versions && session.connection.is_autocommit()).then(|| engine.writer());
        let kept = session.transaction.as_mut().filter(|_| session.options.isolation == Isolation::Snapshot);
        let (snapshot, moment) = match kept {
            Some(transaction) => {
                let kept = transaction.snapshot.get_or_insert_with(|| registry.open_snapshot(true));
                let moment = kept.moment;
                must_be_as_then(&engine, tables, moment)?;
                (None, moment)
            }
            None => {
                let opened = registry.open_snapshot(versions);
                let moment = opened.moment;
                (Some(opened), moment)
            }
        };
        let owns_sqlite_transaction = session.connection.is_autocommit();
        if owns_sqlite_transaction {
            session.connection.execute_batch("BEGIN DEFERRED")?;
            // The snapshot is taken by the first read.
            session.connection.prepare_cached("SELECT last FROM storages")?.query_row([], |_| Ok(()))?;
        }
        drop(gate);
        let clean = !registry.others_wrote(&storages, me, moment)
            && (snapshot.is_some() || !registry.keeps_versions() || storages.is_empty());
        session.eyes.open(Visibility::new(Arc::clone(registry), view, me, moment));
        Ok(Self { snapshot, clean, view, owns_sqlite_transaction })
    }

    /// May a row turn out to be in another transaction's hands?
    pub fn may_conflict(&self) -> bool {
        !self.clean && self.view == ReadMode::Locking
    }

    /// Gives the SQLite snapshot back.
    pub fn end(self, session: &mut Session) -> Outcome {
        if self.owns_sqlite_transaction && !session.connection.is_autocommit() {
            session.connection.execute_batch("ROLLBACK")?;
        }
        match self.snapshot {
            Some(snapshot) => {
                let due = session.engine.transactions.close_snapshot(snapshot);
                transaction::purge_leftovers(session, due)
            }
            None => Ok(()),
        }
    }
}

/// Waits for the end of the transaction in whose way this one is.
pub fn wait_out(session: &Session, Conflict(other): Conflict, sink: &dyn Sink) -> Outcome {
    session.lock(Resource::Transaction(other), LockMode::S, LockScope::Statement, &|| sink.cancelled())
}

/// # Errors
/// What a client has asked for.
fn must_not_be_refused(session: &Session, kind: FaultKind, tables: &[TableUse]) -> Result<(), SqlError> {
    tables.iter().try_for_each(|used| must_not_refuse(session, kind, (used.database, &used.table)))
}

/// The same of one table.
///
/// # Errors
/// What a client has asked for.
pub fn must_not_refuse(
    session: &Session,
    kind: FaultKind,
    (database, table): (i16, &Table),
) -> Result<(), SqlError> {
    if !session.engine.sandbox.is_armed(kind) {
        return Ok(());
    }
    let instance = session.engine.instance();
    let Some(database) = instance.databases.get(&database) else { return Ok(()) };
    let name = TableName::new(database.schema_name(table.schema_id), &table.name);
    match session.engine.sandbox.take(kind, Some(&name)) {
        Some(number) => {
            let number = i32::try_from(number).unwrap_or_default();
            Err(SqlError::new(number, 16, 1, "It is refused, as was asked for."))
        }
        None => Ok(()),
    }
}

/// # Errors
/// 3952 where a database does not allow SNAPSHOT; what a client has asked for.
fn must_allow_snapshot(session: &Session, tables: &[TableUse]) -> Result<(), SqlError> {
    must_not_be_refused(session, FaultKind::RefuseSnapshot, tables)?;
    let instance = session.engine.instance();
    for used in tables {
        let Some(database) = instance.databases.get(&used.database) else { continue };
        if !database.allow_snapshot {
            return Err(SqlError::new(
                3952,
                16,
                1,
                format!(
                    "Snapshot isolation transaction failed accessing database '{}' because snapshot isolation is not \
                     allowed in this database. Use ALTER DATABASE to allow snapshot isolation.",
                    database.name
                ),
            ));
        }
    }
    Ok(())
}

/// Definitions have no versions (Microsoft docs, "MSSQLSERVER_3961").
///
/// # Errors
/// 3961 for a table whose definition was changed after the snapshot's moment: by ALTER TABLE, SWITCH or TRUNCATE, too.
fn must_be_as_then(engine: &Engine, tables: &[TableUse], moment: u64) -> Result<(), SqlError> {
    let changed = tables
        .iter()
        .find(|used| engine.transactions.altered_since((used.database, used.table.object_id), moment));
    let Some(used) = changed else { return Ok(()) };
    let instance = engine.instance();
    let database = instance.databases.get(&used.database).map_or("", |database| &database.name);
    Err(SqlError::new(
        3961,
        16,
        1,
        format!(
            "Snapshot isolation transaction failed in database '{database}' because the object accessed by the statement has \
             been modified by a DDL statement in another concurrent transaction since the start of this transaction. It is \
             disallowed because the metadata is not versioned. A concurrent update to metadata can lead to inconsistency if \
             mixed with snapshot isolation."
        ),
    ))
}

/// Calls `each` with every row of a query, from inside a [`Reading`], until it answers false.
///
/// # Errors
/// [`Again::Conflict`] where a row was in another transaction's hands.
pub fn rows(
    session: &Session,
    reading: &Reading,
    sql: &str,
    needs: &Needs,
    sink: &mut dyn Sink,
    each: &mut dyn FnMut(&Row<'_>, &mut dyn Sink) -> Outcome<bool>,
) -> Result<(), Again> {
    let sql = resolve_visibility(sql, reading.clean);
    let told = |error: rusqlite::Error| match session.eyes.conflict() {
        Some(conflict) => Again::Conflict(conflict),
        None => Again::Failed(session.ops.explain(&error).into()),
    };
    let mut statement = session.connection.prepare_cached(&sql).map_err(told)?;
    let mut rows = statement.query(params_from_iter(&needs.params)).map_err(told)?;
    let mut asked = 0_u32;
    while let Some(row) = rows.next().map_err(told)? {
        asked = asked.wrapping_add(1);
        if asked.is_multiple_of(256) && sink.cancelled() {
            return Err(Again::Failed(Failure::Cancelled));
        }
        if !each(row, sink)? {
            break;
        }
    }
    Ok(())
}

/// The one value of a query without tables of its own, or with some in subqueries.
pub fn single(
    session: &mut Session,
    sql: &str,
    needs: Needs,
    sql_type: &SqlType,
    sink: &mut dyn Sink,
) -> Result<Value, Again> {
    let view = lock_tables(session, &needs, sink)?;
    let engine = Arc::clone(&session.engine);
    let gate = row_gate(&engine, session, view, &needs);
    let reading = Reading::begin(session, &needs.tables, view)?;
    let mut value = Value::Null;
    let result = rows(session, &reading, sql, &needs, sink, &mut |row, _| {
        value = decoded(row, 0, sql_type)?;
        Ok(false)
    });
    drop(gate);
    reading.end(session)?;
    give_back_tables(session, &needs)?;
    result.map(|()| value)
}

/// A result value of a row.
pub fn decoded(row: &Row<'_>, n: usize, sql_type: &SqlType) -> Outcome<Value> {
    let stored = row.get_ref(n)?;
    from_stored(stored, sql_type)
        .map_err(|e| SqlError::new(50000, 16, 2, format!("replica-sandbox: storage: {e}.")).into())
}

/// Gives back the tables that system views were put into.
pub fn give_back_tables(session: &Session, needs: &Needs) -> Outcome {
    for table in &needs.made_tables {
        session.made.give_back(&session.connection, *table)?;
    }
    Ok(())
}
