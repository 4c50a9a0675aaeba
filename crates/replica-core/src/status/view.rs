//! How the ledger is read while others write it.
use time::PrimitiveDateTime;

use crate::catalog::moment;
use crate::catalog::record::CatalogRow;
use crate::error::Result;
use crate::session::{Isolation, Session};

/// What keeps a reader of the ledger from waiting for a writer.
///
/// A window's `complete` is in the transaction of its last rows, which READ COMMITTED waits for. Where the database keeps
/// versions of rows there is no such wait. Where it does not, rows are read as they are, committed or not; and a `complete`
/// that is not committed is told from the others by reading once more, past all rows that are locked. That alone would
/// leave out windows and runs (Microsoft docs, "Table hints", READPAST).
pub(super) struct LedgerView {
    /// When the server was asked.
    pub asked: Option<PrimitiveDateTime>,
    /// For every table of the ledger: none, or `WITH (NOLOCK)`.
    pub hint: &'static str,
    /// For the second reading, where the first one sees what is not committed.
    pub committed: Option<&'static str>,
}

impl LedgerView {
    /// Asks what the database offers, and has the session read that way.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn choose(session: &mut Session) -> Result<Self> {
        const SQL: &str = "SELECT snapshot_isolation_state, is_read_committed_snapshot_on, \
             CONVERT(varchar(30), SYSUTCDATETIME(), 126) AS asked FROM sys.databases WHERE database_id = DB_ID()";
        session.set_isolation(Isolation::ReadCommitted).await?;
        let rows = session.query(SQL, &[]).await?;
        let row = rows.first().map(CatalogRow::from).unwrap_or_default();
        let asked = moment(&row, "asked");
        // 1 is ON; 2 and 3 are on the way to either (Microsoft docs, "sys.databases").
        if row.int("snapshot_isolation_state") == Some(1) {
            session.set_isolation(Isolation::Snapshot).await?;
            return Ok(Self { asked, hint: "", committed: None });
        }
        Ok(if row.flag("is_read_committed_snapshot_on") {
            Self { asked, hint: "", committed: None }
        } else {
            // READPAST wants READ COMMITTED for the session, so that the other readings have their hint, too.
            Self { asked, hint: "WITH (NOLOCK)", committed: Some("WITH (READPAST, READCOMMITTEDLOCK)") }
        })
    }
}
