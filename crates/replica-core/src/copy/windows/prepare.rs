//! Everything that can be known before the first window is touched.
use std::collections::{HashMap, HashSet};

use super::run::{planned, run_options};
use super::{Sides, Verify, WindowsJob};
use crate::catalog::Table;
use crate::config::{Apply, Publish, Shrink};
use crate::copy::LOCK_WAIT;
use crate::copy::choice::informed;
use crate::copy::guard::{self, Findings};
use crate::copy::publish::switch_rules;
use crate::error::{Error, Result};
use crate::find;
use crate::ledger::{self, Complete, ResumeMode, Subject};
use crate::plan::WindowedPlan;
use crate::read;
use crate::report::{CATALOG, CONNECT, ExplainLine, Timing};
use crate::retry::Backoff;
use crate::session::{Isolation, Role, Session, forbids_snapshot};
use crate::shape::Reason;
use crate::staging::{Layout, Twins};
use crate::tds::fingerprint::Fingerprint;
use crate::window::{DayRange, Outside, Window};

/// A job that was looked at, with its connections.
pub struct PreparedWindows {
    /// The statements of every window.
    pub plan: WindowedPlan,
    /// Rows of each window at the source.
    pub rows: Vec<(Window, u64)>,
    outside: Outside,
    /// The connections that the plan was made on.
    pub sides: Sides,
    /// What the source's catalog says.
    pub source: Table,
    /// What the target's catalog says.
    pub target: Table,
    /// What the windows would destroy. [`run`](super::run) begins with it.
    pub findings: Findings,
    /// What they were when they were last complete, where that says how much of them changes.
    pub(super) before: HashMap<Window, Fingerprint>,
    pub(super) rows_at_target: RowsAtTarget,
    pub(super) timing: Timing,
}

/// What the target had of the windows when it was looked at.
#[derive(Debug, Default)]
pub(super) struct RowsAtTarget {
    /// Of each window, as far as anybody wants to know: counted once, for the guard and for what `--resume` skips.
    pub rows: HashMap<Window, u64>,
    /// Complete windows that seemed unchanged. The guard has not looked at them, since a run is about to skip them.
    pub passed_over: HashSet<Window>,
}

impl PreparedWindows {
    /// Connects, reads both catalogs, plans, counts the source's rows, and looks at those that they would replace. Changes
    /// nothing.
    ///
    /// # Errors
    /// Everything that would keep any window from being copied. What the windows would destroy is no error yet, so that
    /// it can be explained.
    pub async fn new(job: &WindowsJob) -> Result<Self> {
        let mut retries = Backoff { max_retries: job.max_retries, ..Backoff::default() }.retries();
        loop {
            if let Some(settled) = retries.settled(Self::attempt(job).await).await {
                return settled;
            }
        }
    }

    async fn attempt(job: &WindowsJob) -> Result<Self> {
        let mut timing = Timing::begin(job.label());
        let mut sides = Sides::connect(&job.source, &job.target).await?;
        timing.phase(CONNECT);
        let prepared = async {
            let (source, target) = sides.tables(&job.table, &job.article).await?;
            timing.phase(CATALOG);
            let options = informed(&mut sides.target, (&source, &target), job.options).await?;
            let mut plan = WindowedPlan::new(&source, &target, options, &job.cut_by)?;
            plan.base.reread = job.verify == Verify::Source;
            isolate(&mut sides.source, &mut plan).await?;
            let plan = stage(&mut sides.target, &target, plan, job).await?;
            let subject = plan.subject(&source, &target);
            sides.target.set_lock_timeout(LOCK_WAIT).await?;
            let held = held(&mut sides.target, job, &plan, &subject).await?;
            timing.phase("PREPARE");
            let counted = count(&mut sides.source, &plan, job, &held.rows).await;
            let (rows, outside) = counted.map_err(|error| error.within("counting the source's rows"))?;
            timing.phase("COUNT");
            let looked = look(&mut sides.target, &plan, &rows, held).await?;
            timing.phase("PREPARE");
            let before = before(&mut sides.target, job, &subject).await?;
            timing.phase("PREPARE");
            Ok((plan, (rows, outside), source, target, (looked, before)))
        };
        let (plan, (rows, outside), source, target, ((findings, rows_at_target), before)) =
            prepared.await.map_err(|error: Error| job.named(error))?;
        Ok(Self { plan, rows, outside, sides, source, target, findings, before, rows_at_target, timing })
    }

    /// Looks for values that the target would refuse, in all windows at once. Changes nothing.
    ///
    /// # Errors
    /// Those of [`find::preflight`].
    pub async fn preflight(&mut self, job: &WindowsJob) -> Result<()> {
        let (Some((first, _)), Some((last, _))) = (self.rows.first(), self.rows.last()) else {
            return Ok(());
        };
        let (mapping, filter) = match (first.days(), last.days()) {
            (Some(first), Some(last)) => {
                let all = self.plan.limited(DayRange { first: first.first, next: last.next }.into());
                (all.mapping.clone(), all.filter())
            }
            // All ranges of a cut have all rows.
            _ => (self.plan.base.mapping.clone(), None),
        };
        let mut retries = Backoff::default().retries();
        loop {
            let source = &mut self.sides.source;
            let looked = find::preflight(source, &self.source, &mapping, filter.clone()).await;
            if let Some(settled) = retries.settled(looked).await {
                return settled.map_err(|error| job.named(error));
            }
            self.sides.source = Session::take(&job.source, Role::Source).await?;
        }
    }

    /// Asked again by [`super::run`].
    ///
    /// # Errors
    /// Those of [`crate::plan::Plan::allowed`], and what the windows would destroy.
    pub fn allowed(&self) -> Result<()> {
        self.plan.base.allowed()?;
        self.findings.refusal.clone().map_or(Ok(()), Err)
    }

    /// Everything that would happen, line by line.
    pub fn explain(&self) -> Vec<ExplainLine> {
        let mut lines = self.plan.explain(&self.rows, &self.outside());
        lines.extend(self.findings.explain());
        lines
    }

    /// What the user ought to know before it happens.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = [&self.plan.base.warnings[..], &self.findings.warnings].concat();
        let outside = self.outside();
        warnings.extend(outside.into_iter().map(|rows| format!("at the source, {rows}")));
        warnings
    }

    /// What is to be said of rows in no window.
    fn outside(&self) -> Vec<String> {
        let endless = self.rows.iter().any(|(window, _)| window.is_endless());
        self.outside.told(&self.plan.cut_by, endless, "not copied")
    }
}

/// What the target has of the windows, as far as anybody wants to know.
async fn held(
    target: &mut Session,
    job: &WindowsJob,
    plan: &WindowedPlan,
    subject: &Subject,
) -> Result<RowsAtTarget> {
    let rows: Vec<_> = job.windows.iter().map(|window| (window.clone(), 0)).collect();
    let complete = complete(target, job, subject, &rows).await?;
    let mut held = RowsAtTarget::default();
    if !complete.is_empty() || plan.base.allowance.shrink != Some(Shrink::ANY) {
        held.rows = guard::rows_at_target(target, plan, &job.windows).await?;
    }
    let seem_unchanged = complete
        .into_iter()
        .filter(|complete| held.rows.get(&complete.window) == Some(&complete.fingerprint.rows));
    held.passed_over = seem_unchanged.map(|complete| complete.window).collect();
    Ok(held)
}

/// What the windows would destroy.
async fn look(
    target: &mut Session,
    plan: &WindowedPlan,
    rows: &[(Window, u64)],
    held: RowsAtTarget,
) -> Result<(Findings, RowsAtTarget)> {
    let replaced: Vec<_> =
        rows.iter().filter(|(window, _)| !held.passed_over.contains(window)).cloned().collect();
    let findings = guard::look_at_windows(target, plan, &replaced, Some(&held.rows)).await?;
    Ok((findings, held))
}

/// The windows that a run would skip by what is on record. The run asks again, once it holds the table.
async fn complete(
    target: &mut Session,
    job: &WindowsJob,
    subject: &Subject,
    rows: &[(Window, u64)],
) -> Result<Vec<Complete>> {
    if job.resume != ResumeMode::Resume {
        return Ok(Vec::new());
    }
    let asked = async {
        if !ledger::exists(target).await? {
            return Ok(Vec::new());
        }
        let windows = planned(rows);
        ledger::skippable(target, &run_options(job, subject, &windows)).await
    };
    match asked.await {
        // The run will say so. Until then nothing is taken for complete.
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::debug!("{}: {error}", job.table);
            Ok(Vec::new())
        }
        asked => asked,
    }
}

/// The rows of complete windows, where the next run's choice is made of how many of them change. What is not to be learnt
/// has changed.
async fn before(
    target: &mut Session,
    job: &WindowsJob,
    subject: &Subject,
) -> Result<HashMap<Window, Fingerprint>> {
    if job.options.apply != Apply::Auto {
        return Ok(HashMap::new());
    }
    let asked;
    let known = match &job.on_record {
        Some(known) => known,
        None => {
            asked = match ledger::windows(target, &subject.table).await {
                Ok(known) => known,
                Err(error) if error.server().is_some() && !error.is_transient() => {
                    log::debug!("{}: {error}", job.table);
                    Vec::new()
                }
                Err(error) => return Err(error),
            };
            &asked
        }
    };
    let same = known.iter().filter(|known| known.subject == *subject);
    Ok(same.filter_map(|known| Some((known.window.clone(), known.fingerprint?))).collect())
}

/// Finds out whether the source may be read under SNAPSHOT isolation: a view may reach into databases that forbid it.
async fn isolate(source: &mut Session, plan: &mut WindowedPlan) -> Result<()> {
    if !plan.base.snapshot {
        return source.set_isolation(Isolation::ReadCommitted).await;
    }
    source.set_isolation(Isolation::Snapshot).await?;
    let probe = format!("SELECT TOP (1) 1 FROM {}", plan.base.rows_from);
    match read::numbers(source.lane()?, probe).await {
        Err(error) if forbids_snapshot(&error) => {
            log::warn!("{}: {error}; going on without SNAPSHOT isolation", plan.base.source);
            plan.base.snapshot = false;
            source.set_isolation(Isolation::ReadCommitted).await
        }
        other => other.map(drop),
    }
}

/// Finds out how windows become visible: as asked, or switched in where they are partitions. A server that does not say
/// leaves them to the ordinary way.
async fn stage(
    session: &mut Session,
    target: &Table,
    plan: WindowedPlan,
    job: &WindowsJob,
) -> Result<WindowedPlan> {
    if plan.base.difference.is_some() {
        return Ok(plan);
    }
    match job.options.publish {
        Publish::Direct => return Ok(plan.because(Reason::PublishDirect)),
        Publish::Staged => return Ok(plan.staged(target)),
        Publish::Switch => {
            let (broken, twins) = switch_rules(session, target, &plan).await?;
            let plan = switched_in(session, target, plan, (&job.windows, Some(twins))).await?;
            return Ok(plan.switching_all(&job.windows, broken));
        }
        Publish::Auto => {}
    }
    switched_in(session, target, plan, (&job.windows, None)).await
}

async fn switched_in(
    session: &mut Session,
    target: &Table,
    plan: WindowedPlan,
    (windows, twins): (&[Window], Option<Twins>),
) -> Result<WindowedPlan> {
    if !plan.base.strategy.may_stage() || !target.base_index().is_some_and(|index| index.partitioned) {
        return Ok(plan);
    }
    match Layout::read(session, &target.object.name, &target.columns).await {
        Ok(layout) => Ok(plan.with_staging(target, (layout, twins), windows)),
        Err(error) if error.server().is_some() && !error.is_transient() => {
            let why = format!("the partitions are not to be learnt ({error})");
            Ok(plan.because(Reason::NoSwitch { why }))
        }
        Err(error) => Err(error),
    }
}

/// Rows of each window, and of none. Where a cut came with estimates, they do as long as no row could be lost: to count
/// reads an index of the source from end to end.
async fn count(
    source: &mut Session,
    plan: &WindowedPlan,
    job: &WindowsJob,
    held: &HashMap<Window, u64>,
) -> Result<(Vec<(Window, u64)>, Outside)> {
    let windows = &job.windows;
    let are_estimated = job.estimated_rows.len() == windows.len();
    let counts = if are_estimated && held.values().all(|rows| *rows == 0) {
        job.estimated_rows.clone()
    } else {
        guard::rows_at_source(source, plan, windows).await?
    };
    let outside = match plan.outside() {
        Some(outside) => Outside::counted(&read::numbers(source.lane()?, outside).await?),
        None => Outside::default(),
    };
    Ok((windows.iter().cloned().zip(counts).collect(), outside))
}
