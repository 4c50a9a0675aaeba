//! A table or a window brought in step by writing only the rows that differ.
//!
//! Both sides are compared as [`verify`](crate::verify) compares them. What differs is staged in the target's session, and
//! written from there in one transaction ([`apply`]). A failure anywhere before its commit leaves the old rows: what was
//! staged goes with the session. Sides that are equal cost a comparison, and no third connection.
pub(super) mod apply;
mod children;
pub(super) mod stage;
pub(super) mod suspended;

use std::time::Instant;

use super::Sides;
use super::guard::ReplacedRows;
use super::replace::LOCK_WAIT;
use super::window::WindowError;
use crate::compare::merge::Merge;
use crate::compare::{self, Comparison, FirstPass, Reading, Throttle};
use crate::config::Endpoint;
use crate::copy::{Verify, WrittenRows, proof};
use crate::error::{Error, Result};
use crate::ledger::{Claim, Loaded, Replaced};
use crate::load::{LoadOutcome, Progress};
use crate::plan::{DifferencePlan, Plan};
use crate::report::{Timing, human_count};
use crate::session::{Isolation, Role, Session};
use apply::{ApplyStep, Staged};
use stage::Differing;

/// What is to be brought in step, and how.
pub(super) struct DifferenceJob<'a> {
    /// For people.
    pub what: String,
    pub target: &'a Endpoint,
    pub plan: &'a Plan,
    pub difference: &'a DifferencePlan,
    pub comparison: &'a Comparison,
    /// SNAPSHOT isolation was not refused.
    pub snapshot: bool,
    pub verify: Verify,
    pub on_record: OnRecord<'a>,
}

/// What the ledger is told in the transaction of the rows.
#[derive(Clone, Copy)]
pub(super) enum OnRecord<'a> {
    Nothing,
    /// The windows whose rows were replaced.
    Replaced(&'a Replaced<'a>),
    /// The window is complete.
    Window(&'a Claim),
}

impl OnRecord<'_> {
    /// Within the open transaction, as its last statement. `unfinished`: there is more to come before a window is complete.
    async fn tell(self, target: &mut Session, outcome: &LoadOutcome, unfinished: bool) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Replaced(replaced) => replaced.mark(target).await,
            Self::Window(claim) if unfinished => claim.check(target).await,
            Self::Window(claim) => {
                let (fingerprint, bytes, loading) = (outcome.fingerprint, outcome.bytes, outcome.elapsed);
                claim.complete(target, &Loaded { fingerprint, bytes, loading, ..Loaded::default() }).await
            }
        }
    }
}

/// Writes the rows that differ. The sides may be used again; after an error they are of no use any more.
///
/// # Errors
/// Nothing was written, unless the error came with the commit.
pub(super) async fn write(
    sides: &mut Sides,
    job: &DifferenceJob<'_>,
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(LoadOutcome, WrittenRows), WindowError> {
    let (begun, throttle) = (Instant::now(), Throttle::new(None));
    let reading =
        Reading { comparison: job.comparison, throttle: &throttle, snapshot: job.snapshot, show_rows: 0 };
    reading.begin(&mut sides.source, Role::Source).await?;
    reading.begin(&mut sides.target, Role::Target).await?;
    let window = job.plan.limits.as_ref().map(|limits| limits.window.clone());
    let mut compared = |rows| progress(Progress { rows, bytes: 0 });
    let first = FirstPass::of(sides.both(), &reading, window.clone(), false, &mut compared).await?;
    let (source, target) = (first.source.total, first.target.total);
    ReplacedRows::counted(target.rows, job.plan).check(source.rows)?;
    timing.phase("COMPARE");
    let outcome = |fingerprint, (bytes, differing)| LoadOutcome {
        fingerprint,
        bytes,
        differing: Some(differing),
        elapsed: begun.elapsed(),
    };
    let staged = match &first.differing {
        None => None,
        Some(part) => {
            let mut writer = Session::take(job.target, Role::Target).await?;
            writer.works_on(&job.what);
            writer.set_lock_timeout(LOCK_WAIT).await?;
            let key = &job.difference.key;
            let mut differing =
                Differing::new(Merge::open(sides.both(), &reading, part, key, true).await?, key, job.plan);
            let bytes = stage::stage(&mut differing, &mut writer, job, progress).await?;
            let (counts, part_now) = differing.end().await?;
            let was = part.sum(source, first.source.groups.as_ref());
            timing.phase("STAGE");
            Some((writer, counts, compare::now(source, was, part_now), bytes))
        }
    };
    if job.plan.reread {
        let sent = staged.as_ref().map_or(source, |(_, _, fingerprint, _)| *fingerprint);
        let again = compare::again(&mut sides.source, &reading, window).await?;
        timing.phase("REREAD");
        proof::same_again(job.snapshot && job.comparison.allows_snapshot(Role::Source), sent, again)?;
    }
    compare::end(&mut sides.source).await?;
    compare::end(&mut sides.target).await?;
    // The ledger's rows are written on this session, too: under SNAPSHOT that would meet with others (error 3960).
    sides.target.set_isolation(Isolation::ReadCommitted).await?;
    match staged {
        Some((mut writer, counts, fingerprint, bytes)) if !counts.is_nothing() => {
            let outcome = outcome(fingerprint, (bytes, WrittenRows::from(counts).all()));
            let written = apply_staged(&mut writer, job, counts, &outcome, timing).await?;
            // What was staged goes with the reset.
            writer.give_back().await;
            log::info!("{}: {written}, of {} rows", job.what, human_count(fingerprint.rows));
            Ok((outcome, written.into()))
        }
        Some((writer, _, fingerprint, _)) => {
            writer.give_back().await;
            equal(sides, job, outcome(fingerprint, (0, 0))).await
        }
        None => equal(sides, job, outcome(source, (0, 0))).await,
    }
}

/// Writes what was staged in one transaction, with what the ledger is told. Says what was written.
///
/// # Errors
/// It was rolled back, unless the error came with the commit.
async fn apply_staged(
    target: &mut Session,
    job: &DifferenceJob<'_>,
    staged: Staged,
    outcome: &LoadOutcome,
    timing: &mut Timing,
) -> Result<Staged, WindowError> {
    let (plan, difference) = (job.plan, job.difference);
    let keys_rest = false;
    let mut step = ApplyStep { what: &job.what, plan, difference, staged, keys: staged.gone, keys_rest };
    step.settle(target).await?;
    let mut written = write_all(target, job, &step, outcome).await;
    if let Err(error) = &written
        && difference.points_at_itself
        && suspended::is_held(error)
    {
        log::debug!("{error}; once more, with the table's foreign keys to itself suspended");
        step.keys_rest = true;
        written = write_all(target, job, &step, outcome).await;
    }
    written?;
    commit(target, outcome).await?;
    timing.phase("APPLY");
    Ok(step.staged)
}

/// All but the commit, in a transaction of its own.
async fn write_all(
    target: &mut Session,
    job: &DifferenceJob<'_>,
    step: &ApplyStep<'_>,
    outcome: &LoadOutcome,
) -> Result<()> {
    let plan = job.plan;
    target.lane()?.begin().await?;
    let written = async {
        let keys =
            if step.keys_rest { suspended::suspend(target, &[plan.target_id]).await? } else { Vec::new() };
        step.write(target).await?;
        suspended::restore(target, &keys).await?;
        // Rows that stay for now are not the source's.
        let verify = if plan.keep_gone { Verify::Nothing } else { job.verify.by(plan) };
        if let Some(different) = proof::difference(target, plan, verify, outcome.fingerprint).await? {
            return Err(different.within("reading the target back").remedy("The old rows were kept"));
        }
        job.on_record.tell(target, outcome, plan.keep_gone).await
    };
    let written = written.await;
    if let Err(error) = &written {
        roll_back(target, error).await?;
    }
    written
}

/// After an error that is not the server's, which has ended the transaction by itself.
pub(super) async fn roll_back(target: &mut Session, error: &Error) -> Result<()> {
    if error.server().is_none() && target.lane().is_ok_and(|lane| lane.is_idle()) {
        target.lane()?.rollback().await?;
    }
    Ok(())
}

/// There is nothing to write but, of a window, that it is complete.
async fn equal(
    sides: &mut Sides,
    job: &DifferenceJob<'_>,
    outcome: LoadOutcome,
) -> Result<(LoadOutcome, WrittenRows), WindowError> {
    log::info!("{}: nothing differs, of {} rows", job.what, human_count(outcome.fingerprint.rows));
    if let OnRecord::Window(_) = job.on_record {
        let target = &mut sides.target;
        target.lane()?.begin().await?;
        job.on_record.tell(target, &outcome, false).await?;
        commit(target, &outcome).await?;
    }
    Ok((outcome, WrittenRows::default()))
}

/// Commits, and says what it would have been should nobody know whether it happened.
async fn commit(target: &mut Session, outcome: &LoadOutcome) -> Result<(), WindowError> {
    let committed = target.lane()?.commit().await;
    committed.map_err(|error: Error| WindowError {
        error: error.within("COMMIT"),
        unless_committed: Some(*outcome),
    })
}
