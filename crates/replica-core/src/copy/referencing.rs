//! The last look at foreign keys, before old rows are gone for good: the plan may be hours old.
//!
//! It is made in the transaction that has deleted rows: none was taken along by a key that was made, or enabled, since the
//! plan. A key that is made or enabled after this look finds the rows gone already, and takes none along.
use std::time::Duration;

use crate::error::{Error, Result};
use crate::ledger::{Claim, Clearing};
use crate::plan::Plan;
use crate::read;
use crate::session::Session;
use crate::tds::rpc::{Param, Query};

/// What the batch throws where there is such a key: a number above 50,000 is free (Microsoft docs, THROW).
const ACTING_KEY: u32 = 50_972;

/// # Errors
/// There is such a key: the transaction must not commit. The server's.
pub(super) async fn still_rest(target: &mut Session, plan: &Plan) -> Result<()> {
    let mut params = Vec::new();
    let Some(acting) = plan.acting_keys(&mut params) else { return Ok(()) };
    let query = Query { sql: format!("SELECT COUNT_BIG(*){acting}"), params };
    match read::number(target.lane()?, query).await? {
        Some(0) => Ok(()),
        _ => Err(acts()),
    }
}

/// The same of a window, with the look whether it is still ours, in one round trip: there may be thousands of batches.
///
/// # Errors
/// As of [`still_rest`] and [`Claim::check`]. The transaction is rolled back.
pub(super) async fn still_rest_and_ours(target: &mut Session, plan: &Plan, claim: &Claim) -> Result<()> {
    let mut params = Vec::new();
    let check = Query { sql: rest_and_ours(plan, claim, &mut params), params };
    match claim.run_fence(target, &check).await {
        Err(error) if error.has_number(ACTING_KEY) => {
            target.lane()?.rollback().await?;
            Err(acts())
        }
        settled => settled,
    }
}

/// Deletes rows of a window in a transaction of its own, which ends with the same look: all in one round trip. Says how
/// many.
///
/// # Errors
/// As of [`still_rest_and_ours`]; the DELETE's. The transaction is rolled back.
pub(super) async fn delete_while_ours(
    target: &mut Session,
    plan: &Plan,
    claim: &Claim,
    mut delete: Query,
) -> Result<u64> {
    let check = rest_and_ours(plan, claim, &mut delete.params);
    // What counts is the DELETE. The call ends with as many transactions as it began with, or it would be error 266.
    delete.sql = format!("BEGIN TRANSACTION; {}; SET NOCOUNT ON; {check}; COMMIT TRANSACTION", delete.sql);
    match target.execute_long(delete).await {
        Ok(deleted) => Ok(deleted.rows.unwrap_or_default()),
        Err(error) if error.server().is_some() => {
            // A relative of SQL Server may leave that to us.
            target.lane()?.rollback().await?;
            Err(told(claim, error))
        }
        Err(error) => Err(error),
    }
}

/// What a DELETE ended with that had these looks at its end.
pub(super) fn told(claim: &Claim, error: Error) -> Error {
    if error.has_number(ACTING_KEY) { acts() } else { claim.told(error) }
}

/// A window's DELETE, to go with its claim.
pub(super) fn clearing(plan: &Plan, lock_wait: Duration) -> Clearing {
    let (mut delete, batch) = plan.delete();
    let look = batch.is_none().then(|| plan.any_old_row().sql);
    let check = rest(plan, &mut delete.params);
    Clearing { delete, look, check, lock_wait }
}

fn rest_and_ours(plan: &Plan, claim: &Claim, params: &mut Vec<Param>) -> String {
    let check = claim.fence_among(params);
    match rest(plan, params) {
        Some(rest) => format!("{check}; {rest}"),
        None => check,
    }
}

fn rest(plan: &Plan, params: &mut Vec<Param>) -> Option<String> {
    let acting = plan.acting_keys(params)?;
    Some(format!("IF EXISTS (SELECT 1{acting}) THROW {ACTING_KEY}, N'A foreign key acts.', 1"))
}

fn acts() -> Error {
    Error::data(
        "a foreign key that deletes or changes rows of other tables has been made, or enabled, since the run began",
    )
    .remedy("What it did was rolled back. Disable it for as long as the run lasts")
}
