//! One table, begin to end: the only module that joins the two sides.
mod advice;
mod article;
pub mod changes;
mod choice;
mod difference;
mod guard;
pub mod indexes;
mod job;
mod long_way;
mod narrow;
mod pinpoint;
mod planned;
mod proof;
mod publish;
mod record;
mod referencing;
mod replace;
mod shares;
mod sides;
mod source;
mod staged;
mod streams;
mod window;
pub mod windows;
mod written;

use std::time::Duration;

use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::find;
use crate::ledger::{self, RecordedLoad};
use crate::load::{LoadOutcome, Progress};
pub use crate::plan::{CopyOptions, Plan, RowSelection, refusals};
use crate::report::{CONNECT, Timing, about};
use crate::retry::Backoff;
use crate::session::applock::{self, LockMode};
use crate::session::{Role, Session, forbids_snapshot};
pub use crate::shape::{LoadOptions, Tablock};
pub use choice::informed;
pub use guard::Findings;
pub(crate) use job::table_lock;
pub use job::{Days, TableJob};
pub use pinpoint::{FailedLoad, pinpoint};
pub use proof::Verify;
pub use publish::{clean_up, published};
use record::LoadRecord;
pub use record::{UnbegunCopy, UnbegunRun};
use replace::{Attempted, LOCK_WAIT};
pub use shares::{AskedSides, in_shares};
pub use sides::Sides;
pub use source::{ConnectedSource, Source};
pub use written::WrittenRows;

/// Another run that was cut off holds its table until the server notices.
const TABLE_LOCK_WAIT: Duration = Duration::from_secs(5);

/// Looks for values that the target would refuse, in the rows and columns that a plan of the job is about to copy.
/// Changes nothing.
///
/// # Errors
/// Those of [`find::preflight`], with the table; of kind `Usage` where the rows come from no server.
pub async fn preflight<S: Source>(job: &TableJob<S>, plan: &Plan) -> Result<()> {
    let Some(source) = job.source.endpoint() else {
        return Err(Error::usage("--preflight asks the source's server, and there is none"));
    };
    let mut retries = Backoff::default().retries();
    loop {
        let looked = async {
            let mut session = Session::take(source, Role::Source).await?;
            let table = session.table(&job.table, &job.article).await?;
            find::preflight(&mut session, &table, &plan.mapping, plan.filter()).await?;
            session.give_back().await;
            Ok(())
        };
        if let Some(settled) = retries.settled(looked.await.map_err(|error| job.named(error))).await {
            return settled;
        }
    }
}

/// Looks at what a plan would destroy although nobody asked for it. Changes nothing.
///
/// # Errors
/// The servers' own.
pub async fn look(sides: &mut Sides<impl ConnectedSource>, plan: &Plan) -> Result<Findings> {
    Ok(guard::look(sides, plan).await?.0)
}

/// Replaces a table, and does it again after a transient error: from the start, since a replacement that did not
/// commit has changed nothing, and one that did can be repeated.
///
/// Dropping the future leaves the old rows: the server rolls back when the connection is gone.
///
/// # Errors
/// The last attempt's, with the table.
pub async fn table<S: Source>(
    job: &TableJob<S>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome> {
    table_with_effort(job, progress, &mut Effort::default()).await
}

/// What a copy took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Attempts after the first.
    pub retries: u32,
    /// Of the attempt that went well, phase by phase, as \[TIMING\] names them.
    pub phases: Vec<(&'static str, Duration)>,
    /// Where only rows that differ were written: how many.
    pub written: Option<WrittenRows>,
}

/// As [`table`], and says what it took.
///
/// # Errors
/// As [`table`].
pub async fn table_with_effort<S: Source>(
    job: &TableJob<S>,
    progress: &mut (dyn FnMut(Progress) + Send),
    effort: &mut Effort,
) -> Result<LoadOutcome> {
    let mut retries = Backoff::default().retries();
    let mut record = LoadRecord::new();
    loop {
        let days = job.days.as_ref().map(|days| days.window.to_string());
        record.retries = retries.used();
        let attempted = Box::pin(attempt(job, progress, effort, &mut record));
        let replaced = about(job.label(), days, attempted).await;
        if let Some(settled) = retries.settled(replaced.map_err(|error| job.named(error))).await {
            effort.retries = retries.used();
            if let Err(error) = &settled {
                record.failed(job, error).await;
            }
            return settled;
        }
    }
}

/// One attempt, or several where the server refuses a step that has a fallback for.
async fn attempt<S: Source>(
    job: &TableJob<S>,
    progress: &mut (dyn FnMut(Progress) + Send),
    effort: &mut Effort,
    record: &mut LoadRecord,
) -> Result<LoadOutcome> {
    let mut options = job.options;
    let mut planned = job.planned.as_ref().filter(|plan| planned::is_plain(job, plan));
    loop {
        let mut timing = Timing::begin_after(job.what(), record.lost());
        let mut sides = Sides::connect(&job.source, &job.target).await?;
        timing.phase(CONNECT);
        let as_planned = match planned.take() {
            Some(plan) => {
                planned::replace(job, plan, &mut sides, (&mut *record, &mut timing), progress).await
            }
            None => Ok(None),
        };
        let attempted = match as_planned {
            Ok(Some(attempted)) => Ok(attempted),
            Ok(None) => {
                let told = (&mut *record, &mut timing);
                Box::pin(long_way::replace(job, options, &mut sides, told, progress)).await
            }
            Err(error) => Err(error),
        };
        let attempted = match attempted {
            Err(error) if !options.no_snapshot && forbids_snapshot(&error) => {
                options = without_snapshot(job, options, &error);
                continue;
            }
            settled => settled?,
        };
        let Attempted { tables, plan, replaced, written, .. } = attempted;
        options = attempted.options;
        match replaced {
            Ok(outcome) => {
                if let Some((source, target)) = &tables {
                    note(&mut sides.target, job, (source, target), options, &outcome).await;
                }
                // With it the table is free.
                record.loaded(&mut sides.target, &outcome).await;
                timing.phase("RECORD");
                timing.log();
                sides.give_back().await;
                effort.phases = timing.phases().to_vec();
                effort.written = written;
                return Ok(outcome);
            }
            Err(failed) => match failed.fallback(options) {
                Some(other) => {
                    let how = if failed.doubtful { "counting them first" } else { "going on without" };
                    log::warn!("{}: {}; {how}", job.table, failed.error);
                    options = other;
                }
                None if failed.at.is_some() => return Err(advice::advise(failed.error, &plan)),
                None => {
                    // What it holds in the target must not be waited for.
                    drop(sides);
                    let load = FailedLoad {
                        source: job.source.endpoint(),
                        target: &job.target,
                        table: tables.as_ref().map(|(source, _)| source),
                        plan: &plan,
                    };
                    return Err(pinpoint(failed.error, &load).await);
                }
            },
        }
    }
}

fn without_snapshot<S>(job: &TableJob<S>, options: CopyOptions, why: &Error) -> CopyOptions {
    log::warn!("{}: {why}; going on without SNAPSHOT isolation", job.table);
    CopyOptions { no_snapshot: true, ..options }
}

/// Puts on record how much of a table has changed, or of its days.
async fn note<S>(
    session: &mut Session,
    job: &TableJob<S>,
    sides: (&Table, &Table),
    options: CopyOptions,
    outcome: &LoadOutcome,
) {
    let mut load = RecordedLoad::of_table(outcome.fingerprint, outcome.differing, options.last);
    if job.days.is_some() {
        // Other days are no measure of whether these have changed.
        let (rows, changed) = (load.rows, outcome.differing.unwrap_or(load.rows));
        load = RecordedLoad { rows, changed, hash: None };
    }
    choice::note(session, job.tool, sides, options, Some(load)).await;
}

/// That security policies may hide rows from a plan, where nobody has allowed it.
pub(crate) fn hidden_rows(plan: &Plan) -> Option<Error> {
    guard::look_at_difference(plan).refusal
}

/// Keeps other runs off the target table for the life of the session. A server without application locks leaves
/// it to the table's own.
async fn lock_table(target: &mut Session, table: &Table, mode: LockMode) -> Result<()> {
    let resource = table_lock(table);
    if applock::holds(target, &resource) || applock::take(target, &resource, mode, TABLE_LOCK_WAIT).await? {
        Ok(())
    } else {
        const BUSY: &str = "another run holds this table";
        // The ledger says more than the server, and to whoever may use it.
        match ledger::at_work(target, &table.object.name).await {
            Some(run) => Err(Error::busy(format!("{BUSY}: {run}"))),
            None => Err(applock::held_by_others(target, &resource, BUSY).await),
        }
    }
}
