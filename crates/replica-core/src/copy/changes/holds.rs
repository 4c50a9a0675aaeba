//! Whether a version on record holds, for those who do not carry changes over.
use super::judge::judge;
use super::source::{SourceNow, facts};
use crate::error::{Error, Result};
use crate::ledger::{Method, RecordedVersion};
use crate::session::Session;

/// Asks the source whether what changed after the version can be had of a table, by its name and its id.
///
/// # Errors
/// It cannot, and why; the server's.
pub(crate) async fn check_holds(
    source: &mut Session,
    known: &RecordedVersion,
    (name, id): (&str, i64),
) -> Result<()> {
    let facts = facts(source).await?;
    let method = known.version.method;
    let now = SourceNow::ask(source, &[id], method == Method::RowVersion).await?;
    let table = now.tables.get(&id).cloned().unwrap_or_default();
    let remedy = "Run replicate-changes, or leave out --as-of-ledger";
    if method == Method::ChangeTracking && (now.version.is_none() || table.min_valid.is_none()) {
        return Err(Error::data("the source does not track its changes any more, or not for this login")
            .remedy(format!("{remedy}. The login needs VIEW CHANGE TRACKING on it")));
    }
    judge(Some(known), (&facts, name), &now, &table, id)
        .map_err(|reset| Error::data(format!("its version on record does not hold: {reset}")).remedy(remedy))
}
