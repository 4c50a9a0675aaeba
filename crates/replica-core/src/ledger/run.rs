//! A run, and how it ends.
use std::time::Duration;

use super::{ask, change, lost, milliseconds, names, shortened, signed};
use crate::catalog::TableName;
use crate::error::Result;
use crate::session::applock;
use crate::session::{Session, ToSql};

/// A run on one table, as it is on record. Clones are the same run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The run's number in the ledger.
    pub id: i64,
    /// The run that began the set of windows: this one, or the one that it has joined.
    pub batch: i64,
    /// The target's, which the run holds.
    pub table: TableName,
    /// Its windows are ranges of a key.
    pub(super) by_key: bool,
    /// The application lock under which it begins.
    pub(super) lock: String,
    pub(super) lease: Duration,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// `ok`, `failed`, `interrupted`, `terminated`.
    pub outcome: &'static str,
    /// Windows that it loaded.
    pub windows_done: u64,
    /// Windows that it gave up.
    pub windows_failed: u64,
    /// Windows that it left as they were.
    pub windows_skipped: u64,
    /// Loaded, in all windows.
    pub rows: u64,
    /// Of these rows, as the bulk loads had them.
    pub bytes: u64,
    /// Attempts after the first, of all windows.
    pub retries: u64,
    /// How long indexes took to be disabled.
    pub disabling: Duration,
    /// How long indexes took to be rebuilt.
    pub rebuilding: Duration,
    /// What ended it before its time.
    pub error: Option<String>,
}

impl Run {
    /// Lets other hosts begin: the indexes are as the loads want them. On the session that began.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn started(&self, session: &mut Session) -> Result<()> {
        applock::release(session, &self.lock).await
    }

    /// The run copies no more. Is it the last one out, who rebuilds the indexes? Yes, if every window has come to an
    /// end, or if no other host is left that could. Two who leave at once are both told yes; each index is rebuilt by
    /// the one that takes it (see [`take`](super::take)).
    ///
    /// # Errors
    /// The server's; of kind [`Busy`](crate::error::Kind::Busy) when another run has taken this one for dead.
    pub async fn leave(&self, session: &mut Session) -> Result<bool> {
        let sql = "UPDATE replica.runs SET phase = 'finishing' OUTPUT inserted.run_id \
                   WHERE runs.run_id = @P1 AND runs.ended IS NULL";
        if !change(session, sql, &[&self.id]).await? {
            return Err(lost("the run"));
        }
        let sql = "SELECT (SELECT COUNT(*) FROM replica.windows WHERE schema_name = @P1 AND table_name = @P2 \
                   AND batch_id = @P3 AND state IN ('pending', 'loading')) AS windows, \
                   (SELECT COUNT(*) FROM replica.runs WHERE batch_id = @P3 AND run_id <> @P4 \
                   AND phase = 'copying' AND lease_until > SYSUTCDATETIME()) AS runs";
        let (schema, table) = names(&self.table);
        let left = ask(session, sql, &[&schema, &table, &self.batch, &self.id]).await?;
        Ok(left.first().is_some_and(|left| left.int("windows") == Some(0) || left.int("runs") == Some(0)))
    }

    /// The run's last word.
    ///
    /// # Errors
    /// The server's.
    pub async fn end(&self, session: &mut Session, ended: &Ended) -> Result<()> {
        let sql = "UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = @P2, \
                   windows_done = @P3, windows_failed = @P4, windows_skipped = @P5, row_count = @P6, \
                   byte_count = @P7, retries = @P8, disable_ms = @P9, rebuild_ms = @P10, error = NULLIF(@P11, N'') \
                   OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL";
        // tiberius sends NULL in a type that servers do not know as a parameter's.
        let error = ended.error.as_deref().map(shortened).unwrap_or_default();
        let params: [&dyn ToSql; 11] = [
            &self.id,
            &ended.outcome,
            &signed(ended.windows_done),
            &signed(ended.windows_failed),
            &signed(ended.windows_skipped),
            &signed(ended.rows),
            &signed(ended.bytes),
            &signed(ended.retries),
            &milliseconds(ended.disabling),
            &milliseconds(ended.rebuilding),
            &error,
        ];
        change(session, sql, &params).await.map(drop)
    }
}
