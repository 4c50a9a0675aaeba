//! Many windows of one table: looked at, claimed in the ledger, replaced by several workers, and the indexes with them.
mod closing;
mod prepare;
mod skip;
mod tally;
mod workers;

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::{Sides, Verify, lock_table};
use crate::catalog::{self, Table, TableName};
use crate::config::Endpoint;
use crate::copy::indexes::{self, IndexChanges};
use crate::error::{Error, Kind, Result};
use crate::exit::Code;
use crate::ledger::{
    self, Begun, Complete, Ended, Heartbeat, PlannedWindow, ResumeMode, RunOptions, Subject,
};
use crate::load::LoadOutcome;
use crate::plan::{CopyOptions, WindowedPlan};
use crate::read;
use crate::report::{self, Timing};
use crate::retry::Backoff;
use crate::session::applock::LockMode;
use crate::session::{Role, Session};
use crate::signal::Stop;
use crate::window::{Range, Window};
use closing::Closing;
pub use prepare::PreparedWindows;
pub(super) use tally::tally;
use workers::WorkerPool;

/// Windows of a table to replace, and how.
#[derive(Clone, Debug)]
pub struct WindowsJob {
    /// As the ledger shows it.
    pub tool: &'static str,
    pub source: Endpoint,
    pub target: Endpoint,
    pub table: TableName,
    /// `None`: the only column that holds dates.
    pub date_column: Option<String>,
    /// In order, without overlap.
    pub windows: Vec<Window>,
    pub options: CopyOptions,
    pub verify: Verify,
    pub workers: usize,
    /// Attempts after the first, of each window.
    pub max_retries: u32,
    pub resume: ResumeMode,
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
pub struct FinishedWindow {
    pub window: Window,
    /// It was complete before: nothing was done, and the result is what is on record.
    pub skipped: bool,
    pub result: Result<LoadOutcome>,
    pub retries: u32,
    /// Phase by phase, as [TIMING] names them.
    pub phases: Vec<(&'static str, Duration)>,
    pub elapsed: Duration,
}

impl FinishedWindow {
    fn skipped(complete: &Complete) -> Self {
        let Complete { window, fingerprint, bytes } = *complete;
        let result = Ok(LoadOutcome { fingerprint, bytes, elapsed: Duration::ZERO });
        Self { window, skipped: true, result, retries: 0, phases: Vec::new(), elapsed: Duration::ZERO }
    }
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Summary {
    pub windows: u64,
    pub done: u64,
    pub skipped: Vec<Window>,
    pub failed: Vec<FailedWindow>,
    /// What failed beside windows: indexes left disabled, workers that could not connect.
    pub problems: Vec<Error>,
    /// What ended the run before its last window: a signal, or another run that has taken it over.
    pub stopped: Option<Error>,
    pub rows: u64,
    pub bytes: u64,
    pub retries: u64,
    pub phases: Vec<(&'static str, Duration)>,
    pub elapsed: Duration,
}

/// A window that was given up.
#[derive(Debug)]
pub struct FailedWindow {
    pub window: Window,
    pub code: Code,
    pub why: String,
}

impl Summary {
    /// What to tell the shell.
    pub fn code(&self) -> Code {
        if let Some(stopped) = &self.stopped {
            return stopped.exit_code();
        }
        let windows = self.failed.iter().map(|failed| failed.code);
        Code::of_all(windows.chain(self.problems.iter().map(Error::exit_code)))
    }

    /// The phase that took the longest, over all windows.
    pub fn slowest(&self) -> Option<(&'static str, Duration)> {
        self.phases.iter().copied().max_by_key(|(_, took)| *took)
    }

    fn add(&mut self, finished: &FinishedWindow) {
        self.retries += u64::from(finished.retries);
        match &finished.result {
            Ok(outcome) => {
                self.done += 1;
                self.rows += outcome.fingerprint.rows;
                self.bytes += outcome.bytes;
            }
            Err(error) => {
                let window = finished.window;
                let code = error.exit_code();
                let why = error.to_string();
                self.failed.push(FailedWindow { window, code, why });
            }
        }
        finished.phases.iter().for_each(|(phase, took)| self.spent(phase, *took));
    }

    /// A run that has the table to itself and met no problem has an answer for every window.
    fn account_for_all(&mut self, job: &WindowsJob) {
        let answered = self.done + (self.skipped.len() + self.failed.len()) as u64;
        if !job.shared && self.stopped.is_none() && self.problems.is_empty() && answered < self.windows {
            let missing = self.windows - answered;
            self.problems.push(
                Error::busy(format!("{missing} windows were taken over by another run")).table(&job.table),
            );
        }
    }

    fn spent(&mut self, phase: &'static str, took: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, total)) => *total += took,
            None => self.phases.push((phase, took)),
        }
    }
}

/// Replaces the windows of a job that was looked at; `done` hears of each as it ends, first of those that are skipped.
///
/// At a signal no more windows are begun, those at work are rolled back, and the indexes are rebuilt.
///
/// # Errors
/// What keeps the run from beginning. What comes later is in the summary.
pub async fn run(
    job: &WindowsJob,
    prepared: PreparedWindows,
    stop: &Stop,
    progress: &report::ProgressBars,
    done: &mut (dyn FnMut(FinishedWindow) + Send),
) -> Result<Summary> {
    let named = |error: Error| error.table(&job.table);
    let PreparedWindows { plan, rows, sides, source, target, findings, .. } = prepared;
    // Before anything is written, the ledger's rows included.
    plan.base.allowed()?;
    findings.warnings().map_err(named)?;
    let Sides { source: reader, target: control } = sides;
    drop(reader);
    let begun = Instant::now();
    let mut timing = Timing::begin(job.table.to_string());
    let subject = Subject::new(&source, &target, &plan.base.mapping, &plan.date_column);
    let windows: Vec<_> =
        rows.iter().map(|(window, rows)| PlannedWindow { window: *window, estimated_rows: *rows }).collect();
    let options = RunOptions {
        tool: job.tool,
        subject: &subject,
        windows: &windows,
        resume: job.resume,
        changed: &[],
        shared: job.shared,
        lease: ledger::LEASE,
    };
    let began = begin(control, job, &target, options, &plan, stop).await;
    let (mut control, on_record) = began.map_err(named)?;
    let Begun { run, joined, skipped, redone } = on_record;
    let mut heartbeat = run.heartbeat(&job.target);
    skipped.iter().for_each(|complete| done(FinishedWindow::skipped(complete)));
    let skipped = skipped.iter().map(|complete| complete.window).collect();
    for again in &redone {
        log::info!("{} {}: loaded again, since {}", job.table, again.window, again.because);
    }
    let mut summary = Summary { windows: windows.len() as u64, skipped, ..Summary::default() };
    let indexes = match job.index_scope {
        IndexScope::Run if !joined && summary.skipped.len() < windows.len() => {
            plan.base.strategy.disable.clone()
        }
        _ => Vec::new(),
    };
    let mut disabled = IndexChanges::default();
    let staging = plan.staging.clone().filter(|_| !job.shared);
    let left = rows.into_iter().filter(|(window, _)| !summary.skipped.contains(window)).collect();
    let workers = WorkerPool::new(job, plan, run.clone(), (source, target.clone()), left, progress);
    let worked = async {
        if !indexes.is_empty() {
            disabled = indexes::disable(&mut control, &run, &target, &indexes).await?;
            timing.phase("DISABLE_IDX");
        }
        run.started(&mut control).await?;
        let mut told = |finished| {
            summary.add(&finished);
            done(finished);
        };
        copy(job, workers, &mut heartbeat, stop, &mut told).await
    };
    match worked.await {
        Ok(problems) => summary.problems = problems,
        Err(error) => summary.stopped = Some(named(error)),
    }
    summary.account_for_all(job);
    summary.spent("DISABLE_IDX", disabled.took());
    timing.skip();
    match (Closing { job, run: &run, target: &target, staging }).close(control).await {
        Ok((mut control, rebuilt)) => {
            let rebuilding = rebuilt.took();
            summary.spent("REBUILD_IDX", rebuilding);
            if !rebuilt.done.is_empty() {
                timing.phase("REBUILD_IDX");
            }
            if !disabled.done.is_empty() || !rebuilt.done.is_empty() {
                timing.log();
            }
            summary.problems.extend(rebuilt.refused.into_iter().map(|(_, error)| error));
            summary.elapsed = begun.elapsed();
            let ended = ended(&summary, disabled.took(), rebuilding);
            if let Err(error) = run.end(&mut control, &ended).await {
                // All is done; the next run calls this one crashed.
                log::warn!("{}: the run's end is not noted: {error}", job.table);
            }
        }
        Err(error) => {
            summary.elapsed = begun.elapsed();
            summary.problems.push(named(error));
        }
    }
    Ok(summary)
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
            let (source, target) = sides.tables(&job.table).await?;
            let plan = WindowedPlan::new(&source, &target, job.options, job.date_column.as_deref())?;
            let days = read::numbers(sides.source.lane()?, plan.extent()).await;
            let days = days.map_err(|error| error.within("asking the source for its first and last day"))?;
            match days.first().map(Vec::as_slice) {
                Some([Some(first), Some(last)]) => {
                    Range::of_numbers(*first, *last).map_err(|error| error.column(&plan.date_column))
                }
                _ => Err(Error::data("the source has no rows of any day")
                    .remedy("Say with --start-date and --end-date which days of the target are to be emptied")
                    .column(&plan.date_column)),
            }
        };
        if let Some(settled) = retries.settled(asked.await).await {
            return settled.map_err(|error| error.table(&job.table));
        }
    }
}

/// Holds the table and puts the run on record, on this session or on another one where it is lost.
async fn begin(
    control: Session,
    job: &WindowsJob,
    target: &Table,
    options: RunOptions<'_>,
    plan: &WindowedPlan,
    stop: &Stop,
) -> Result<(Session, Begun)> {
    let mut control = Some(control);
    let mut retries = Backoff::default().retries();
    loop {
        let begun = async {
            let mut session = match control.take() {
                Some(session) => session,
                None => Session::connect(&job.target, Role::Target).await?,
            };
            lock_table(&mut session, target, mode(job)).await?;
            ledger::open(&mut session).await?;
            let skippable = ledger::skippable(&mut session, &options).await?;
            // Nothing is changed yet: a signal may end it anywhere.
            let changed = stop.or(skip::changed(job, plan, &skippable)).await?;
            let options = RunOptions { changed: &changed, ..options };
            let begun = ledger::begin(&mut session, &options).await?;
            Ok((session, begun))
        };
        if let Some(settled) = retries.settled(begun.await).await {
            return settled;
        }
    }
}

fn mode(job: &WindowsJob) -> LockMode {
    if job.shared { LockMode::Shared } else { LockMode::Exclusive }
}

/// The workers at work, until the last window or the first signal. Answers what kept windows from being taken.
async fn copy(
    job: &WindowsJob,
    workers: WorkerPool,
    heartbeat: &mut Heartbeat,
    stop: &Stop,
    done: &mut (dyn FnMut(FinishedWindow) + Send),
) -> Result<Vec<Error>> {
    let (finished, mut results) = mpsc::unbounded_channel();
    let heard = async {
        while let Some(finished) = results.recv().await {
            done(finished);
        }
    };
    let work = async {
        let (problems, ()) = tokio::join!(workers.work(job.workers, finished), heard);
        Ok(problems)
    };
    let worked = stop.or(async {
        tokio::select! {
            done = work => done,
            lost = heartbeat.lost() => Err(lost),
        }
    });
    let worked = worked.await;
    // What was committed before a signal counts, though nobody has heard of it yet.
    while let Ok(finished) = results.try_recv() {
        done(finished);
    }
    worked
}

fn ended(summary: &Summary, disabling: Duration, rebuilding: Duration) -> Ended {
    let outcome = match summary.stopped.as_ref().map(Error::kind) {
        Some(Kind::Interrupted) => "interrupted",
        Some(Kind::Terminated) => "terminated",
        Some(_) => "failed",
        None if summary.code() == Code::Ok => "ok",
        None => "failed",
    };
    let first = summary.stopped.iter().chain(&summary.problems).map(ToString::to_string);
    Ended {
        outcome,
        windows_done: summary.done,
        windows_failed: summary.failed.len() as u64,
        windows_skipped: summary.skipped.len() as u64,
        rows: summary.rows,
        bytes: summary.bytes,
        retries: summary.retries,
        disabling,
        rebuilding,
        error: first.chain(summary.failed.iter().map(|failed| failed.why.clone())).next(),
    }
}

/// Rebuilds the indexes of a table that an earlier run has left disabled.
///
/// # Errors
/// The table is not there, or another run holds it; those of [`indexes::rebuild`].
pub async fn repair_indexes(target: &Endpoint, table: &TableName) -> Result<IndexChanges> {
    let mut retries = Backoff::default().retries();
    loop {
        let repaired = async {
            let mut control = Session::connect(target, Role::Target).await?;
            let target = catalog::read(&mut control, Role::Target, table).await?;
            lock_table(&mut control, &target, LockMode::Exclusive).await?;
            ledger::open(&mut control).await?;
            indexes::rebuild(&mut control, &target, None).await
        };
        if let Some(settled) = retries.settled(repaired.await.map_err(|error| error.table(table))).await {
            return settled;
        }
    }
}
