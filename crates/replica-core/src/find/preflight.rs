//! Before a copy: would something fail?
use super::{Finding, LookedFor, Search, find};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::types::mapping::Mapping;
use crate::window::Filter;

/// Looks at exactly the columns, and with a filter at exactly the rows, that are about to be copied. What would only be
/// rounded or lost is a warning in the log.
///
/// # Errors
/// Of kind `Data`: values that the target would refuse, all of them. Those of [`find`].
pub async fn preflight(
    session: &mut Session,
    source: &Table,
    mapping: &Mapping,
    filter: Option<Filter>,
) -> Result<()> {
    let search = Search { source, columns: &mapping.columns, looked_for: LookedFor::All, filter, rows: 1 };
    let (refused, changed): (Vec<_>, Vec<_>) =
        find(session, &search).await?.into_iter().partition(|finding| finding.problem.is_refused());
    let table = &source.object.name;
    changed.iter().for_each(|finding| log::warn!("{table}: column {finding}"));
    if refused.is_empty() {
        return Ok(());
    }
    let list = refused.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ");
    Err(Error::data(format!("the target would refuse values: {list}"))
        .remedy("Widen the target's columns, or mend the values at the source. Nothing was written")
        .table(table))
}
