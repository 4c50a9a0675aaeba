//! Before a copy: would something fail?
use super::{Filter, Finding, LookedFor, Search, find};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::session::Session;

/// Looks at exactly the columns, and with a filter at exactly the rows, that a plan is about to copy. What would only
/// be rounded or lost is a warning in the log.
///
/// # Errors
/// Of kind `Data`: values that the target would refuse, all of them. Those of [`find`].
pub async fn preflight(
    source: &mut Session,
    table: &Table,
    plan: &Plan,
    filter: Option<Filter>,
) -> Result<()> {
    let columns = &plan.mapping.columns;
    let search = Search { source: table, columns, looked_for: LookedFor::All, filter, rows: 1 };
    let (refused, changed): (Vec<_>, Vec<_>) =
        find(source, &search).await?.into_iter().partition(|finding| finding.problem.is_refused());
    changed.iter().for_each(|finding| log::warn!("{}: column {finding}", plan.target));
    if refused.is_empty() {
        return Ok(());
    }
    let list = refused.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ");
    Err(Error::data(format!("the target would refuse values, so nothing was written: {list}"))
        .remedy("Widen the target's columns, or mend the values at the source")
        .table(&plan.target))
}
