//! The last look at foreign keys, before old rows are gone for good: the plan may be hours old.
//!
//! It is made in the transaction that has deleted rows: none was taken along by a key that was made, or enabled, since the
//! plan. A key that is made or enabled after this look finds the rows gone already, and takes none along.
use crate::error::{Error, Result};
use crate::ledger::Claim;
use crate::plan::Plan;
use crate::read;
use crate::session::Session;
use crate::tds::rpc::Query;

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
    let mut check = claim.fence();
    if let Some(acting) = plan.acting_keys(&mut check.params) {
        let throw = format!("THROW {ACTING_KEY}, N'A foreign key acts.', 1");
        check.sql.push_str(&format!("; IF EXISTS (SELECT 1{acting}) {throw}"));
    }
    match claim.run_fence(target, &check).await {
        Err(error) if error.has_number(ACTING_KEY) => {
            target.lane()?.rollback().await?;
            Err(acts())
        }
        settled => settled,
    }
}

fn acts() -> Error {
    Error::data(
        "a foreign key that deletes or changes rows of other tables has been made, or enabled, since the run began",
    )
    .remedy("What it did was rolled back. Disable it for as long as the run lasts")
}
