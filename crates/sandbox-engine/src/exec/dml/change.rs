//! UPDATE and DELETE: the old versions of rows are stamped as deleted, new ones are inserted.
use super::changed::{BoundChange, RowChange, bind, changes_keys};
use super::children::Child;
use super::insert::{explained, target_unchanged};
use super::output::{Output, Returned};
use super::{Escalation, Target, announce, stored_row, table_lock};
use crate::exec::Run;
use crate::exec::row::{Conditions, Pen, Rules, TableWriter, Tracker, blocked};
use crate::exec::trigger::{self, Instead};
use rusqlite::types::Value as Stored;
use sandbox_catalog::store::table_name;
use sandbox_query::bind::{Binder, Needs};
use sandbox_query::read::{self, Again, Reading};
use sandbox_session::Session;
use sandbox_session::api::{Done, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_session::names::TEMPDB;
use sandbox_session::options::Isolation;
use sandbox_session::sandbox::FaultKind;
use sandbox_session::transaction;
use sandbox_sql::parse;
use sandbox_transactions::locks::{LockMode, LockScope};
use sandbox_transactions::{Conflict, Fate, transaction_of};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use std::collections::HashSet;
use std::sync::Arc;

/// CurCmd (docs/WIRE.md, "DONE").
const DELETE: u16 = 196;
const UPDATE: u16 = 197;

impl Run<'_> {
    pub fn update(&mut self, update: &parse::Update) -> Outcome {
        self.change(&RowChange {
            with: &update.with,
            top: update.top.as_ref(),
            target: &update.target,
            set: &update.set,
            output: update.output.as_ref(),
            from: &update.from,
            filter: update.filter.as_ref(),
            deletes: false,
        })
    }

    pub fn delete(&mut self, delete: &parse::Delete) -> Outcome {
        self.change(&RowChange {
            with: &delete.with,
            top: delete.top.as_ref(),
            target: &delete.target,
            set: &[],
            output: delete.output.as_ref(),
            from: &delete.from,
            filter: delete.filter.as_ref(),
            deletes: true,
        })
    }

    fn change(&mut self, change: &RowChange<'_>) -> Outcome {
        let frame = &*self.frame;
        let sink = &mut *self.sink;
        let (count, returned) = transaction::within(self.session, |session| {
            read::until_settled(session, sink, |session, sink| attempt(session, frame, change, sink))
        })?;
        if let Some(returned) = returned {
            returned.send(self.sink)?;
        }
        self.session.last.rowcount = count;
        let command = if change.deletes { DELETE } else { UPDATE };
        self.done(Done { command, count: Some(count), error: false })
    }
}

fn attempt(
    session: &mut Session,
    frame: &Frame,
    change: &RowChange<'_>,
    sink: &mut dyn Sink,
) -> Result<(u64, Option<Returned>), Again> {
    let binder = Binder::new(session, frame);
    let common = binder.push_common_tables(change.with);
    let bound = bind(&binder, change);
    binder.pop_common_tables(common);
    let needs = binder.finish();
    let result = bound.and_then(|bound| {
        let own = (bound.target.database, bound.target.table.object_id);
        session.lock_table(own, table_lock(&change.target.hints), LockScope::Transaction, sink)?;
        if change.deletes {
            read::must_not_refuse(session, FaultKind::RefuseDelete, (own.0, &bound.target.table))?;
        }
        if changes_keys(change, &bound.target) {
            session.lock_range(own, LockMode::IX, LockScope::Statement, sink)?;
        }
        read::lock_tables(session, &needs, sink)?;
        target_unchanged(session, &bound.target)?;
        for child in &bound.children {
            child.lock(session, &bound.target, change.deletes, sink)?;
        }
        // A key that was switched on while a lock was waited for asks for values that were not bound.
        if !Child::same(&bound.children, &Child::of(session, &bound.target)) {
            return Err(Again::Changed);
        }
        let target = bound.target.clone();
        let event = if change.deletes { "DELETE" } else { "UPDATE" };
        if let Some(instead) = Instead::of(session, &target.table, event) {
            let instead = Instead::begin(session, &target.table, instead)?;
            let count = session.write(|session| hand_over(session, bound, &instead, &needs, sink))?;
            instead.run(session, count, sink)?;
            return Ok((count, None));
        }
        let done = session.write(|session| write(session, bound, &needs, sink))?;
        trigger::fire(session, target.written(event, done.0), sink)?;
        let returned = done.1.map(|returned| returned.stored(session, frame, sink)).transpose()?;
        Ok((done.0, returned.flatten()))
    });
    read::give_back_tables(session, &needs)?;
    result
}

/// A row that changes.
struct Old {
    storage: i64,
    rowid: i64,
    values: Vec<Stored>,
    new: Vec<Stored>,
}

fn write(
    session: &mut Session,
    bound: BoundChange,
    needs: &Needs,
    sink: &mut dyn Sink,
) -> Result<(u64, Option<Returned>), Again> {
    let deletes = bound.deletes;
    let stamp = announce(session, &bound.target, true)?;
    let view = read::changing_view(session);
    let reading = Reading::begin(session, &needs.tables, view)?;
    let rows = old_rows(session, &reading, &bound, needs, sink);
    reading.end(session)?;
    let rows = rows?;
    let mut escalation = Escalation::of(&bound.target);
    for row in &rows {
        mark(session, &bound.target, row, stamp)?;
        escalation.locked(session, &bound.target, 1);
    }
    let BoundChange { target, conditions, partition_of, output, children, updated, .. } = bound;
    let mut returned = output.as_ref().map(Output::returned);
    if !deletes {
        let pen = Pen::of(session, stamp);
        let rules = Rules { checks: true, verb: "UPDATE" };
        let of = (target.database, Arc::clone(&target.table));
        let mut writer = TableWriter::new(&session.connection, pen, of, rules, (&conditions, partition_of))?;
        for row in &rows {
            writer.write(&row.new).map_err(|refusal| explained(session, refusal))?;
        }
        writer.finish().map_err(|refusal| explained(session, refusal))?;
    }
    if let Some(mut tracker) = Tracker::of(&session.connection, &Pen::of(session, stamp), &target.table)? {
        if deletes {
            rows.iter().try_for_each(|row| tracker.deleted(&row.values))?;
        } else {
            tracker.updated(rows.iter().map(|row| (row.values.as_slice(), row.new.as_slice())), &updated)?;
        }
    }
    for row in &rows {
        for child in &children {
            if deletes || child.values(&row.values) != child.values(&row.new) {
                let new = (!deletes).then_some(row.new.as_slice());
                child.hold(session, (&target, stamp), &row.values, new)?;
            }
        }
        if let (Some(output), Some(returned)) = (&output, &mut returned) {
            // The deleted values come after a table's width of inserted ones, which a DELETE has none of.
            let nothing = vec![Stored::Null; target.table.columns.len()];
            let inserted = if deletes { &nothing } else { &row.new };
            output
                .keep(&session.connection, inserted, &row.values, returned)
                .map_err(|e| session.ops.explain(&e))?;
        }
    }
    Ok((rows.len() as u64, returned))
}

/// Puts the rows that would change, and what they would become, where an INSTEAD OF trigger finds them.
fn hand_over(
    session: &mut Session,
    bound: BoundChange,
    instead: &Instead,
    needs: &Needs,
    sink: &mut dyn Sink,
) -> Result<u64, Again> {
    let deletes = bound.deletes;
    let inserted = bound.target.at(TEMPDB, Arc::clone(&instead.inserted));
    let deleted = bound.target.at(TEMPDB, Arc::clone(&instead.deleted));
    let stamp = announce(session, &deleted, false)?;
    announce(session, &inserted, false)?;
    let reading = Reading::begin(session, &needs.tables, read::changing_view(session))?;
    let rows = old_rows(session, &reading, &bound, needs, sink);
    reading.end(session)?;
    let rows = rows?;
    let (rules, nothing) = (Rules { checks: false, verb: "INSERT" }, Conditions::default());
    for target in [&deleted, &inserted] {
        let pen = Pen::of(session, stamp);
        let of = (target.database, Arc::clone(&target.table));
        let mut writer = TableWriter::new(&session.connection, pen, of, rules, (&nothing, Box::new(|_| 0)))?;
        let old = Arc::ptr_eq(&target.table, &deleted.table);
        for row in rows.iter().filter(|_| old || !deletes) {
            writer.write(if old { &row.values } else { &row.new })?;
        }
    }
    Ok(rows.len() as u64)
}

fn old_rows(
    session: &Session,
    reading: &Reading,
    bound: &BoundChange,
    needs: &Needs,
    sink: &mut dyn Sink,
) -> Result<Vec<Old>, Again> {
    let (width, deletes) = (bound.width, bound.deletes);
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    read::rows(session, reading, &bound.sql, needs, sink, &mut |row, _| {
        let (storage, rowid) = (row.get(0)?, row.get(1)?);
        // A join may meet a row more than once; it changes once.
        if known.insert((storage, rowid)) {
            let values = stored_row(row, 2, width)?;
            let mut new = if deletes { Vec::new() } else { stored_row(row, 2 + width, width)? };
            let allowed: Option<i64> = row.get(2 + width + new.len())?;
            if allowed != Some(1) {
                return Err(blocked(&bound.target.names).into());
            }
            for (column, value) in bound.target.table.columns.iter().zip(&mut new) {
                if column.sql_type == SqlType::RowVersion {
                    *value = Stored::Blob(session.next_row_version(bound.target.database).to_vec());
                }
            }
            found.push(Old { storage, rowid, values, new });
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Stamps a row as deleted, if no one else has.
fn mark(session: &Session, target: &Target, row: &Old, stamp: i64) -> Result<(), Again> {
    let table = table_name(row.storage);
    let marked = session
        .connection
        .prepare_cached(&format!("UPDATE {table} SET _del = ?1 WHERE rowid = ?2 AND _del IS NULL"))?
        .execute([stamp, row.rowid])?;
    if marked == 1 {
        return Ok(());
    }
    let other: Option<i64> = session
        .connection
        .prepare_cached(&format!("SELECT _del FROM {table} WHERE rowid = ?1"))?
        .query_row([row.rowid], |r| r.get(0))
        .unwrap_or(None);
    let other = other.map(transaction_of);
    if let Some(other) = other.filter(|o| session.engine.transactions.fate(*o, u64::MAX) == Fate::Active) {
        return Err(Again::Conflict(Conflict(other)));
    }
    if session.options.isolation == Isolation::Snapshot {
        return Err(SqlError::new(
            3960,
            16,
            2,
            format!(
                "Snapshot isolation transaction aborted due to update conflict. You cannot use snapshot isolation to access \
                 table '{}' directly or indirectly in database '{}' to update, delete, or insert the row that has been \
                 modified or deleted by another transaction. Retry the transaction or change the isolation level for the \
                 update/delete statement.",
                target.names.table, target.names.database
            ),
        )
        .into());
    }
    Err(Again::Changed)
}
