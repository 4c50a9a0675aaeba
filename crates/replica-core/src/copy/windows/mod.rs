//! Many windows of one table: looked at, claimed in the ledger, replaced by several workers, and the indexes with them.
mod crew;
mod prepare;

use std::time::{Duration, Instant};

use time::Date;
use tokio::sync::mpsc;

use super::{Sides, Verify, hold};
use crate::applock::Mode;
use crate::catalog::{self, Table, TableName};
use crate::config::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::exit::Code;
use crate::indexes::{self, Work};
use crate::ledger::{self, Begun, Ended, Heartbeat, Order, Planned, Run, Subject, Wish};
use crate::load::Outcome;
use crate::plan::Request;
use crate::report::{self, Timing};
use crate::session::{Role, Session};
use crate::signal::Stop;
use crate::window::Window;
use crew::Crew;
pub use prepare::Prepared;

/// Windows of a table to replace, and how.
#[derive(Clone, Debug)]
pub struct Job {
    /// As the ledger shows it.
    pub tool: &'static str,
    pub source: Endpoint,
    pub target: Endpoint,
    pub table: TableName,
    /// `None`: the only column that holds dates.
    pub date_column: Option<String>,
    /// In order, without overlap.
    pub windows: Vec<Window>,
    pub request: Request,
    pub verify: Verify,
    pub workers: usize,
    /// Attempts after the first, of each window.
    pub max_retries: u32,
    pub wish: Wish,
    /// Other hosts take part.
    pub shared: bool,
    pub index_scope: IndexScope,
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

/// A window that is done with.
#[derive(Debug)]
pub struct Finished {
    pub window: Window,
    pub result: Result<Outcome>,
    pub retries: u32,
    /// Phase by phase, as [TIMING] names them.
    pub phases: Vec<(&'static str, Duration)>,
    pub elapsed: Duration,
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Summary {
    pub done: u64,
    pub skipped: Vec<Window>,
    pub failed: Vec<(Window, Code)>,
    /// What failed beside windows: indexes left disabled, workers that could not connect.
    pub problems: Vec<Error>,
    pub rows: u64,
    pub bytes: u64,
    pub retries: u64,
    pub phases: Vec<(&'static str, Duration)>,
    pub elapsed: Duration,
}

impl Summary {
    /// What to tell the shell.
    pub fn code(&self) -> Code {
        let windows = self.failed.iter().map(|(_, code)| *code);
        Code::of_failures(windows.chain(self.problems.iter().map(Error::exit_code)))
    }

    /// The phase that took the longest, over all windows.
    pub fn slowest(&self) -> Option<(&'static str, Duration)> {
        self.phases.iter().copied().max_by_key(|(_, took)| *took)
    }

    fn add(&mut self, finished: &Finished) {
        self.retries += u64::from(finished.retries);
        match &finished.result {
            Ok(outcome) => {
                self.done += 1;
                self.rows += outcome.fingerprint.rows;
                self.bytes += outcome.bytes;
            }
            Err(error) => self.failed.push((finished.window, error.exit_code())),
        }
        finished.phases.iter().for_each(|(phase, took)| self.spent(phase, *took));
    }

    fn spent(&mut self, phase: &'static str, took: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, total)) => *total += took,
            None => self.phases.push((phase, took)),
        }
    }
}

/// Replaces the windows of a job that was looked at; `done` hears of each as it ends.
///
/// At a signal no more windows are begun, those at work are rolled back, and the indexes are rebuilt.
///
/// # Errors
/// What keeps the run from beginning, a signal, a lost connection at its end. What fails a window, or an index, is in
/// the summary.
pub async fn run(
    job: &Job,
    prepared: Prepared,
    stop: &Stop,
    progress: &report::Progress,
    done: &mut (dyn FnMut(Finished) + Send),
) -> Result<Summary> {
    let named = |error: Error| error.table(&job.table);
    let Prepared { plan, rows, sides, source, target, .. } = prepared;
    let Sides { target: mut control, .. } = sides;
    let mode = if job.shared { Mode::Shared } else { Mode::Exclusive };
    hold(&mut control, &target, mode).await.map_err(named)?;
    ledger::open(&mut control).await.map_err(named)?;
    let begun = Instant::now();
    let subject = Subject::new(&source, &target, &plan.plan.mapping, &plan.date_column);
    let windows: Vec<_> = rows
        .iter()
        .map(|(window, rows)| Planned { window: *window, estimated_rows: rows.unwrap_or_default() })
        .collect();
    let order = Order {
        tool: job.tool,
        subject: &subject,
        windows: &windows,
        wish: job.wish,
        shared: job.shared,
        lease: ledger::LEASE,
    };
    let Begun { run, joined, skipped, redone } = ledger::begin(&mut control, &order).await.map_err(named)?;
    let mut heartbeat = run.heartbeat(&job.target);
    for window in &skipped {
        log::info!("{} {window}: skipped, complete already", job.table);
    }
    for again in &redone {
        log::info!("{} {}: loaded again, since {}", job.table, again.window, again.because);
    }
    let mut summary = Summary { skipped, ..Summary::default() };
    let mut timing = Timing::begin(job.table.to_string());
    let indexes = match job.index_scope {
        IndexScope::Run if !joined && summary.skipped.len() < windows.len() => {
            plan.plan.strategy.disable.clone()
        }
        _ => Vec::new(),
    };
    let mut work = Work::default();
    if !indexes.is_empty() {
        work = indexes::disable(&mut control, &run, &target, &indexes).await.map_err(named)?;
        timing.phase("DISABLE_IDX");
        summary.spent("DISABLE_IDX", work.took());
    }
    run.started(&mut control).await.map_err(named)?;
    let staging = plan.staging.clone().filter(|_| !job.shared);
    let crew = Crew::new(job, plan, run.clone(), (source, target.clone()), &rows, progress);
    let copied = copy(job, crew, &mut heartbeat, stop, &mut |finished| {
        summary.add(&finished);
        done(finished);
    })
    .await;
    let interrupted = match copied {
        Ok(problems) => {
            summary.problems.extend(problems);
            None
        }
        Err(error) => Some(error),
    };
    // Hours may have passed.
    let mut control = revived(control, job, &target, mode).await.map_err(named)?;
    timing.skip();
    if let Some(staging) = staging {
        // Alone on the table: what is still beside it belongs to nobody.
        staging.sweep(&mut control).await.map_err(named)?;
    }
    let rebuilt = leave(&mut control, job, &run, &target, interrupted.is_some()).await.map_err(named)?;
    if !rebuilt.done.is_empty() || !rebuilt.refused.is_empty() {
        timing.phase("REBUILD_IDX");
        summary.spent("REBUILD_IDX", rebuilt.took());
    }
    if !work.done.is_empty() || !rebuilt.done.is_empty() {
        timing.log();
    }
    let rebuilding = rebuilt.took();
    summary.problems.extend(rebuilt.refused.into_iter().map(|(_, error)| error));
    summary.elapsed = begun.elapsed();
    run.end(&mut control, &ended(&summary, &work, rebuilding, interrupted.as_ref())).await.map_err(named)?;
    match interrupted {
        Some(error) => Err(named(error)),
        None => Ok(summary),
    }
}

/// The workers at work, until the last window or the first signal. Answers what kept workers from working.
async fn copy(
    job: &Job,
    crew: Crew,
    heartbeat: &mut Heartbeat,
    stop: &Stop,
    done: &mut (dyn FnMut(Finished) + Send),
) -> Result<Vec<Error>> {
    let (finished, mut results) = mpsc::unbounded_channel();
    let mut problems = Vec::new();
    let workers = crew.work(job.workers, finished, |result| problems.extend(result.err()));
    let heard = async {
        while let Some(finished) = results.recv().await {
            done(finished);
        }
    };
    let work = async {
        tokio::join!(workers, heard);
        Ok(())
    };
    stop.or(async {
        tokio::select! {
            done = work => done,
            lost = heartbeat.lost() => Err(lost),
        }
    })
    .await?;
    Ok(problems)
}

/// The session, or another one where it has not survived.
async fn revived(mut control: Session, job: &Job, target: &Table, mode: Mode) -> Result<Session> {
    match control.execute("SET NOCOUNT OFF").await {
        Ok(_) => return Ok(control),
        Err(error) => log::debug!("{}: the connection that held the table is gone: {error}", job.table),
    }
    let mut control = Session::connect(&job.target, Role::Target).await?;
    hold(&mut control, target, mode).await?;
    Ok(control)
}

/// The last one out rebuilds the indexes: all that are on record, those of a run that died among them.
async fn leave(
    control: &mut Session,
    job: &Job,
    run: &Run,
    target: &Table,
    interrupted: bool,
) -> Result<Work> {
    if !job.shared {
        return indexes::rebuild(control, target, None).await;
    }
    match run.leave(control).await {
        Ok(true) => indexes::rebuild(control, target, Some(run)).await,
        Ok(false) => {
            log::info!("{}: other hosts go on; the last one rebuilds the indexes", job.table);
            Ok(Work::default())
        }
        // Whoever took this run for dead sees to the indexes.
        Err(error) if interrupted && error.kind() == Kind::Busy => Ok(Work::default()),
        Err(error) => Err(error),
    }
}

fn ended(summary: &Summary, disabled: &Work, rebuilding: Duration, interrupted: Option<&Error>) -> Ended {
    let outcome = match interrupted.map(Error::kind) {
        Some(Kind::Interrupted) => "interrupted",
        Some(Kind::Terminated) => "terminated",
        Some(_) => "failed",
        None if summary.code() == Code::Ok => "ok",
        None => "failed",
    };
    Ended {
        outcome,
        windows_done: summary.done,
        windows_failed: summary.failed.len() as u64,
        windows_skipped: summary.skipped.len() as u64,
        rows: summary.rows,
        bytes: summary.bytes,
        retries: summary.retries,
        disabling: disabled.took(),
        rebuilding,
        error: interrupted.or(summary.problems.first()).map(ToString::to_string),
    }
}

/// Rebuilds the indexes of a table that an earlier run has left disabled.
///
/// # Errors
/// The table is not there, or another run holds it; those of [`indexes::rebuild`].
pub async fn repair_indexes(target: &Endpoint, table: &TableName) -> Result<Work> {
    let repair = async {
        let mut control = Session::connect(target, Role::Target).await?;
        let target = catalog::read(&mut control, Role::Target, table).await?;
        hold(&mut control, &target, Mode::Exclusive).await?;
        ledger::open(&mut control).await?;
        indexes::rebuild(&mut control, &target, None).await
    };
    repair.await.map_err(|error| error.table(table))
}

/// A day written as an integer.
fn day(number: i64) -> Option<Date> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}
