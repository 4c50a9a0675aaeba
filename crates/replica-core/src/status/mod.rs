//! What runs on a target now, what ended and how, and how fresh its tables are: of the ledger, and of the server's views.
//!
//! Nothing is written, and no load waits for it: no transaction is opened and no application lock taken.
//!
//! | what is asked | how, so that it neither blocks nor waits |
//! |---|---|
//! | the ledger | by names alone, under the isolation that [`LedgerView`] chooses |
//! | who blocks whom | the server's views of sessions and requests, which lock no table |
//! | rows of the tables now | the catalog, which a load under way may hold: without a wait, see [`rows`] |
mod blocked;
mod ledger;
mod pace;
mod rows;
mod view;

use std::time::Duration;

use time::PrimitiveDateTime;

use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::Result;
use crate::session::{Isolation, Session};
use crate::window::Window;

pub use blocked::BlockedSession;
pub use pace::Pace;
pub use rows::RowsNow;
use view::LedgerView;

/// The application lock that run-replica-etl holds in the target's database from its first table to its last.
pub const ETL_LOCK: &str = "replica run";

/// Somebody may be at work on the ledger's own tables, for as long as a statement takes.
const LEDGER_WAIT: Duration = Duration::from_secs(2);

/// How a target stands. Times are by the target's clock, in UTC.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// When it was asked; `None` where the server did not say.
    pub asked: Option<PrimitiveDateTime>,
    /// Without a ledger no tool with a record has run here.
    pub has_ledger: bool,
    /// Runs that have not ended, the newest first.
    pub runs: Vec<UnendedRun>,
    /// Every table that is on record, by name.
    pub tables: Vec<TableStatus>,
    /// The last run over many tables that has ended, of each tool that has such runs on record, by the tool's name.
    pub over_many: Vec<EndedRun>,
    /// Tables whose changes are carried over, by name.
    pub versions: Vec<KeptVersion>,
    /// Whether an ETL run holds the target; `None`: the server does not say.
    pub etl_at_work: Option<bool>,
    /// Indexes on record as disabled by the tools.
    pub indexes: Vec<DisabledIndex>,
    /// Sessions of the runs that wait for others.
    pub blocked: Vec<BlockedSession>,
    /// What could not be learnt, and the right that it needs.
    pub notes: Vec<String>,
}

/// A run that has not ended.
#[derive(Clone, Debug)]
pub struct UnendedRun {
    /// The run's number in the ledger.
    pub id: i64,
    /// The run that began its windows; 0: it has none.
    pub batch: i64,
    /// The program, by its name.
    pub tool: String,
    /// The target's; `None`: a run over many tables, each with a row of its own.
    pub table: Option<TableName>,
    /// Of the table when the run began.
    pub object_id: i64,
    /// The machine that it runs on.
    pub host: String,
    /// Its process there.
    pub pid: i64,
    /// As the server knows the program.
    pub program: String,
    /// As docs/LEDGER.md names the phases.
    pub phase: String,
    /// When it began.
    pub started: Option<PrimitiveDateTime>,
    /// Since then.
    pub age: Duration,
    /// Its lease is not over. Otherwise it has died, or cannot reach the server.
    pub is_alive: bool,
    /// For how long the lease has been over.
    pub silent: Duration,
    /// Loaded so far, as far as the ledger knows.
    pub rows: u64,
    /// What all is expected to be: of the windows at the source; of a whole table what the last run has loaded.
    pub estimated_rows: Option<u64>,
    /// Of its batch.
    pub windows: WindowCounts,
    /// How fast it goes, and how long it will take.
    pub pace: Pace,
    /// The windows that its batch loads now, the longest first.
    pub loading: Vec<LoadingWindow>,
}

/// Windows by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WindowCounts {
    /// Loaded and committed.
    pub complete: u64,
    /// In the transaction of the last rows, which is about to commit.
    pub committing: u64,
    /// In the hands of a worker, or of a run that has died.
    pub loading: u64,
    /// To be loaded.
    pub pending: u64,
    /// Given up.
    pub failed: u64,
}

impl WindowCounts {
    /// In whatever state.
    pub fn all(&self) -> u64 {
        let Self { complete, committing, loading, pending, failed } = self;
        complete + committing + loading + pending + failed
    }
}

/// A window that is loaded now, or that a run has died over.
#[derive(Clone, Debug)]
pub struct LoadingWindow {
    /// Which days.
    pub window: Window,
    /// Since when.
    pub age: Duration,
    /// The first included.
    pub attempts: u64,
    /// At the source.
    pub estimated_rows: u64,
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct EndedRun {
    /// The run's number in the ledger.
    pub id: i64,
    /// The program, by its name.
    pub tool: String,
    /// The machine that it ran on.
    pub host: String,
    /// When.
    pub ended: Option<PrimitiveDateTime>,
    /// Since then.
    pub age: Duration,
    /// `ok`, `failed`, `interrupted`, `terminated`, `crashed`.
    pub outcome: String,
    /// Loaded by it.
    pub rows: u64,
    /// The first thing that went wrong.
    pub error: Option<String>,
}

impl EndedRun {
    /// All went well.
    pub fn is_ok(&self) -> bool {
        self.outcome == "ok"
    }

    /// Something went wrong; nobody has stopped it.
    pub fn has_failed(&self) -> bool {
        self.outcome == "failed"
    }
}

/// A table that is on record.
#[derive(Clone, Debug)]
pub struct TableStatus {
    /// The target's.
    pub table: TableName,
    /// The last run that has ended.
    pub last: Option<EndedRun>,
    /// The last one that went well.
    pub last_success: Option<EndedRun>,
    /// All windows on record.
    pub windows: WindowCounts,
    /// Windows that were given up, and why; the first of them.
    pub failed: Vec<(Window, String)>,
    /// What the catalog says that it has.
    pub rows: RowsNow,
}

impl TableStatus {
    /// Windows of it were given up, or its last run failed.
    pub fn needs_a_look(&self) -> bool {
        self.windows.failed > 0 || self.last.as_ref().is_some_and(EndedRun::has_failed)
    }
}

/// How far a table is whose changes are carried over.
#[derive(Clone, Debug)]
pub struct KeptVersion {
    /// The target's.
    pub table: TableName,
    /// How its changes are found.
    pub method: String,
    /// All of the source's changes up to it are in the target.
    pub version: i64,
    /// When that version was the source's, by the source's clock in UTC.
    pub as_of: Option<PrimitiveDateTime>,
    /// How long ago that is by the target's clock.
    pub lag: Duration,
    /// The machine that it was written from.
    pub host: String,
    /// The process there.
    pub pid: i64,
}

/// An index that the tools have disabled, or are about to.
#[derive(Clone, Debug)]
pub struct DisabledIndex {
    /// Its table.
    pub table: TableName,
    /// As `sys.indexes` has it.
    pub name: String,
    /// The run that disabled it.
    pub run: i64,
    /// That run, or the one that rebuilds it, is alive.
    pub is_in_use: bool,
    /// Since it was put on record.
    pub age: Duration,
}

impl Status {
    /// Is there something that a person should look at: a run that died, windows that were given up, or a table whose
    /// last run failed?
    pub fn needs_a_look(&self) -> bool {
        self.runs.iter().any(|run| !run.is_alive)
            || self.tables.iter().any(TableStatus::needs_a_look)
            || self.over_many.iter().any(EndedRun::has_failed)
    }

    /// Whom the run waits for.
    pub fn blocker(&self, run: &UnendedRun) -> Option<&BlockedSession> {
        self.blocked.iter().find(|blocked| blocked.run == Some(run.id))
    }
}

/// Looks at a target. `wanted` says which of its tables are of interest; ETL runs always are.
///
/// # Errors
/// The login may not read the ledger: names the GRANT. A ledger of a later version, or of someone else; a lost connection.
pub async fn read(session: &mut Session, wanted: &dyn Fn(&TableName) -> bool) -> Result<Status> {
    session.set_lock_timeout(LEDGER_WAIT).await?;
    let view = LedgerView::choose(session).await?;
    let mut status = Status { asked: view.asked, ..Status::default() };
    status.etl_at_work = etl_at_work(session).await?;
    if !ledger::exists(session, &view).await? {
        return Ok(status);
    }
    status.has_ledger = true;
    ledger::read(session, &view, wanted, &mut status).await?;
    // What is not the ledger's keeps no versions of rows.
    session.set_isolation(Isolation::ReadCommitted).await?;
    if status.runs.iter().any(|run| run.is_alive) {
        blocked::read(session, &mut status).await?;
    }
    rows::read(session, &mut status.tables).await?;
    Ok(status)
}

/// Asks for the lock without taking it, for a moment even. `None` where the server has no such function.
async fn etl_at_work(session: &mut Session) -> Result<Option<bool>> {
    let sql = format!("SELECT APPLOCK_TEST('public', '{ETL_LOCK}', 'Exclusive', 'Session') AS is_free");
    match session.query(&sql, &[]).await {
        Ok(rows) => {
            Ok(rows.first().and_then(|row| CatalogRow::from(row).int("is_free")).map(|free| free == 0))
        }
        Err(error) if error.server().is_some() => {
            log::debug!("whether an ETL run is at work is not to be learnt: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
