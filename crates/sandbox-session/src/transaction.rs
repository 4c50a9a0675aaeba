//! Begin, commit, roll back: of statements that stand alone, and of transactions that the client asks for.
use crate::api::{EnvChange, Sink};
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use sandbox_catalog::{persist, store};
use sandbox_transactions::locks::{LockMode, LockScope, Resource};
use sandbox_transactions::{Leftover, Transaction, purge};
use sandbox_values::error::SqlError;
use std::sync::Arc;

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
    session.lock(resource, LockMode::X, LockScope::Transaction, &|| false)
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
        Ok(leftovers) => {
            engine.transactions.altered(std::mem::take(&mut transaction.altered));
            engine.transactions.committed(transaction.id, leftovers);
            engine.row_versions.ended(transaction.id);
        }
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
    let (leftovers, _held) = session.write_gated(|session| {
        let mut instance = engine.instance_mut();
        let leftovers = transaction.finish(keep_versions, &mut instance, &session.connection)?;
        // The whole catalog is written, at a cost that grows with its tables: only where another engine will read it.
        if transaction.changed_schema && !engine.is_temporary() {
            persist::save(&session.connection, &instance)?;
        }
        store::forget_unfinished(&session.connection, transaction.id)?;
        Ok::<_, Failure>((leftovers, instance))
    })?;
    Ok(leftovers)
}

/// Rolls everything back, whatever the nesting.
pub fn rollback_all(session: &mut Session) -> Outcome {
    let Some(mut transaction) = session.transaction.take() else { return Ok(()) };
    let undone = undo(session, &mut transaction, 0);
    session.engine.transactions.rolled_back(transaction.id);
    session.engine.row_versions.ended(transaction.id);
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
    let _held = session.write(|session| {
        let mut instance = engine.instance_mut();
        transaction.undo_after(keep, &mut instance, &session.connection)?;
        if keep == 0 {
            store::forget_unfinished(&session.connection, transaction.id)?;
        }
        Ok::<_, Failure>(instance)
    })?;
    Ok(())
}

fn close(session: &mut Session, transaction: Transaction) -> Outcome {
    let due = transaction.snapshot.map(|s| session.engine.transactions.close_snapshot(s));
    session.engine.locks.release_all(session.id, LockScope::Transaction);
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

/// BEGIN TRAN: a new transaction, or one level more.
pub fn open(session: &mut Session, name: &str, sink: &mut dyn Sink) -> Outcome {
    match &mut session.transaction {
        Some(transaction) => transaction.depth += 1,
        None => {
            begin(session, 1)?;
            if let Some(transaction) = session.transaction.as_mut().filter(|_| !name.is_empty()) {
                transaction.name = Some(name.to_owned());
            }
            sink.env(EnvChange::BeginTran { descriptor: session.transaction_descriptor() })?;
        }
    }
    Ok(())
}

/// COMMIT: one level less; the outermost makes it last.
///
/// # Errors
/// 3902 without a transaction.
pub fn commit_level(session: &mut Session, sink: &mut dyn Sink) -> Outcome {
    match &mut session.transaction {
        None => Err(SqlError::new(
            3902,
            16,
            1,
            "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.",
        )
        .into()),
        Some(transaction) if transaction.doomed => Err(doomed_error().into()),
        Some(transaction) if transaction.depth > 1 => {
            transaction.depth -= 1;
            Ok(())
        }
        Some(_) => {
            let descriptor = session.transaction_descriptor();
            commit(session)?;
            Ok(sink.env(EnvChange::Commit { descriptor })?)
        }
    }
}

/// ROLLBACK: everything, or to a savepoint. The name of the outermost transaction means everything.
///
/// # Errors
/// 3903 without a transaction, 6401 for an unknown name.
pub fn roll_back(session: &mut Session, name: &str, sink: &mut dyn Sink) -> Outcome {
    let Some(transaction) = &session.transaction else {
        return Err(SqlError::new(
            3903,
            16,
            1,
            "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.",
        )
        .into());
    };
    if let Some(savepoint) = transaction.savepoint(name) {
        if transaction.doomed {
            return Err(doomed_error().into());
        }
        return undo_after(session, savepoint);
    }
    if !name.is_empty() && transaction.name.as_deref() != Some(name) {
        let text = format!("Cannot roll back {name}. No transaction or savepoint of that name was found.");
        return Err(SqlError::new(6401, 16, 1, text).into());
    }
    let descriptor = session.transaction_descriptor();
    rollback_all(session)?;
    Ok(sink.env(EnvChange::Rollback { descriptor })?)
}

/// # Errors
/// 628 without a transaction.
pub fn save(session: &mut Session, name: &str) -> Outcome {
    match &mut session.transaction {
        Some(transaction) => {
            transaction.save(name);
            Ok(())
        }
        None => Err(SqlError::new(
            628,
            16,
            0,
            "Cannot issue SAVE TRANSACTION when there is no active transaction.",
        )
        .into()),
    }
}

/// 3930.
pub fn doomed_error() -> SqlError {
    SqlError::new(
        3930,
        16,
        1,
        "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back \
         the transaction.",
    )
}
