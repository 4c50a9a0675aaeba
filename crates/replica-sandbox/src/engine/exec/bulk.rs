//! INSERT BULK and the load that follows it (server-facts.md sections 3 and 5).
use super::aftermath;
use super::dml::columns::{twice, writable};
use super::dml::identity::Numbers;
use super::dml::insert::{explained, target_unchanged};
use super::dml::{self, Target};
use super::read::{self, Again};
use super::row::{Pen, RowWriter, Rules, shown};
use super::{COMMAND_OTHER, Run, transaction, trigger};
use crate::engine::api::{BulkColumn, BulkRows, BulkTarget, Cancelled, Done, EnvChange, Sink};
use crate::engine::bind::Binder;
use crate::engine::exec::frame::Frame;
use crate::engine::failure::{Failure, Outcome};
use crate::engine::locks::{Mode, Scope};
use crate::engine::parse::{Hint, InsertBulk};
use crate::engine::sandbox::TableName;
use crate::engine::schema::{IndexKind, Table};
use crate::engine::session::Session;
use crate::engine::type_name::Place;
use crate::error::SqlError;
use crate::values::compare::compare;
use crate::values::convert::fit;
use crate::values::storage::{from_stored, to_stored};
use crate::values::{CollationId, SqlType, Value};
use rusqlite::types::Value as Stored;
use std::cmp::Ordering;
use std::sync::Arc;

/// CurCmd of a bulk load.
const COMMAND: u16 = 240;
/// Rows in one SQLite transaction, at most.
const CHUNK_ROWS: usize = 2000;
/// Their bytes, at most one row more.
const CHUNK_BYTES: usize = 4 << 20;

/// What an INSERT BULK statement has promised.
pub struct PendingBulk {
    pub target: BulkTarget,
    into: Target,
    /// Positions in the table of the columns that come.
    positions: Vec<usize>,
    hints: Vec<Hint>,
}

/// INSERT BULK: checks all that can be checked before the data comes.
pub fn announce(run: &mut Run<'_>, statement: &InsertBulk) -> Outcome {
    let binder = Binder::new(run.session, run.frame);
    let into = match Target::find(&binder, &statement.table, "INSERT") {
        Ok(into) => into,
        Err(error) => {
            drop(binder);
            // An unknown table is said twice.
            if error.number == 208 {
                run.sink.message(&error)?;
            }
            return Err(error.into());
        }
    };
    drop(binder);
    let (_, default_collation) = run.session.current_database();
    let mut columns = Vec::with_capacity(statement.columns.len());
    let mut positions = Vec::with_capacity(statement.columns.len());
    for column in &statement.columns {
        let collation = match &column.collation {
            Some(name) => CollationId::by_name(name)?,
            None => default_collation,
        };
        // Every column is #1 to the message that knows no such type.
        let place = Place { ordinal: 1, name: &column.name, length: 1, collation };
        let declared = column.type_name.resolve(&place).map_err(unknown_in_a_load)?.sql_type;
        let Some(at) =
            into.table.columns.iter().position(|c| c.name.to_lowercase() == column.name.to_lowercase())
        else {
            // SQL Server refuses an unknown column without a word.
            run.session.last.error = 0;
            run.frame.silent = true;
            return Err(SqlError::new(207, 16, 1, format!("Invalid column name '{}'.", column.name)).into());
        };
        let known = &into.table.columns[at];
        if positions.contains(&at) {
            return Err(twice(&known.name).into());
        }
        writable(known)?;
        positions.push(at);
        columns.push(BulkColumn { name: known.name.clone(), declared, nullable: known.nullable });
    }
    let schema = into.names.table.split_once('.').map_or("dbo", |(schema, _)| schema);
    let target = BulkTarget { table: TableName::new(schema, &into.table.name), columns };
    run.session.pending_bulk = Some(PendingBulk { target, into, positions, hints: statement.hints.clone() });
    run.session.last.rowcount = 0;
    run.done(Done { command: COMMAND_OTHER, count: None, error: false })
}

/// Another request came instead of the data.
pub fn refuse_other_request(session: &mut Session, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.pending_bulk = None;
    sink.message(&SqlError::new(
        4022,
        16,
        1,
        "Bulk load data was expected but not sent. The batch will be terminated.",
    ))?;
    sink.done(Done { command: COMMAND_OTHER, count: None, error: true })
}

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
    let result = transaction::within(session, |session| Load::new(pending).run(session, rows, sink));
    session.engine.locks.release_all(session.id, Scope::Statement);
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

/// A load at work.
struct Load {
    pending: PendingBulk,
    keep_nulls: bool,
    checks: bool,
    /// Positions in the table, descending: the clustered key that ORDER has promised.
    sorted_by: Vec<(usize, bool)>,
    last_key: Option<Vec<Value>>,
}

/// What a column takes where no value comes, or NULL does.
struct Default {
    sql: String,
    /// It may differ from row to row: NEWID().
    varies: bool,
    value: Option<Stored>,
}

impl Load {
    fn new(pending: PendingBulk) -> Self {
        let keep_nulls = pending.hints.contains(&Hint::KeepNulls);
        let checks = pending.hints.contains(&Hint::CheckConstraints);
        let sorted_by = promised_order(&pending.into.table, &pending.hints);
        Self { pending, keep_nulls, checks, sorted_by, last_key: None }
    }

    fn run(&mut self, session: &mut Session, rows: &mut dyn BulkRows, sink: &mut dyn Sink) -> Outcome<u64> {
        let target = self.pending.into.clone();
        let tablock = self.pending.hints.contains(&Hint::TabLock);
        let own = (target.database, target.table.object_id);
        session.lock_table(own, lock_mode(&target.table, tablock), Scope::Transaction, sink)?;
        session.lock_range(own, Mode::IX, Scope::Statement, sink)?;
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
        let (checks, defaults) = self.prepare(session)?;
        let mut numbers = Numbers::of(session, &target, self.numbered());
        let loaded = self.chunks(session, stamp, (&checks, &defaults), &mut numbers, rows, sink);
        numbers.keep(session, &target);
        let count = loaded?;
        if count > 0 && !self.checks {
            distrust(session, &target);
        }
        if self.pending.hints.contains(&Hint::FireTriggers) {
            trigger::fire(session, target.written("INSERT", count), sink)?;
        }
        Ok(count)
    }

    /// The identity column's position, where its values are not listed.
    fn numbered(&self) -> Option<usize> {
        let table = &self.pending.into.table;
        table.columns.iter().position(|c| c.identity).filter(|at| !self.pending.positions.contains(at))
    }

    /// SQL of the checks, and each column's default.
    fn prepare(&self, session: &Session) -> Outcome<(Vec<String>, Vec<Default>)> {
        let frame = Frame::default();
        let binder = Binder::new(session, &frame);
        let target = &self.pending.into;
        let checks = if self.checks { target.checks(&binder)? } else { Vec::new() };
        let mut defaults = Vec::with_capacity(target.table.columns.len());
        for column in &target.table.columns {
            let sql = format!("SELECT {}", target.default(&binder, column)?.sql);
            let varies = sql.contains("fv(") || sql.contains("random(");
            let value = session
                .connection
                .query_row(&sql, [], |row| row.get(0))
                .map_err(|e| session.ops.explain(&e))?;
            defaults.push(Default { sql, varies, value: Some(value) });
        }
        Ok((checks, defaults))
    }

    fn chunks(
        &mut self,
        session: &mut Session,
        stamp: i64,
        (checks, defaults): (&[String], &[Default]),
        numbers: &mut Numbers,
        rows: &mut dyn BulkRows,
        sink: &mut dyn Sink,
    ) -> Outcome<u64> {
        let mut count = 0_u64;
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
            read::until_settled(session, sink, |session, _| {
                session.write(|session| self.write(session, stamp, checks, &chunk))
            })?;
            count += chunk.len() as u64;
            if !more {
                return Ok(count);
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
        defaults: &[Default],
        numbers: &mut Numbers,
    ) -> Outcome<Vec<Stored>> {
        let target = &self.pending.into;
        let table = &target.table;
        let mut row: Vec<Option<Stored>> = vec![None; table.columns.len()];
        for ((value, &at), declared) in
            incoming.drain(..).zip(&self.pending.positions).zip(&self.pending.target.columns)
        {
            let column = &table.columns[at];
            // UTF-8 from outside may be broken; all else of the column's own type fits it.
            let fits = declared.declared == column.sql_type && !column.sql_type.is_utf8();
            let value = if value == Value::Null || fits {
                value
            } else {
                fit(&value, &declared.declared, &column.sql_type)
                    .map_err(|misfit| target.misfit(misfit, column))?
            };
            row[at] = (value != Value::Null || self.keep_nulls).then(|| to_stored(value));
        }
        let mut stored = Vec::with_capacity(row.len());
        for ((value, column), default) in row.into_iter().zip(&table.columns).zip(defaults) {
            stored.push(match value {
                Some(value) => value,
                None if column.sql_type == SqlType::RowVersion => {
                    Stored::Blob(session.engine.next_row_version().to_vec())
                }
                None => default.now(session)?,
            });
        }
        numbers.give(table, &mut stored)?;
        self.hold_order(&stored)?;
        Ok(stored)
    }

    fn write(
        &self,
        session: &Session,
        stamp: i64,
        checks: &[String],
        chunk: &[Vec<Stored>],
    ) -> Result<(), Again> {
        let target = &self.pending.into;
        let pen = Pen { engine: Arc::clone(&session.engine), stamp };
        let rules = Rules { checks: self.checks, verb: "INSERT" };
        let of = (target.database, Arc::clone(&target.table));
        let partition_of = target.partitioning(session);
        let mut writer = RowWriter::new(&session.connection, pen, of, rules, (checks, partition_of))?;
        for row in chunk {
            writer.write(row).map_err(|refusal| explained(session, refusal))?;
        }
        Ok(())
    }

    /// Data that ORDER calls sorted must be so, where the clustered index is sorted that way.
    fn hold_order(&mut self, row: &[Stored]) -> Result<(), SqlError> {
        if self.sorted_by.is_empty() {
            return Ok(());
        }
        let columns = &self.pending.into.table.columns;
        let key: Vec<Value> = self
            .sorted_by
            .iter()
            .map(|(at, _)| from_stored((&row[*at]).into(), &columns[*at].sql_type).unwrap_or(Value::Null))
            .collect();
        if let Some(last) = &self.last_key {
            let mut order = Ordering::Equal;
            for ((before, now), (at, descending)) in last.iter().zip(&key).zip(&self.sorted_by) {
                let one = compare(before, now, &columns[*at].sql_type);
                order = order.then(if *descending { one.reverse() } else { one });
            }
            if order == Ordering::Greater {
                let text = |key: &[Value]| -> String {
                    let one = |(value, (at, _)): (&Value, &(usize, bool))| {
                        shown(&to_stored(value.clone()), &columns[*at].sql_type)
                    };
                    key.iter().zip(&self.sorted_by).map(one).collect::<Vec<_>>().join(", ")
                };
                return Err(SqlError::new(
                    4819,
                    16,
                    1,
                    format!(
                        "Cannot bulk load. The bulk data stream was incorrectly specified as sorted or the data violates a \
                         uniqueness constraint imposed by the target table. Sort order incorrect for the following two rows: \
                         primary key of first row: ({}), primary key of second row: ({}).",
                        text(last),
                        text(&key)
                    ),
                ));
            }
        }
        self.last_key = Some(key);
        Ok(())
    }
}

impl Default {
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

/// 2715 has a state of its own where INSERT BULK says it (server-facts.md section 3).
fn unknown_in_a_load(error: SqlError) -> SqlError {
    match error.number {
        2715 => SqlError { state: 2, ..error },
        _ => error,
    }
}

/// loading.md: a load's lock by the target's shape and TABLOCK.
fn lock_mode(table: &Table, tablock: bool) -> Mode {
    let heap = table.base_index().is_none_or(|i| i.kind == IndexKind::Heap);
    let other_indexes = table.indexes.iter().any(|i| i.index_id > 1 && !i.disabled);
    match (tablock, heap, other_indexes) {
        (false, _, _) => Mode::IX,
        (true, true, false) => Mode::BU,
        (true, true, true) => Mode::SchM,
        (true, false, _) => Mode::X,
    }
}

/// The columns of ORDER where they are the clustered key, or begin it.
fn promised_order(table: &Table, hints: &[Hint]) -> Vec<(usize, bool)> {
    let order = hints.iter().find_map(|h| if let Hint::Order(keys) = h { Some(keys) } else { None });
    let clustered = table.indexes.iter().find(|i| i.kind == IndexKind::Clustered && !i.disabled);
    let (Some(order), Some(clustered)) = (order, clustered) else { return Vec::new() };
    let mut sorted = Vec::new();
    for ((id, descending), (name, promised)) in clustered.keys.iter().zip(order) {
        let at = table.columns.iter().position(|c| c.column_id == *id);
        match at.filter(|&at| {
            table.columns[at].name.to_lowercase() == name.to_lowercase() && descending == promised
        }) {
            Some(at) => sorted.push((at, *descending)),
            // A hint for another order than the index's is passed over.
            None => return Vec::new(),
        }
    }
    sorted
}

/// Rows came in unchecked: the constraints are not to be trusted any more.
fn distrust(session: &mut Session, target: &Target) {
    let trusted = target.table.checks.iter().any(|c| !c.disabled && !c.not_trusted)
        || target.table.foreign_keys.iter().any(|k| !k.disabled && !k.not_trusted);
    if !trusted {
        return;
    }
    let engine = Arc::clone(&session.engine);
    let (database, object_id) = (target.database, target.table.object_id);
    let set = move |instance: &mut crate::engine::schema::Instance, table: Arc<Table>| {
        instance.databases.get_mut(&database).and_then(|d| d.tables.insert(object_id, table))
    };
    let mut instance = engine.instance_mut();
    let Some(table) = instance.databases.get(&database).and_then(|d| d.tables.get(&object_id)).cloned()
    else {
        return;
    };
    let mut changed = (*table).clone();
    for check in changed.checks.iter_mut().filter(|c| !c.disabled) {
        check.not_trusted = true;
    }
    for key in changed.foreign_keys.iter_mut().filter(|k| !k.disabled) {
        key.not_trusted = true;
    }
    set(&mut instance, Arc::new(changed));
    if let Some(transaction) = &mut session.transaction {
        transaction.changed_schema = true;
        transaction.on_rollback(Box::new(move |instance, _| {
            set(instance, table);
            Ok(())
        }));
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
