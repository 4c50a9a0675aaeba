//! Triggers: the body runs once for the statement, with the rows it wrote as `inserted` and `deleted`; or, INSTEAD OF
//! it, with the rows that it would have written.
use super::Run;
use sandbox_catalog::schema::{Column, Index, Table, Trigger};
use sandbox_catalog::store;
use sandbox_ddl::{indexed_view, validate};
use sandbox_session::api::Sink;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::frame::Frame;
use sandbox_session::names::TEMPDB;
use sandbox_session::session::{Firing, Session};
use sandbox_values::error::SqlError;
use std::sync::Arc;

/// SQL Server's own limit (Microsoft docs, "Create nested triggers").
const DEEPEST: usize = 32;

/// What a statement did to which table.
#[derive(Clone, Copy, Debug)]
pub struct WrittenRows {
    pub database: i16,
    pub object_id: i32,
    /// INSERT, UPDATE or DELETE.
    pub event: &'static str,
    pub rows: u64,
}

/// Fires the table's enabled triggers for what the open transaction's last statement wrote there.
///
/// # Errors
/// Those of a trigger's body, which take the statement back with them; 3609 where it ends the transaction, 217.
pub fn fire(session: &mut Session, written: WrittenRows, sink: &mut dyn Sink) -> Outcome {
    let table = {
        let instance = session.engine.instance();
        let found = instance.databases.get(&written.database).and_then(|d| d.tables.get(&written.object_id));
        found.cloned()
    };
    let Some(table) = table else { return Ok(()) };
    hold_views(session, written)?;
    let due = table.triggers.iter().filter(|t| !t.instead_of && concerns(t, written.event));
    let due: Vec<Trigger> = due.cloned().collect();
    let Some((transaction, stamp)) = session.transaction.as_ref().and_then(|t| Some((t.id, t.last_stamp()?)))
    else {
        return Ok(());
    };
    for trigger in due {
        let firing = change(session, |change| {
            Ok(Firing {
                inserted: pseudo_table(change, &table, "inserted", &format!("_ins = {stamp}"))?.object_id,
                deleted: pseudo_table(change, &table, "deleted", &format!("_del = {stamp}"))?.object_id,
                trigger: trigger.object_id,
            })
        })?;
        body(session, &trigger, firing, written.rows, sink)?;
        if session.transaction.as_ref().is_none_or(|t| t.id != transaction) {
            let text = "The transaction ended in the trigger. The batch has been aborted.";
            return Err(SqlError::new(3609, 16, 1, text).into());
        }
        forget(session, firing)?;
    }
    Ok(())
}

/// The unique indexes of views over a table that was written to.
///
/// # Errors
/// 2601, in the words of CREATE INDEX.
pub fn hold_views(session: &mut Session, written: WrittenRows) -> Outcome {
    let questions = indexed_view::questions(session, written.database, written.object_id);
    questions.into_iter().try_for_each(|question| validate::hold(session, question))
}

fn concerns(trigger: &Trigger, event: &str) -> bool {
    !trigger.disabled && trigger.events.iter().any(|e| e == event)
}

/// Runs a trigger's body over its pseudo tables.
fn body(session: &mut Session, trigger: &Trigger, firing: Firing, rows: u64, sink: &mut dyn Sink) -> Outcome {
    if session.firing.len() >= DEEPEST {
        let text = "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).";
        return Err(SqlError::new(217, 16, 1, text).into());
    }
    session.firing.push(firing);
    session.last.rowcount = rows;
    let ended = run(session, &trigger.body, sink);
    session.firing.pop();
    ended.map_err(|failure| in_procedure(failure, &trigger.name))
}

/// Drops the pseudo tables.
fn forget(session: &mut Session, firing: Firing) -> Outcome {
    change(session, |change| {
        for id in [firing.inserted, firing.deleted] {
            let gone = change.table(TEMPDB, id)?;
            change.put_table(TEMPDB, id, None);
            change.retire_storage(gone.storage);
        }
        Ok(())
    })
}

/// What runs in a statement's stead, with the tables that take what it would have written.
pub struct Instead {
    trigger: Trigger,
    firing: Firing,
    pub inserted: Arc<Table>,
    pub deleted: Arc<Table>,
}

impl Instead {
    /// The enabled INSTEAD OF trigger of the event. Not from inside itself: there the statement does what it says
    /// (Microsoft docs, CREATE TRIGGER, "INSTEAD OF").
    pub fn of(session: &Session, table: &Table, event: &str) -> Option<Trigger> {
        let inside = |t: &Trigger| session.firing.iter().any(|firing| firing.trigger == t.object_id);
        table.triggers.iter().find(|t| t.instead_of && concerns(t, event) && !inside(t)).cloned()
    }

    /// Makes the pseudo tables, empty. They take NULL everywhere.
    ///
    /// # Errors
    /// As statements have too many.
    pub fn begin(session: &mut Session, table: &Table, trigger: Trigger) -> Outcome<Self> {
        // They are part of the statement, to be taken back with it.
        if let Some(transaction) = session.transaction.as_mut() {
            transaction.next_stamp()?;
        }
        change(session, |change| {
            let inserted = pseudo_table(change, table, "inserted", "0")?;
            let deleted = pseudo_table(change, table, "deleted", "0")?;
            let firing = Firing {
                inserted: inserted.object_id,
                deleted: deleted.object_id,
                trigger: trigger.object_id,
            };
            Ok(Self { trigger, firing, inserted: Arc::new(inserted), deleted: Arc::new(deleted) })
        })
    }

    /// Runs the body.
    ///
    /// # Errors
    /// The body's.
    pub fn run(self, session: &mut Session, rows: u64, sink: &mut dyn Sink) -> Outcome {
        let transaction = session.transaction.as_ref().map(|t| t.id);
        body(session, &self.trigger, self.firing, rows, sink)?;
        if session.transaction.as_ref().map(|t| t.id) != transaction {
            let text = "The transaction ended in the trigger. The batch has been aborted.";
            return Err(SqlError::new(3609, 16, 1, text).into());
        }
        forget(session, self.firing)
    }
}

/// Inside, an error goes up to the statement that fired, whose work it ends.
fn run(session: &mut Session, body: &str, sink: &mut dyn Sink) -> Outcome {
    let mut frame = Frame::with(&[], session.firing.len() as u32);
    frame.in_try = true;
    Run { session, frame: &mut frame, sink }.text(body).map(drop)
}

fn in_procedure(failure: Failure, name: &str) -> Failure {
    match failure {
        Failure::Error(error) if error.procedure.is_empty() => {
            Failure::Error(SqlError { procedure: name.to_owned(), ..error })
        }
        other => other,
    }
}

/// A temporary table with those of the table's rows that a condition on their stamps picks.
fn pseudo_table(change: &mut Change<'_>, table: &Table, name: &str, condition: &str) -> Outcome<Table> {
    let object_id = change.database(TEMPDB)?.next_object_id();
    let heap = table.indexes.iter().find(|i| i.index_id <= 1).cloned();
    let heap = heap.map(|i| Index { index_id: 0, keys: Vec::new(), unique: false, disabled: false, ..i });
    let storage = change.new_storages(1)?;
    let pseudo = Table {
        object_id,
        name: name.to_owned(),
        // No session's own: the name is found through the trigger that runs.
        owner_session: Some(0),
        indexes: heap.into_iter().collect(),
        foreign_keys: Vec::new(),
        statistics: Vec::new(),
        checks: Vec::new(),
        triggers: Vec::new(),
        identity: None,
        partitioned_on: None,
        memory_optimized: None,
        special: None,
        change_tracking: None,
        storage,
        columns: table.columns.iter().map(|c| Column { nullable: true, ..c.clone() }).collect(),
        ..table.clone()
    };
    change.create_storage(&pseudo)?;
    let columns: Vec<String> = table.columns.iter().map(|c| store::column_name(c.column_id)).collect();
    let columns = columns.join(", ");
    for (from, to) in table.storage.iter().flat_map(|from| pseudo.storage.iter().map(move |to| (from, to))) {
        change.connection.execute_batch(&format!(
            "INSERT INTO {} (_ins, {columns}) SELECT {}, {columns} FROM {} WHERE {condition}",
            store::table_name(*to),
            change.transaction.last_stamp().unwrap_or_default(),
            store::table_name(*from)
        ))?;
    }
    change.put_table(TEMPDB, object_id, Some(pseudo.clone()));
    Ok(pseudo)
}
