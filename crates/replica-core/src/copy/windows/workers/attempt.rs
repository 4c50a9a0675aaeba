//! One attempt at one window: indexes, the copy, what became of a COMMIT whose answer was lost, and the proof.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Connected, WorkerPool};
use crate::compare::{Comparison, ComparisonOptions};
use crate::config::Publish;
use crate::copy::difference::{DifferenceJob, OnRecord, write as write_difference};
use crate::copy::indexes;
use crate::copy::proof::difference;
use crate::copy::staged::StagedError;
use crate::copy::window::{self, WindowError};
use crate::copy::windows::IndexScope;
use crate::copy::{Sides, Verify, staged};
use crate::error::{Error, Result};
use crate::ledger::Claim;
use crate::load::{LoadOutcome, Progress};
use crate::plan::{DifferencePlan, Plan};
use crate::report::{Bar, CONNECT, Timing};
use crate::session::Session;
use crate::staging::StagingTables;
use crate::window::CutBy;

/// Why an attempt failed.
pub(super) enum AttemptError {
    /// What was read back is not what was sent.
    Different(Error),
    Other(Error),
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl WorkerPool {
    /// On the connections there are, or on new ones.
    pub(super) async fn attempt(
        &self,
        sides: &mut Connected,
        plan: &Plan,
        claim: &Claim,
        timing: &mut Timing,
        bar: &Bar,
    ) -> Result<LoadOutcome, AttemptError> {
        let moved = AtomicU64::new(0);
        let attempted = async {
            let is_new = sides.is_none();
            let sides = self.connected(sides).await?;
            if is_new {
                if plan.difference.is_none() {
                    // First in the line, whatever comes first in time.
                    timing.add("DELETE", Duration::ZERO);
                }
                timing.phase(CONNECT);
            }
            sides.work_on(format_args!("{} {}", self.job.label(), claim.window));
            self.load(sides, plan, claim, timing, &mut |so_far| {
                let before = moved.swap(so_far.rows, Ordering::Relaxed);
                bar.loaded(so_far);
                self.count(so_far.rows.saturating_sub(before));
            })
            .await
        };
        let result = attempted.await;
        if result.is_err() {
            self.count(0_u64.wrapping_sub(moved.load(Ordering::Relaxed)));
        }
        result
    }

    /// Rows that all workers have moved; those of an attempt that failed are taken off again.
    fn count(&self, rows: u64) {
        let before = self.moved.fetch_add(rows, Ordering::Relaxed);
        if let Some(total) = &self.total {
            total.set(before.wrapping_add(rows));
        }
    }

    async fn load(
        &self,
        sides: &mut Sides,
        plan: &Plan,
        claim: &Claim,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LoadOutcome, AttemptError> {
        if self.job.index_scope == IndexScope::Window && !plan.strategy.disable.is_empty() {
            // First in the line, whatever comes first in time.
            timing.add("DELETE", Duration::ZERO);
            indexes::disable(&mut sides.target, &self.run, &self.target, &plan.strategy.disable).await?;
            timing.phase("DISABLE_IDX");
        }
        if let Some(difference) = &plan.difference {
            // Boxed: it would double what every window holds on the stack.
            return Box::pin(self.write_difference(sides, (plan, difference), claim, timing, progress)).await;
        }
        let tables = self.plan.tables(&claim.window);
        let tables = tables.filter(|_| !self.switch_refused.load(Ordering::Relaxed));
        if let Some(tables) = tables {
            let published = Box::pin(self.publish(sides, (plan, &tables), claim, timing, progress)).await?;
            if let Some(outcome) = published {
                return Ok(outcome);
            }
        }
        let replaced = window::replace(sides, plan, claim, timing, progress).await;
        let outcome = self.committed(sides, replaced, claim, (timing, "INSERT")).await?;
        if self.job.index_scope == IndexScope::Window && !plan.strategy.disable.is_empty() {
            let work = indexes::rebuild(&mut sides.target, &self.target, None).await?;
            timing.phase("REBUILD_IDX");
            if let Some((_, error)) = work.refused.into_iter().next() {
                return Err(error.into());
            }
        }
        self.verify(&mut sides.target, plan, claim, outcome, timing).await?;
        Ok(outcome)
    }

    /// Loads a window beside the target, proves it there, and publishes it. `None`: the server does not let it change
    /// places, and nobody has asked for that.
    async fn publish(
        &self,
        sides: &mut Sides,
        (plan, tables): (&Plan, &StagingTables),
        claim: &Claim,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Option<LoadOutcome>, AttemptError> {
        let verify = self.job.verify.by(plan);
        let (replaced, verifying) =
            match staged::replace(sides, plan, tables, claim, verify, timing, progress).await {
                Ok((outcome, verifying)) => (Ok(outcome), Some(verifying)),
                Err(StagedError::Refused(error)) if self.job.options.publish == Publish::Switch => {
                    return Err(error.remedy("Say --publish staged or direct").into());
                }
                Err(StagedError::Refused(error)) => {
                    log::warn!("{}: no SWITCH: {error}", self.job.table);
                    self.switch_refused.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                Err(StagedError::Different(error)) => return Err(AttemptError::Different(error)),
                Err(StagedError::Broken(broken)) => (Err(broken), None),
            };
        let outcome = self.committed(sides, replaced, claim, (timing, "SWITCH")).await?;
        if let Some(verifying) = verifying.filter(|_| verify != Verify::Nothing) {
            claim.verified(&mut sides.target, verifying).await?;
        }
        Ok(Some(outcome))
    }

    /// Writes only the rows that differ.
    async fn write_difference(
        &self,
        sides: &mut Sides,
        (plan, difference): (&Plan, &DifferencePlan),
        claim: &Claim,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LoadOutcome, AttemptError> {
        let (date_column, key) = match &self.job.cut_by {
            CutBy::Date(_) => (Some(self.plan.cut_by.as_str()), &[][..]),
            CutBy::Key(columns) => (None, columns.as_slice()),
        };
        let ignore_extra_columns = self.job.options.ignore_extra_columns;
        let options = ComparisonOptions {
            ignore_extra_columns,
            date_column,
            windowed: true,
            key,
            ..ComparisonOptions::default()
        };
        let comparison = Comparison::new(&self.source, &self.target, options)?;
        let stretches = async || {
            let stretches = comparison.stretches(&mut sides.source, &self.source).await?;
            Ok::<_, Error>(stretches.map(Arc::new))
        };
        let stretches = self.stretches.get_or_try_init(stretches).await?.clone();
        let comparison = comparison.by(stretches);
        let job = DifferenceJob {
            what: format!("{} {}", self.job.table, claim.window),
            target: &self.job.target,
            plan,
            difference,
            comparison: &comparison,
            snapshot: plan.snapshot,
            // It is read back after the commit, as every window is.
            verify: Verify::Nothing,
            on_record: OnRecord::Window(claim),
        };
        let written = write_difference(sides, &job, timing, progress).await;
        let outcome =
            self.committed(sides, written.map(|(outcome, _)| outcome), claim, (timing, "APPLY")).await?;
        if !plan.keep_gone {
            self.verify(&mut sides.target, plan, claim, outcome, timing).await?;
        }
        Ok(outcome)
    }

    /// What was copied, even if the answer to its COMMIT was lost.
    async fn committed(
        &self,
        sides: &mut Sides,
        copied: Result<LoadOutcome, WindowError>,
        claim: &Claim,
        (timing, phase): (&mut Timing, &'static str),
    ) -> Result<LoadOutcome, AttemptError> {
        match copied {
            Ok(outcome) => Ok(outcome),
            Err(WindowError { error, unless_committed: Some(outcome) }) if error.server().is_none() => {
                *sides = self.after_broken_commit(claim, error).await?;
                timing.phase(phase);
                Ok(outcome)
            }
            Err(WindowError { error, .. }) => Err(error.into()),
        }
    }

    async fn verify(
        &self,
        target: &mut Session,
        plan: &Plan,
        claim: &Claim,
        outcome: LoadOutcome,
        timing: &mut Timing,
    ) -> Result<(), AttemptError> {
        let verify = self.job.verify.by(plan);
        if verify == Verify::Nothing {
            return Ok(());
        }
        let begun = Instant::now();
        let difference = difference(target, plan, verify, outcome.fingerprint).await;
        timing.phase("VERIFY");
        match difference.map_err(|error| error.within("reading the target back"))? {
            None => {
                claim.verified(target, begun.elapsed()).await?;
                timing.phase("VERIFY");
                Ok(())
            }
            Some(different) => Err(AttemptError::Different(different.remedy(
                "Columns with warnings (--explain) are the first to look at, triggers and other writers the next",
            ))),
        }
    }

    /// The connection was lost at COMMIT: the ledger's row, which was in that transaction, says whether it happened.
    /// New connections if it did, the error if it did not.
    async fn after_broken_commit(&self, claim: &Claim, lost: Error) -> Result<Sides> {
        let mut retries = self.retries();
        let asked = loop {
            let asked = async {
                let mut sides = Sides::connect(&self.job.source, &self.job.target).await?;
                let complete = claim.is_complete(&mut sides.target).await?;
                Ok((sides, complete))
            };
            if let Some(settled) = retries.settled(asked.await).await {
                break settled;
            }
        };
        match asked {
            Ok((sides, true)) => {
                log::info!("{} {}: {lost}; the ledger says that it happened", self.job.table, claim.window);
                Ok(sides)
            }
            Ok((_, false)) => Err(lost),
            Err(error) => Err(error.within("asking the ledger whether the window is complete")),
        }
    }
}
