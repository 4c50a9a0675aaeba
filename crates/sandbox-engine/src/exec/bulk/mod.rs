//! INSERT BULK and the load that follows it (docs/WIRE.md, "INSERT BULK"; docs/SERVER.md, "Errors of a bulk load").
mod announce;
mod order;
mod trust;

pub use announce::{announce, refuse_other_request};

use super::dml::identity::IdentityNumbers;
use super::dml::insert::{duplicate_ignored, explained, target_unchanged};
use super::dml::{self, Escalation, Target};
use super::row::{Conditions, Pen, Rules, TableWriter, Written};
use super::{COMMAND_OTHER, aftermath, trigger};
use order::Promise;
use rusqlite::types::Value as Stored;
use sandbox_catalog::schema::{BlockedOperation, IndexKind, Table};
use sandbox_query::bind::Binder;
use sandbox_query::read::{self, Again};
use sandbox_session::api::{BulkRows, Cancelled, Done, EnvChange, Sink};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::frame::Frame;
use sandbox_session::session::{PendingBulk, Session};
use sandbox_session::transaction;
use sandbox_sql::parse::Hint;
use sandbox_transactions::locks::{LockMode, LockScope};
use sandbox_values::convert::{arrived, fit};
use sandbox_values::error::SqlError;
use sandbox_values::storage::to_stored;
use sandbox_values::{SqlType, Value};
use std::sync::Arc;
use trust::distrust;

/// CurCmd of a bulk load.
const COMMAND: u16 = 240;
/// Rows in one SQLite transaction, at most.
const CHUNK_ROWS: usize = 2000;
/// Their bytes, at most one row more.
const CHUNK_BYTES: usize = 4 << 20;

/// The load: all rows or none.
pub fn load(session: &mut Session, rows: &mut dyn BulkRows, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    let Some(pending) = session.pending_bulk.take() else {
        let error = SqlError::new(
            4002,
            16,
            1,
            "The incoming tabular data stream (TDS) protocol stream is incorrect.",
        );
        return aftermath::unheard(session, error.into(), sink);
    };
    let result = transaction::within(session, |session| Load::new(session, pending).run(session, rows, sink));
    session.engine.locks.release_all(session.id, LockScope::Statement);
    match result {
        Ok(count) => {
            session.last.error = 0;
            session.last.rowcount = count;
            let count = Some(count).filter(|_| !session.options.nocount);
            sink.done(Done { command: COMMAND, count, error: false })
        }
        Err(Failure::Cancelled) => aftermath::unheard(session, Failure::Cancelled, sink),
        Err(Failure::Error(error)) => refused(session, &error, sink),
    }
}

fn refused(session: &mut Session, error: &SqlError, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.last.error = error.number;
    session.last.rowcount = 0;
    sink.message(error)?;
    let terminated = aftermath::is_terminated(error) && !session.options.xact_abort;
    if terminated {
        sink.message(&aftermath::terminated())?;
    }
    if session.options.xact_abort || error.number == 1205 {
        let descriptor = session.transaction_descriptor();
        if let Err(failure) = transaction::rollback_all(session) {
            log::error!("session {}: rollback failed: {failure:?}", session.id);
        }
        if descriptor != 0 {
            sink.env(EnvChange::Rollback { descriptor })?;
        }
    }
    let command = if terminated { COMMAND } else { COMMAND_OTHER };
    sink.done(Done { command, count: None, error: true })
}

/// Rows that have come.
#[derive(Default)]
struct Loaded {
    count: u64,
    /// Whose keys were there already.
    ignored: u64,
    /// That refer to rows of the table itself.
    unsettled: Vec<Vec<Stored>>,
}

/// A load at work.
struct Load {
    pending: PendingBulk,
    into: Target,
    keep_nulls: bool,
    checks: bool,
    /// It has none on the table that makes those of rows needless.
    locks_rows: bool,
    order: Promise,
}

/// What a column takes where no value comes, or NULL does.
struct ColumnDefault {
    sql: String,
    /// It may differ from row to row: NEWID().
    varies: bool,
    value: Option<Stored>,
}

impl Load {
    fn new(session: &Session, pending: PendingBulk) -> Self {
        let keep_nulls = pending.hints.contains(&Hint::KeepNulls);
        let checks = pending.hints.contains(&Hint::CheckConstraints);
        let order = Promise::of(&pending.table, &pending.hints);
        let mode = lock_mode(&pending.table, pending.hints.contains(&Hint::TabLock));
        let into = Target::named(session, pending.database, Arc::clone(&pending.table));
        Self { pending, into, keep_nulls, checks, locks_rows: mode == LockMode::IX, order }
    }

    fn run(&mut self, session: &mut Session, rows: &mut dyn BulkRows, sink: &mut dyn Sink) -> Outcome<u64> {
        let target = self.into.clone();
        let tablock = self.pending.hints.contains(&Hint::TabLock);
        let own = (target.database, target.table.object_id);
        session.lock_table(own, lock_mode(&target.table, tablock), LockScope::Transaction, sink)?;
        session.lock_range(own, LockMode::IX, LockScope::Statement, sink)?;
        match target_unchanged(session, &target) {
            Ok(()) => {}
            Err(_) => {
                return Err(SqlError::new(
                    4891,
                    16,
                    1,
                    "Insert bulk failed due to a schema change of the target table.",
                )
                .into());
            }
        }
        let stamp = session.write(|session| dml::announce(session, &target, false)).map_err(settled)?;
        let (conditions, defaults) = self.prepare(session)?;
        let mut numbers = IdentityNumbers::of(session, &target, self.numbered());
        let loaded = self.chunks(session, stamp, (&conditions, &defaults), &mut numbers, rows, sink);
        numbers.keep(session, &target);
        let Loaded { count, ignored, .. } = loaded?;
        if ignored > 0 {
            sink.message(&duplicate_ignored())?;
        }
        if count > 0 && !self.checks {
            distrust(session, &target);
        }
        let written = target.written("INSERT", count);
        if self.pending.hints.contains(&Hint::FireTriggers) {
            trigger::fire(session, written, sink)?;
        } else {
            trigger::hold_views(session, written)?;
        }
        Ok(count)
    }

    /// The identity column's position, where its values are not listed.
    fn numbered(&self) -> Option<usize> {
        let table = &self.into.table;
        table.columns.iter().position(|c| c.identity).filter(|at| !self.pending.positions.contains(at))
    }

    /// SQL of the checks, and each column's default.
    fn prepare(&self, session: &Session) -> Outcome<(Conditions, Vec<ColumnDefault>)> {
        let frame = Frame::default();
        let binder = Binder::new(session, &frame);
        let target = &self.into;
        let conditions = target.conditions(&binder, self.checks, BlockedOperation::AfterInsert)?;
        let mut defaults = Vec::with_capacity(target.table.columns.len());
        for (at, column) in target.table.columns.iter().enumerate() {
            let sql = format!("SELECT {}", target.default(&binder, column)?.sql);
            let varies = sql.contains("fv(") || sql.contains("random(");
            // A default may be no value of its column, which shows when it is used: where the load brings none.
            let value = if self.pending.positions.contains(&at) {
                None
            } else {
                let value = session.connection.query_row(&sql, [], |row| row.get(0));
                Some(value.map_err(|e| session.ops.explain(&e))?)
            };
            defaults.push(ColumnDefault { sql, varies, value });
        }
        Ok((conditions, defaults))
    }

    fn chunks(
        &mut self,
        session: &mut Session,
        stamp: i64,
        (conditions, defaults): (&Conditions, &[ColumnDefault]),
        numbers: &mut IdentityNumbers,
        rows: &mut dyn BulkRows,
        sink: &mut dyn Sink,
    ) -> Outcome<Loaded> {
        let mut loaded = Loaded::default();
        let target = self.into.clone();
        // Under a lock on the table no row is locked.
        let mut escalation = self.locks_rows.then(|| Escalation::of(&target));
        let mut chunk: Vec<Vec<Stored>> = Vec::with_capacity(CHUNK_ROWS);
        let mut incoming = Vec::new();
        loop {
            let (mut bytes, mut more) = (0, true);
            chunk.clear();
            while chunk.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
                more = rows.next(&mut incoming).map_err(|refusal| match refusal {
                    Ok(error) => Failure::Error(error),
                    Err(Cancelled) => Failure::Cancelled,
                })?;
                if !more {
                    break;
                }
                bytes += incoming.iter().map(size).sum::<usize>();
                let row = self.row(session, &mut incoming, defaults, numbers)?;
                chunk.push(row);
            }
            let (ignored, mut unsettled) = read::until_settled(session, sink, |session, _| {
                session.write(|session| {
                    self.write(session, stamp, conditions, &chunk, (&loaded.unsettled, !more))
                })
            })?;
            loaded.unsettled.append(&mut unsettled);
            loaded.ignored += ignored;
            loaded.count += chunk.len() as u64 - ignored;
            if let Some(escalation) = &mut escalation {
                escalation.locked(session, &target, chunk.len() as u64 - ignored);
            }
            if !more {
                return Ok(loaded);
            }
            if sink.cancelled() {
                return Err(Failure::Cancelled);
            }
        }
    }

    /// A row of the table from the values that came.
    fn row(
        &mut self,
        session: &Session,
        incoming: &mut Vec<Value>,
        defaults: &[ColumnDefault],
        numbers: &mut IdentityNumbers,
    ) -> Outcome<Vec<Stored>> {
        let target = &self.into;
        let table = &target.table;
        let mut row: Vec<Option<Stored>> = vec![None; table.columns.len()];
        for ((value, &at), declared) in
            incoming.drain(..).zip(&self.pending.positions).zip(&self.pending.target.columns)
        {
            let column = &table.columns[at];
            // UTF-8 from outside may be broken, and xml is text; all else of the column's own type fits it.
            let from = arrived(&declared.declared);
            let fits = from == column.sql_type && !column.sql_type.is_utf8();
            let value = if value == Value::Null || fits {
                value
            } else {
                fit(&value, &from, &column.sql_type).map_err(|misfit| target.misfit(misfit, column))?
            };
            row[at] = (value != Value::Null || self.keep_nulls).then(|| to_stored(value));
        }
        let mut stored = Vec::with_capacity(row.len());
        for ((value, column), default) in row.into_iter().zip(&table.columns).zip(defaults) {
            stored.push(match value {
                Some(value) => value,
                None if column.sql_type == SqlType::RowVersion => {
                    Stored::Blob(session.next_row_version(target.database).to_vec())
                }
                None => default.now(session)?,
            });
        }
        numbers.give(table, &mut stored)?;
        self.order.hold(&table.columns, &stored)?;
        Ok(stored)
    }

    /// How many rows were passed over for their keys, and which refer to rows of the table itself. With the last chunk
    /// those of the earlier ones are held to that as well.
    fn write(
        &self,
        session: &Session,
        stamp: i64,
        conditions: &Conditions,
        chunk: &[Vec<Stored>],
        (earlier, last): (&[Vec<Stored>], bool),
    ) -> Result<(u64, Vec<Vec<Stored>>), Again> {
        let target = &self.into;
        let pen = Pen::of(session, stamp);
        let rules = Rules { checks: self.checks, verb: "INSERT" };
        let of = (target.database, Arc::clone(&target.table));
        let partition_of = target.partitioning(session);
        let mut writer = TableWriter::new(&session.connection, pen, of, rules, (conditions, partition_of))?;
        let mut ignored = 0;
        for row in chunk {
            let written = writer.write(row).map_err(|refusal| explained(session, refusal))?;
            ignored += u64::from(written == Written::Ignored);
        }
        let unsettled = writer.take_unsettled();
        if last {
            writer.settle(&unsettled).map_err(|refusal| explained(session, refusal))?;
            writer.settle(earlier).map_err(|refusal| explained(session, refusal))?;
        }
        Ok((ignored, unsettled))
    }
}

impl ColumnDefault {
    fn now(&self, session: &Session) -> Outcome<Stored> {
        match &self.value {
            Some(value) if !self.varies => Ok(value.clone()),
            _ => {
                let mut statement = session.connection.prepare_cached(&self.sql)?;
                Ok(statement.query_row([], |row| row.get(0)).map_err(|e| session.ops.explain(&e))?)
            }
        }
    }
}

/// A load's lock by the target's shape and TABLOCK (docs/LOADING.md, "Locks by the target's shape").
fn lock_mode(table: &Table, tablock: bool) -> LockMode {
    let heap = table.base_index().is_none_or(|i| i.kind == IndexKind::Heap);
    let other_indexes = table.indexes.iter().any(|i| i.index_id > 1 && !i.disabled);
    match (tablock, heap, other_indexes) {
        (false, _, _) => LockMode::IX,
        (true, true, false) => LockMode::BU,
        (true, true, true) => LockMode::SchM,
        (true, false, _) => LockMode::X,
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.len() + 16,
        _ => 16,
    }
}

/// The first stamp of a load waits for no one.
fn settled(again: Again) -> Failure {
    match again {
        Again::Failed(failure) => failure,
        Again::Changed | Again::Conflict(_) => {
            SqlError::new(50000, 16, 1, "replica-sandbox: the load could not begin.").into()
        }
    }
}
