//! One window that is loaded into a table beside the target, and then published: switched in where it is a partition, or
//! copied over in one transaction (see [`crate::staging`]).
//!
//! A failure before that leaves the old rows; publishing is one transaction, with the ledger's row in it.
use std::time::{Duration, Instant};

use super::publish::{
    Filling, POLITE_WAIT, SwitchPatience, drop_all, drop_recorded, insert, is_lost, prove, switch,
};
use super::referencing::still_rest_and_ours;
use super::replace::LOCK_WAIT;
use super::window::WindowError;
use super::{Sides, Verify};
use crate::error::{Error, Kind, Result};
use crate::ledger::{self, Claim, Loaded};
use crate::load::{LoadOutcome, Progress};
use crate::plan::Plan;
use crate::report::Timing;
use crate::session::Session;
use crate::staging::StagingTables;

/// Why a window was not published.
pub(super) enum StagedError {
    /// The server does not let its rows change places.
    Refused(Error),
    /// What lies beside the target is not what was sent.
    Different(Error),
    Broken(WindowError),
}

impl From<Error> for StagedError {
    fn from(error: Error) -> Self {
        Self::Broken(error.into())
    }
}

/// Replaces the rows of a plan that is limited to a window. Answers how long it took to read back what was loaded, too.
pub(super) async fn replace(
    sides: &mut Sides,
    plan: &Plan,
    tables: &StagingTables,
    claim: &Claim,
    verify: Verify,
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(LoadOutcome, Duration), StagedError> {
    let replaced = attempt(sides, plan, tables, claim, verify, timing, progress).await;
    // They hold the old rows by now, or new ones that nobody wants. After a lost connection the run's end drops them.
    if !matches!(&replaced, Err(StagedError::Broken(broken)) if is_lost(&broken.error)) {
        drop_all(&mut sides.target, plan, claim.run_id(), tables).await;
    }
    replaced
}

async fn attempt(
    sides: &mut Sides,
    plan: &Plan,
    tables: &StagingTables,
    claim: &Claim,
    verify: Verify,
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(LoadOutcome, Duration), StagedError> {
    let target = &mut sides.target;
    target.set_lock_timeout(LOCK_WAIT).await?;
    ledger::open_staging(target).await?;
    let begun = Instant::now();
    // An attempt that was cut off may have left them; while the window is ours, so are they.
    drop_recorded(target, plan, tables, |_| true, Some(claim)).await?;
    let bare = tables.switch.is_empty();
    let reading = if bare { plan.unsorted() } else { plan.clone() };
    let beside = reading.beside(&tables.incoming, bare);
    let run = claim.run_id();
    let filling = Filling { plan: &reading, beside: &beside, tables, run, claim: Some(claim) };
    filling.make(&mut sides.target).await.map_err(|error| refused(error, tables))?;
    let outcome = filling.load(sides, timing, progress).await.map_err(|error| claim.told(error))?;
    let target = &mut sides.target;
    filling.finish(target, timing).await.map_err(|error| refused(error, tables))?;
    let reading_back = Instant::now();
    match prove(target, &beside, verify, &outcome, timing).await {
        Err(error) if error.kind() == Kind::Data => return Err(StagedError::Different(error)),
        proved => proved?,
    }
    let verifying = reading_back.elapsed();
    let loaded = Loaded {
        fingerprint: outcome.fingerprint,
        bytes: outcome.bytes,
        loading: begun.elapsed(),
        ..Loaded::default()
    };
    if bare {
        copy_over(target, plan, tables, claim, &loaded, outcome).await?;
        timing.phase("PUBLISH");
    } else {
        let switched = switch(target, plan, tables, claim.completion(&loaded)).await;
        switched.map_err(|error| after_batch(claim.told(error), tables, outcome))?;
        timing.phase("SWITCH");
    }
    Ok((outcome, verifying))
}

/// Replaces the window's rows by those beside the target, in one transaction.
async fn copy_over(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    claim: &Claim,
    loaded: &Loaded,
    outcome: LoadOutcome,
) -> Result<(), StagedError> {
    let mut patience = SwitchPatience::begin(target, plan, POLITE_WAIT).await?;
    loop {
        let copied = async {
            target.lane()?.begin().await?;
            target.execute_long(plan.empty()).await.map_err(|error| error.within("deleting the old rows"))?;
            still_rest_and_ours(target, plan, claim).await?;
            insert(target, plan, tables, outcome.fingerprint.rows).await?;
            claim.complete(target, loaded).await
        };
        let copied = copied.await;
        if let Some(settled) = patience.settled(target, copied).await {
            settled?;
            break;
        }
    }
    target.lane()?.commit().await.map_err(|error| {
        StagedError::Broken(WindowError { error: error.within("COMMIT"), unless_committed: Some(outcome) })
    })?;
    Ok(target.set_lock_timeout(LOCK_WAIT).await?)
}

/// What the server refuses, and would refuse again, is told apart: a window that cannot change places may go another way.
fn refused(error: Error, tables: &StagingTables) -> StagedError {
    let would_again = error.server().is_some() && !error.is_transient() && !ledger::is_lost(&error);
    if would_again && !tables.switch.is_empty() { StagedError::Refused(error) } else { error.into() }
}

/// Where the connection was lost the batch may have been carried out to its end.
fn after_batch(error: Error, tables: &StagingTables, outcome: LoadOutcome) -> StagedError {
    if is_lost(&error) && error.kind() != Kind::Busy {
        let error = error.within("COMMIT");
        return StagedError::Broken(WindowError { error, unless_committed: Some(outcome) });
    }
    refused(error, tables)
}
