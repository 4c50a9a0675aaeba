//! Many windows of one table: looked at, claimed in the ledger, replaced by several workers, and the indexes with them.
mod closing;
mod prepare;
mod ranges;
mod run;
mod skip;
mod summary;
mod tally;
mod workers;

use super::{Sides, Verify, lock_table};
use crate::catalog::{self, Article, TableName};
use crate::config::Endpoint;
use crate::copy::indexes::{self, IndexChanges};
use crate::error::{Error, Result};
use crate::ledger::{self, RecordedWindow, ResumeMode};
use crate::plan::{CopyOptions, WindowedPlan};
use crate::read;
use crate::retry::Backoff;
use crate::session::applock::LockMode;
use crate::session::{Role, Session};
use crate::window::{CutBy, Range, Window};
pub use prepare::PreparedWindows;
pub use ranges::{RangeSize, cut};
pub use run::run;
pub use summary::{FailedWindow, FinishedWindow, Summary};
pub(super) use tally::tally;

/// Windows of a table to replace, and how.
#[derive(Clone, Debug)]
pub struct WindowsJob {
    /// As the ledger shows it.
    pub tool: &'static str,
    /// The server that is read; each worker has a connection of its own.
    pub source: Endpoint,
    /// The server that is written to; each worker has a connection of its own.
    pub target: Endpoint,
    /// As the source names it.
    pub table: TableName,
    /// What of it is copied, and under which name.
    pub article: Article,
    /// What the windows are cut by.
    pub cut_by: CutBy,
    /// In order, without overlap, and all of one kind.
    pub windows: Vec<Window>,
    /// About how many rows of each the source has, if that is known already; empty: they are counted.
    pub estimated_rows: Vec<u64>,
    /// What the user lets the copy do, and wants of it.
    pub options: CopyOptions,
    /// What is read back after each window's commit.
    pub verify: Verify,
    /// Windows at once, at least 1.
    pub workers: usize,
    /// Attempts after the first, of each window.
    pub max_retries: u32,
    /// What becomes of windows that are done already.
    pub resume: ResumeMode,
    /// Other hosts take part.
    pub shared: bool,
    /// Around what indexes are disabled and rebuilt.
    pub index_scope: IndexScope,
    /// What the ledger has of the table, where whoever has cut it has asked.
    pub on_record: Option<Vec<RecordedWindow>>,
}

impl WindowsJob {
    /// For people: the table, by both names where they differ.
    pub fn label(&self) -> String {
        self.article.label(&self.table)
    }

    /// An error of this table's.
    pub fn named(&self, error: Error) -> Error {
        self.article.named(&self.table, error)
    }
}

/// When indexes are disabled and rebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexScope {
    /// Once before the first window and once after the last.
    #[default]
    Run,
    /// Around each window.
    Window,
}

/// From the first to the last day that the source has rows of; the job's own windows do not matter.
///
/// # Errors
/// The source has no rows with a day; those of [`PreparedWindows::new`].
pub async fn source_range(job: &WindowsJob) -> Result<Range> {
    let mut retries = Backoff { max_retries: job.max_retries, ..Backoff::default() }.retries();
    loop {
        let asked = async {
            let mut sides = Sides::connect(&job.source, &job.target).await?;
            let (source, target) = sides.tables(&job.table, &job.article).await?;
            let plan = WindowedPlan::new(&source, &target, job.options, &job.cut_by)?;
            let extent = plan.extent().ok_or_else(|| Error::usage("keys have no first and last day"))?;
            let days = read::numbers(sides.source.lane()?, extent).await;
            let days = days.map_err(|error| error.within("asking the source for its first and last day"))?;
            sides.give_back().await;
            match days.first().map(Vec::as_slice) {
                Some([Some(first), Some(last)]) => {
                    Range::of_numbers(*first, *last).map_err(|error| error.column(&plan.cut_by))
                }
                _ => Err(Error::data("the source has no rows of any day")
                    .remedy("Say with --start-date and --end-date which days of the target are to be emptied")
                    .column(&plan.cut_by)),
            }
        };
        if let Some(settled) = retries.settled(asked.await).await {
            return settled.map_err(|error| job.named(error));
        }
    }
}

/// Runs that share the table hold it together.
fn mode(job: &WindowsJob) -> LockMode {
    if job.shared { LockMode::Shared } else { LockMode::Exclusive }
}

/// Rebuilds the indexes of a table that an earlier run has left disabled.
///
/// # Errors
/// The table is not there, or another run holds it; those of [`indexes::rebuild`].
pub async fn repair_indexes(target: &Endpoint, table: &TableName) -> Result<IndexChanges> {
    let mut retries = Backoff::default().retries();
    loop {
        let repaired = async {
            let mut control = Session::take(target, Role::Target).await?;
            let found = catalog::read(&mut control, Role::Target, table).await?;
            lock_table(&mut control, &found, LockMode::Exclusive).await?;
            ledger::open(&mut control).await?;
            let rebuilt = indexes::rebuild(&mut control, &found, None).await?;
            control.give_back().await;
            Ok(rebuilt)
        };
        if let Some(settled) =
            retries.settled(repaired.await.map_err(|error: Error| error.table(table))).await
        {
            return settled;
        }
    }
}
