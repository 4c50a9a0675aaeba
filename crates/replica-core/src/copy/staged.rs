//! One window that is a partition: loaded into a table beside the target, then switched in (see [`crate::staging`]).
//!
//! A failure before the switch leaves the old rows; the switch itself is one transaction, with the ledger's row in it.
use std::time::Instant;

use super::Sides;
use super::proof;
use super::replace::LOCK_WAIT;
use super::source::ConnectedSource;
use super::window::WindowError;
use crate::error::{Error, Result};
use crate::identity;
use crate::ledger::{Claim, Loaded};
use crate::load::{self, Load, LoadOutcome, Progress};
use crate::plan::Plan;
use crate::report::Timing;
use crate::session::Session;
use crate::staging::{StagedWindow, Staging};

/// Why a window was not switched in.
pub(super) enum StagedError {
    /// The server does not let us: there is the ordinary way.
    Refused(Error),
    Broken(WindowError),
}

impl From<Error> for StagedError {
    fn from(error: Error) -> Self {
        Self::Broken(error.into())
    }
}

/// Replaces the rows of a plan that is limited to a window with a partition of its own.
pub(super) async fn replace(
    sides: &mut Sides,
    plan: &Plan,
    (staging, stage): (&Staging, &StagedWindow),
    claim: &Claim,
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome, StagedError> {
    let Sides { source, target } = sides;
    target.set_lock_timeout(LOCK_WAIT).await?;
    let begun = Instant::now();
    // An attempt that was cut off may have left them.
    run(target, &stage.drop).await?;
    run(target, &stage.create).await?;
    let rows = source.rows(plan, timing, progress).await?;
    let load = Load { fence: Some(claim.fence()), ..staged(plan.load(rows.columns())?, stage) };
    target.lane()?.begin().await?;
    let outcome = load::stream(rows, target.lane()?, &load, progress).await?;
    // Whoever has taken the window over has tables of the same names.
    claim.check(target).await?;
    target.lane()?.commit().await?;
    timing.phase("INSERT");
    proof::reread(source, plan, outcome.fingerprint, timing).await?;
    run(target, &stage.finish).await?;
    timing.phase("BUILD_IDX");
    if stage.has_identity {
        identity::move_on(target, &plan.target, &stage.incoming).await?;
    }
    let loaded = Loaded {
        fingerprint: outcome.fingerprint,
        bytes: outcome.bytes,
        loading: begun.elapsed(),
        ..Loaded::default()
    };
    target.lane()?.begin().await?;
    if let Err(refused) = switch(target, staging, stage, claim).await {
        target.lane()?.rollback().await?;
        run(target, &stage.drop).await?;
        return Err(refused);
    }
    claim.complete(target, &loaded).await?;
    let committed = target.lane()?.commit().await;
    committed.map_err(|error| {
        StagedError::Broken(WindowError { error: error.within("COMMIT"), unless_committed: Some(outcome) })
    })?;
    timing.phase("SWITCH");
    // They hold the old rows by now, which nobody wants.
    if let Err(StagedError::Refused(error)) = run(target, &stage.drop).await {
        log::warn!("{}: {} is left behind: {error}", plan.target, stage.outgoing);
    }
    Ok(outcome)
}

async fn switch(
    target: &mut Session,
    staging: &Staging,
    stage: &StagedWindow,
    claim: &Claim,
) -> Result<(), StagedError> {
    run(target, &stage.switch).await?;
    if staging.holds(target, &claim.window).await? {
        Ok(())
    } else {
        Err(StagedError::Refused(Error::data("the window is no partition of its own any more")))
    }
}

/// A load for the table beside the target, which nobody else has.
fn staged(load: Load, stage: &StagedWindow) -> Load {
    let mut hints = load.hints;
    if !hints.iter().any(|hint| hint == "TABLOCK") {
        hints.push("TABLOCK".into());
    }
    Load { table: stage.incoming.quoted(), hints, ..load }
}

/// Statements of DDL. What the server refuses, and would refuse again, is told apart.
async fn run(target: &mut Session, statements: &[String]) -> Result<(), StagedError> {
    for sql in statements {
        match target.execute_long(sql).await {
            Ok(_) => {}
            Err(error) if error.server().is_some() && !error.is_transient() => {
                return Err(StagedError::Refused(error));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
