//! Old rows of a window that go in the request that claims it.
//!
//! It is two transactions all the same: the claim is committed before the first row goes, and the DELETE ends with the look
//! whether the window is still this claim's.
use std::time::{Duration, Instant};

use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tds::rpc::Query;

/// What deletes them.
#[derive(Clone, Debug)]
pub(crate) struct Clearing {
    pub delete: Query,
    /// A statement that fails if what has to hold before the COMMIT does not. Its parameters are among those of the DELETE.
    pub check: Option<String>,
    /// How long whoever holds old rows is waited for.
    pub lock_wait: Duration,
}

impl Clearing {
    /// What follows the UPDATE that claims the window, which ends with a fence of the ledger's.
    pub(super) fn statements(&self, fence: &str) -> String {
        let check = self.check.as_ref().map_or_else(String::new, |check| format!("; {check}"));
        format!(
            "IF @@ROWCOUNT = 1 BEGIN DECLARE @deleted bigint; SET LOCK_TIMEOUT {}; BEGIN TRANSACTION; {}; \
             SET @deleted = @@ROWCOUNT; {fence}{check}; COMMIT TRANSACTION; SELECT @deleted AS deleted END",
            self.lock_wait.as_millis(),
            self.delete.sql
        )
    }
}

/// What became of it.
#[derive(Clone, Debug)]
pub(crate) struct Cleared {
    /// How many rows are deleted, or why none are: a failure of the window's, which is claimed.
    pub deleted: Result<u64>,
    /// How long that took, with the claim.
    pub took: Duration,
}

impl Cleared {
    /// # Errors
    /// A lost connection.
    pub(super) async fn of(
        session: &mut Session,
        deleted: Option<Vec<CatalogRow>>,
        ended: Result<()>,
        begun: Instant,
    ) -> Result<Self> {
        let deleted = deleted.and_then(|rows| rows.first()?.int("deleted"));
        let deleted = match (deleted.and_then(|rows| u64::try_from(rows).ok()), ended) {
            (Some(rows), Ok(())) => Ok(rows),
            (None, Ok(())) => Err(Error::protocol("a DELETE gives no number")),
            (_, Err(error)) => {
                // A relative of SQL Server may leave that to us.
                session.lane()?.rollback().await?;
                Err(error)
            }
        };
        Ok(Self { deleted, took: begun.elapsed() })
    }
}
