//! One window, begin to end: its old rows go, batch by batch or at once, then the new ones come, commit by commit.
//!
//! The order survives a crash: the ledger says `loading` before the first old row goes, and `complete` in the
//! transaction of the last new one (see [`crate::ledger`]). No transaction takes a lock on the table after a weaker one.
use std::time::{Duration, Instant};

use super::Sides;
use super::proof;
use super::referencing::{delete_while_ours, told};
use super::replace::LOCK_WAIT;
use super::source::ConnectedSource;
use crate::error::{Error, Result};
use crate::ledger::{Claim, Loaded};
use crate::load::{self, LoadOutcome, Progress};
use crate::plan::Plan;
use crate::read;
use crate::report::Timing;
use crate::session::Session;
use crate::session::applock::{self, LockMode};

/// How long a load waits for the other loads of its table before it says so and waits on.
const LOAD_LOCK_WAIT: Duration = Duration::from_secs(60);

/// A window that was not replaced.
#[derive(Debug)]
pub(super) struct WindowError {
    pub error: Error,
    /// The connection broke at the last COMMIT: if that happened all the same, this is what was loaded.
    pub unless_committed: Option<LoadOutcome>,
}

impl From<Error> for WindowError {
    fn from(error: Error) -> Self {
        Self { error, unless_committed: None }
    }
}

/// Replaces the rows of a plan that is limited to a window.
pub(super) async fn replace(
    sides: &mut Sides,
    plan: &Plan,
    claim: &Claim,
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome, WindowError> {
    let Sides { source, target } = sides;
    target.set_lock_timeout(LOCK_WAIT).await?;
    let load_lock = format!("replica turn {}", plan.target);
    if plan.strategy.lock.serializes_loads() {
        timing.add("DELETE", Duration::ZERO);
        wait_for_load_lock(target, &load_lock, claim).await?;
        timing.phase("WAIT");
    }
    let begun = Instant::now();
    delete(target, plan, claim).await.map_err(|error| error.within("deleting the old rows"))?;
    timing.phase("DELETE");
    let with_claim = claim.cleared.as_ref().map_or(Duration::ZERO, |cleared| cleared.took);
    let (deleting, begun) = (with_claim + begun.elapsed(), Instant::now());
    // At once: the transaction holds nothing before its first chunk.
    let (rows, begun_at_target) =
        tokio::join!(source.rows(plan, timing, progress), async { target.lane()?.begin().await });
    begun_at_target?;
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => {
            target.lane()?.rollback().await?;
            return Err(error.into());
        }
    };
    let load = load::Load { fence: Some(claim.fence()), ..plan.load(rows.columns())? };
    let outcome = load::stream(rows, target.lane()?, &load, progress).await?;
    timing.phase("INSERT");
    proof::reread(source, plan, outcome.fingerprint, timing).await?;
    let loaded =
        Loaded { fingerprint: outcome.fingerprint, bytes: outcome.bytes, deleting, loading: begun.elapsed() };
    claim.complete(target, &loaded).await?;
    target
        .lane()?
        .commit()
        .await
        .map_err(|error| WindowError { error: error.within("COMMIT"), unless_committed: Some(outcome) })?;
    timing.phase("INSERT");
    if plan.strategy.lock.serializes_loads() {
        applock::release(target, &load_lock).await?;
    }
    Ok(outcome)
}

/// Loads that lock the table exclusively: one after the other, each before it holds anything else.
async fn wait_for_load_lock(target: &mut Session, load_lock: &str, claim: &Claim) -> Result<()> {
    while !applock::take(target, load_lock, LockMode::Exclusive, LOAD_LOCK_WAIT).await? {
        log::info!("{}: waits for its turn to lock the table", claim.window);
    }
    Ok(())
}

/// In transactions of their own, so that no lock is kept that a load's stronger one could meet.
async fn delete(target: &mut Session, plan: &Plan, claim: &Claim) -> Result<()> {
    let (delete, batch) = plan.delete();
    let mut with_claim = claim.cleared.as_ref();
    if batch.is_none() && with_claim.is_none() && is_empty(target, plan).await? {
        // Nothing to lock the table for.
        return Ok(());
    }
    loop {
        let deleted = match with_claim.take() {
            Some(cleared) => cleared.deleted.clone().map_err(|error| told(claim, error))?,
            None => delete_while_ours(target, plan, claim, delete.clone()).await?,
        };
        if batch.is_none_or(|batch| deleted < batch) {
            return Ok(());
        }
    }
}

/// A server that refuses to look may have rows.
async fn is_empty(target: &mut Session, plan: &Plan) -> Result<bool> {
    match read::numbers(target.lane()?, plan.any_old_row()).await {
        Ok(rows) => Ok(rows.is_empty()),
        Err(error) if error.server().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}
