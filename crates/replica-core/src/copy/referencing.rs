//! The last look at foreign keys, before old rows are gone for good: the plan may be hours old.
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::read;
use crate::session::Session;

/// In the transaction that has deleted rows: none was taken along by a key that was made, or enabled, since the plan.
/// One that is made or enabled after this look finds the rows gone already, and takes none along.
///
/// # Errors
/// There is such a key: the transaction must not commit. The server's.
pub(super) async fn still_rest(target: &mut Session, plan: &Plan) -> Result<()> {
    let Some(acting) = plan.acting_keys() else { return Ok(()) };
    if read::number(target.lane()?, acting).await? == Some(0) {
        return Ok(());
    }
    Err(Error::data(
        "a foreign key that deletes or changes rows of other tables has been made, or enabled, since the run began",
    )
    .remedy("What it did was rolled back. Disable it for as long as the run lasts"))
}
