//! Indexes around a load: which are disabled, and that exactly those come back, whatever happens in between.
//!
//! Before an index is disabled it is put on record in the [`ledger`], and that is committed; when it is
//! rebuilt, the record goes. So an index that is disabled and on record is ours to rebuild, now or after a crash;
//! one that is disabled and not on record was disabled by someone else, and stays so.
//!
//! Which ones are worth it is decided by `shape::indexes`.
//!
//! ALTER INDEX takes a schema modification lock: all of it happens outside of the transactions that load rows, and
//! waits no longer than ten seconds at a time, since whoever comes after it waits, too.
use std::time::{Duration, Instant};

use crate::catalog::record::CatalogRow;
use crate::catalog::{Table, TableName, quote};
use crate::error::{Error, Result};
use crate::ledger::{self, Run};
use crate::retry::Backoff;
use crate::session::Session;
pub use crate::shape::indexes::disposable;

/// How long readers and writers of the table may hold ALTER INDEX up, and it others.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// A table that is never free is loaded with its indexes in place. But they must come back.
const TRIES_TO_DISABLE: u32 = 3;

/// What was done, and what was not.
#[derive(Debug, Default)]
pub struct IndexChanges {
    /// Index by index, how long it took.
    pub done: Vec<(String, Duration)>,
    /// The server's refusals.
    pub refused: Vec<(String, Error)>,
}

impl IndexChanges {
    /// How long all of it took.
    pub fn took(&self) -> Duration {
        self.done.iter().map(|(_, took)| *took).sum()
    }
}

/// Disables indexes of `table` for a run, each put on record first. One that the server refuses to disable (no
/// permission, not supported, or its table too busy) is warned of and stays. Sets the session's lock timeout.
///
/// # Errors
/// A lost connection; refusals of the ledger.
pub async fn disable(
    session: &mut Session,
    run: &Run,
    table: &Table,
    indexes: &[String],
) -> Result<IndexChanges> {
    session.set_lock_timeout(LOCK_WAIT).await?;
    let mut changes = IndexChanges::default();
    for index in indexes {
        ledger::record(session, run, table.object.id, index).await?;
        match alter(session, &table.object.name, index, Alteration::Disable).await? {
            Ok(took) => changes.done.push((index.clone(), took)),
            Err(error) => {
                // Another run may have left it disabled after this one has looked at the table.
                if !is_disabled(session, table, index).await? {
                    ledger::forget(session, &table.object.name, index).await?;
                }
                log::warn!("{}: index {index} is kept up row by row: {error}", table.object.name);
                changes.refused.push((index.clone(), error));
            }
        }
    }
    Ok(changes)
}

/// Rebuilds the indexes of `table` that are on record and disabled; clears the record of those that are enabled or
/// gone. The last step of a run, and what repairs the indexes after a crash. Sets the session's lock timeout.
///
/// With a `run`, only those that no other run is rebuilding. `None` is for whoever holds the table, so that there is
/// no other run.
///
/// # Errors
/// A lost connection; refusals of the ledger. An index that the server refuses to rebuild is in the answer, and stays
/// on record.
pub async fn rebuild(session: &mut Session, table: &Table, run: Option<&Run>) -> Result<IndexChanges> {
    session.set_lock_timeout(LOCK_WAIT).await?;
    let name = &table.object.name;
    let mut changes = IndexChanges::default();
    for recorded in ledger::recorded(session, name).await? {
        let index = &recorded.name;
        if let Some(run) = run
            && !ledger::take(session, run, index).await?
        {
            log::info!("{name}: index {index} is being rebuilt by another host");
            continue;
        }
        // Asked when it is ours: the run that had it before may have rebuilt it.
        if recorded.object_id != table.object.id || !is_disabled(session, table, index).await? {
            forget(session, table, run, index).await?;
            continue;
        }
        match alter(session, name, index, Alteration::Rebuild).await? {
            Ok(took) => {
                forget(session, table, run, index).await?;
                changes.done.push((index.clone(), took));
            }
            Err(error) => {
                if let Some(run) = run {
                    ledger::give_back(session, run, index).await?;
                }
                let error = error.within(format_args!("index {index} is left disabled")).remedy(
                    "It is on record: the next run, or --repair-indexes, rebuilds it once the cause is gone",
                );
                changes.refused.push((index.clone(), error.table(name)));
            }
        }
    }
    Ok(changes)
}

async fn forget(session: &mut Session, table: &Table, run: Option<&Run>, index: &str) -> Result<()> {
    match run {
        Some(run) => ledger::forget_taken(session, run, index).await,
        None => ledger::forget(session, &table.object.name, index).await,
    }
}

enum Alteration {
    Disable,
    Rebuild,
}

/// How long it took, or why the server refuses it.
async fn alter(
    session: &mut Session,
    table: &TableName,
    index: &str,
    action: Alteration,
) -> Result<Result<Duration, Error>> {
    let (action, backoff) = match action {
        Alteration::Disable => {
            ("DISABLE", Backoff { max_retries: TRIES_TO_DISABLE - 1, ..Backoff::default() })
        }
        Alteration::Rebuild => ("REBUILD", Backoff::default()),
    };
    let sql = format!("ALTER INDEX {} ON {} {action}", quote(index), table.quoted());
    let mut retries = backoff.retries();
    loop {
        let begun = Instant::now();
        match session.execute_long(&sql).await {
            Ok(_) => return Ok(Ok(begun.elapsed())),
            Err(error) if error.server().is_none() => return Err(error),
            Err(error) if error.is_transient() && retries.another_after(&error).await => {}
            Err(error) => return Ok(Err(error)),
        }
    }
}

async fn is_disabled(session: &mut Session, table: &Table, index: &str) -> Result<bool> {
    let sql = "SELECT is_disabled AS is_disabled FROM sys.indexes WHERE object_id = @P1 AND name = @P2";
    let rows = session.query(sql, &[&table.object.id, &index]).await?;
    Ok(rows.first().is_some_and(|row| CatalogRow::from(row).flag("is_disabled")))
}
