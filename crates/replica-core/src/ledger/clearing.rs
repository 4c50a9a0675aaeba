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
    /// A SELECT that has one row if there are any to delete, with the DELETE's parameters. Without rows nothing is locked for them.
    pub look: Option<String>,
    /// A statement that fails if what has to hold before the COMMIT does not. Its parameters are among those of the DELETE.
    pub check: Option<String>,
    /// How long whoever holds old rows is waited for.
    pub lock_wait: Duration,
}

impl Clearing {
    /// What follows the UPDATE that claims the window, which ends with a fence of the ledger's.
    ///
    /// A look that fails without an end to the batch leaves its variable as it is: there may be rows.
    pub(super) fn statements(&self, fence: &str) -> String {
        let check = self.check.as_ref().map_or_else(String::new, |check| format!("; {check}"));
        let wait = format!("SET LOCK_TIMEOUT {}", self.lock_wait.as_millis());
        let delete = format!(
            "BEGIN TRANSACTION; {}; SET @deleted = @@ROWCOUNT; {fence}{check}; COMMIT TRANSACTION",
            self.delete.sql
        );
        let deletes = match &self.look {
            None => delete,
            Some(look) => format!(
                "DECLARE @old_rows int = 1; SELECT @old_rows = COUNT(*) FROM ({look}) AS looked; \
                 SELECT @old_rows AS old_rows; IF @old_rows > 0 BEGIN {delete} END"
            ),
        };
        format!(
            "IF @@ROWCOUNT = 1 BEGIN DECLARE @deleted bigint = 0; {wait}; {deletes}; SELECT @deleted AS deleted END"
        )
    }

    /// How many results its statements have.
    pub(super) fn results(&self) -> usize {
        1 + usize::from(self.look.is_some())
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
    /// From the results behind that of the claim, of as many as there were to be. `None`: the look was refused, and nothing is
    /// deleted.
    ///
    /// # Errors
    /// A lost connection.
    pub(super) async fn of(
        session: &mut Session,
        (results, expected): (Vec<Vec<CatalogRow>>, usize),
        ended: Result<()>,
        begun: Instant,
    ) -> Result<Option<Self>> {
        if results.len() + 1 < expected && ended.is_err() {
            return Ok(None);
        }
        let deleted = results.get(expected - 1).and_then(|rows| rows.first()?.int("deleted"));
        let deleted = match (deleted.and_then(|rows| u64::try_from(rows).ok()), ended) {
            (Some(rows), Ok(())) => Ok(rows),
            (None, Ok(())) => Err(Error::protocol("a DELETE gives no number")),
            (_, Err(error)) => {
                // A relative of SQL Server may leave that to us.
                session.lane()?.rollback().await?;
                Err(error)
            }
        };
        Ok(Some(Self { deleted, took: begun.elapsed() }))
    }
}
