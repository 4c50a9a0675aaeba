//! A run over the windows of a table, from its row in the ledger to that row's end.
//!
//! The run goes from state to state, one at a time. docs/LEDGER.md, "A run's states", has the table of them.
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use tokio::sync::mpsc;

use super::closing::Closing;
use super::prepare::{PreparedWindows, RowsAtTarget};
use super::summary::{FinishedWindow, Summary, ended};
use super::workers::WorkerPool;
use super::{IndexScope, WindowsJob, mode, skip};
use crate::catalog::Table;
use crate::copy::choice;
use crate::copy::indexes::{self, IndexChanges};
use crate::copy::{Sides, guard, lock_table};
use crate::error::{Error, Result};
use crate::ledger::{self, Begun, Heartbeat, PlannedWindow, Run, RunOptions, Subject};
use crate::plan::WindowedPlan;
use crate::report::{self, Timing};
use crate::retry::Backoff;
use crate::session::{Role, Session};
use crate::signal::Stop;
use crate::tds::fingerprint::Fingerprint;
use crate::window::{CutBy, Window};

/// Where a run stands, with the session that holds the table.
enum RunState {
    /// Run and windows are on record. Nobody can join yet: indexes are about to be disabled.
    Beginning(Session),
    /// The indexes are as the loads want them: windows are claimed and loaded, and others may join.
    Copying(Session),
    /// No window is claimed any more: what is left is given back, and indexes are rebuilt.
    Finishing(Session),
    /// Its row has an end, unless the server could not be told.
    Ended,
}

/// A run, and all that its states need.
struct ActiveRun<'a> {
    job: &'a WindowsJob,
    run: Run,
    source: Table,
    target: Table,
    /// What windows were when they were last complete, where that says how much of them changes.
    before: HashMap<Window, Fingerprint>,
    heartbeat: Heartbeat,
    /// Indexes to disable before the first window.
    indexes: Vec<String>,
    disabled: IndexChanges,
    /// Windows are loaded into tables beside the target.
    stages: bool,
    /// Until windows are claimed.
    workers: Option<WorkerPool>,
    stop: &'a Stop,
    summary: Summary,
    begun: Instant,
    timing: Timing,
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
    report::about(job.label(), None, run_to_end(job, prepared, stop, progress, done)).await
}

async fn run_to_end(
    job: &WindowsJob,
    prepared: PreparedWindows,
    stop: &Stop,
    progress: &report::ProgressBars,
    done: &mut (dyn FnMut(FinishedWindow) + Send),
) -> Result<Summary> {
    let (mut active, session) = ActiveRun::begin(job, prepared, stop, progress, done).await?;
    let mut state = RunState::Beginning(session);
    loop {
        state = match state {
            RunState::Beginning(session) => active.disable_indexes(session).await,
            RunState::Copying(session) => active.copy(session, done).await,
            RunState::Finishing(session) => active.finish(session).await,
            RunState::Ended => return Ok(active.summary),
        };
    }
}

impl<'a> ActiveRun<'a> {
    /// Puts the run on record: it begins, or joins the hosts that are at work.
    async fn begin(
        job: &'a WindowsJob,
        prepared: PreparedWindows,
        stop: &'a Stop,
        progress: &report::ProgressBars,
        done: &mut (dyn FnMut(FinishedWindow) + Send),
    ) -> Result<(Self, Session)> {
        let named = |error: Error| job.named(error);
        choice::tell(&job.label(), &prepared.plan.base);
        // Before anything is written, the ledger's rows included.
        let PreparedWindows {
            plan,
            rows,
            sides,
            source,
            target,
            findings,
            before,
            rows_at_target,
            timing,
            ..
        } = prepared;
        plan.base.allowed()?;
        findings.warnings().map_err(named)?;
        let Sides { source: reader, target: session } = sides;
        reader.give_back().await;
        timing.log();
        let begun = Instant::now();
        let mut timing = Timing::begin(job.label());
        let beginning = Beginning {
            job,
            plan: &plan,
            rows: &rows,
            source: &source,
            target: &target,
            rows_at_target,
            stop,
        };
        let (session, on_record) = beginning.on_record(session, &mut timing).await.map_err(named)?;
        let Begun { run, joined, skipped, redone } = on_record;
        skipped.iter().for_each(|complete| done(FinishedWindow::skipped(complete)));
        for again in &redone {
            log::info!("{} {}: loaded again, since {}", job.table, again.window, again.because);
        }
        let skipped: Vec<Window> = skipped.into_iter().map(|complete| complete.window).collect();
        let has_work = skipped.len() < rows.len();
        let indexes = match job.index_scope {
            IndexScope::Run if !joined && has_work => plan.base.strategy.disable.clone(),
            _ => Vec::new(),
        };
        let windows = rows.len() as u64;
        let done: HashSet<&Window> = skipped.iter().collect();
        let left = rows.into_iter().filter(|(window, _)| !done.contains(window)).collect();
        let stages = plan.stages();
        let workers =
            WorkerPool::new(job, plan, run.clone(), (source.clone(), target.clone()), left, progress);
        let active = Self {
            job,
            heartbeat: run.heartbeat(&job.target),
            run,
            source,
            target,
            before,
            indexes,
            disabled: IndexChanges::default(),
            stages,
            workers: Some(workers),
            stop,
            summary: Summary { windows, skipped, ..Summary::default() },
            begun,
            timing,
        };
        Ok((active, session))
    }

    /// Disables the indexes that the loads do without, and lets others begin.
    async fn disable_indexes(&mut self, mut session: Session) -> RunState {
        let disabled = async {
            // What a run that has died has left beside the target.
            ledger::sweep_staging(&mut session, &self.run.table, None).await?;
            self.timing.phase("RECORD");
            if !self.indexes.is_empty() {
                let indexes = &self.indexes;
                self.disabled = indexes::disable(&mut session, &self.run, &self.target, indexes).await?;
                self.timing.phase("DISABLE_IDX");
            }
            self.run.started(&mut session).await?;
            self.timing.phase("RECORD");
            Ok(())
        };
        match disabled.await {
            Ok(()) => RunState::Copying(session),
            Err(error) => self.stopped(error, session),
        }
    }

    /// Has the workers claim and load windows: until none is left, a signal comes, or the run is another's.
    async fn copy(&mut self, session: Session, done: &mut (dyn FnMut(FinishedWindow) + Send)) -> RunState {
        let Some(workers) = self.workers.take() else { return RunState::Finishing(session) };
        let (summary, before) = (&mut self.summary, &self.before);
        let mut told = |finished: FinishedWindow| {
            summary.add(&finished, before.get(&finished.window).copied());
            done(finished);
        };
        let worked = work(self.job, workers, &mut self.heartbeat, self.stop, &mut told).await;
        match worked {
            Ok(problems) => {
                self.summary.problems = problems;
                RunState::Finishing(session)
            }
            Err(error) => self.stopped(error, session),
        }
    }

    /// What ends a run before its last window leads to its finish all the same.
    fn stopped(&mut self, error: Error, session: Session) -> RunState {
        self.summary.stopped = Some(self.job.named(error));
        RunState::Finishing(session)
    }

    /// Gives back what is left, rebuilds the indexes, and notes the run's end.
    async fn finish(&mut self, session: Session) -> RunState {
        self.summary.account_for_all(self.job);
        self.summary.spent("DISABLE_IDX", self.disabled.took());
        self.timing.phase("COPY");
        let closing = Closing { job: self.job, run: &self.run, target: &self.target, stages: self.stages };
        let closed = closing.close(session).await;
        self.summary.elapsed = self.begun.elapsed();
        match closed {
            Ok((session, rebuilt)) => self.end(session, rebuilt).await,
            Err(error) => {
                self.summary.problems.push(self.job.named(error));
                self.timing.log();
            }
        }
        RunState::Ended
    }

    async fn end(&mut self, mut session: Session, rebuilt: IndexChanges) {
        let rebuilding = rebuilt.took();
        self.summary.spent("REBUILD_IDX", rebuilding);
        self.timing.phase(if rebuilt.done.is_empty() { "RECORD" } else { "REBUILD_IDX" });
        self.summary.problems.extend(rebuilt.refused.into_iter().map(|(_, error)| error));
        let ended = ended(&self.summary, self.disabled.took(), rebuilding);
        let noted = self.run.end(&mut session, &ended).await;
        if let Err(error) = &noted {
            // All is done; the next run calls this one crashed.
            log::warn!("{}: the run's end is not noted: {error}", self.job.table);
        }
        let (job, sides) = (self.job, (&self.source, &self.target));
        choice::note(&mut session, job.tool, sides, job.options, self.summary.load()).await;
        self.timing.phase("RECORD");
        self.timing.log();
        if noted.is_ok() {
            session.give_back().await;
        }
    }
}

/// A run that is about to be put on record.
struct Beginning<'a> {
    job: &'a WindowsJob,
    plan: &'a WindowedPlan,
    rows: &'a [(Window, u64)],
    source: &'a Table,
    target: &'a Table,
    rows_at_target: RowsAtTarget,
    stop: &'a Stop,
}

impl Beginning<'_> {
    /// Holds the table and puts the run on record, on this session or on another one where it is lost.
    async fn on_record(&self, session: Session, timing: &mut Timing) -> Result<(Session, Begun)> {
        let Self { job, plan, rows, target, .. } = self;
        let mut session = Some(session);
        let subject = plan.subject(self.source, target);
        let windows = planned(rows);
        let options = run_options(job, &subject, &windows);
        let mut retries = Backoff::default().retries();
        loop {
            let begun = async {
                let mut session = match session.take() {
                    Some(session) => session,
                    None => Session::take(&job.target, Role::Target).await?,
                };
                lock_table(&mut session, target, mode(job)).await?;
                timing.phase("WAIT");
                match job.cut_by {
                    CutBy::Date(_) => ledger::open(&mut session).await?,
                    CutBy::Key(_) => ledger::open_for_keys(&mut session).await?,
                }
                let complete = ledger::skippable(&mut session, &options).await?;
                // Nothing is changed yet: a signal may end it anywhere.
                let changed =
                    self.stop.or(skip::changed(job, plan, &complete, &self.rows_at_target.rows)).await?;
                let changed_windows: HashSet<_> =
                    changed.iter().map(|changed| changed.window.clone()).collect();
                let complete: HashSet<_> = complete.into_iter().map(|complete| complete.window).collect();
                self.look_at_the_rest(&mut session, &(&complete - &changed_windows)).await?;
                let options = RunOptions { changed: &changed, ..options };
                let begun = ledger::begin(&mut session, &options).await?;
                timing.phase("RECORD");
                Ok((session, begun))
            };
            if let Some(settled) = retries.settled(begun.await).await {
                return settled;
            }
        }
    }

    /// Windows that were to be skipped when the table was looked at, and are not: what they would destroy is not known.
    async fn look_at_the_rest(&self, session: &mut Session, skipped: &HashSet<Window>) -> Result<()> {
        let passed_over = &self.rows_at_target.passed_over;
        let is_unseen = |window: &Window| passed_over.contains(window) && !skipped.contains(window);
        let unseen: Vec<_> = self.rows.iter().filter(|(window, _)| is_unseen(window)).cloned().collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let findings = guard::look_at_windows(session, self.plan, &unseen, None).await?;
        for warning in findings.warnings()? {
            log::warn!("{}: {warning}", self.job.table);
        }
        Ok(())
    }
}

/// The windows, as the ledger has them.
pub(super) fn planned(rows: &[(Window, u64)]) -> Vec<PlannedWindow> {
    rows.iter()
        .map(|(window, rows)| PlannedWindow { window: window.clone(), estimated_rows: *rows })
        .collect()
}

/// What the ledger is told of a run.
pub(super) fn run_options<'a>(
    job: &WindowsJob,
    subject: &'a Subject,
    windows: &'a [PlannedWindow],
) -> RunOptions<'a> {
    RunOptions {
        tool: job.tool,
        subject,
        windows,
        resume: job.resume,
        changed: &[],
        shared: job.shared,
        lease: ledger::LEASE,
    }
}

/// The workers at work, until the last window or the first signal. Answers what kept windows from being taken.
async fn work(
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
