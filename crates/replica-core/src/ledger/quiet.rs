//! For how long nobody else has written a table's rows, as far as the ledger knows.
//!
//! Whoever reads the source before it holds the target's table asks: what others have committed since may be newer than what
//! was read. All of it is by the server's clock, since no two clocks agree. Each time is put on record after its rows were
//! read and before the table is free again: whoever holds the table sees it.
use std::time::Duration;

use crate::catalog::record::CatalogRow;

/// Nobody asks for what is longer ago.
const MOST: Duration = Duration::from_secs(300);

/// Whether a time is not too long ago to be asked for.
pub(super) fn is_recent(time: &str) -> String {
    format!("{time} > DATEADD(second, -{}, SYSUTCDATETIME())", MOST.as_secs())
}

/// A column that [`quiet`] reads: how long ago a time was, where [`is_recent`]. DATEDIFF of others may overflow.
pub(super) fn ago(time: &str) -> String {
    format!("CASE WHEN {} THEN DATEDIFF(millisecond, {time}, SYSUTCDATETIME()) END AS ago", is_recent(time))
}

/// The least of these rows' [`ago`].
pub(crate) fn quiet<'a>(rows: impl IntoIterator<Item = &'a CatalogRow>) -> Duration {
    let ago = rows.into_iter().filter_map(|row| row.int("ago"));
    ago.min().map_or(MOST, |ago| Duration::from_millis(u64::try_from(ago).unwrap_or_default()))
}

/// A statement that asks when changes were last applied to the table whose id a parameter has: one result for [`quiet`],
/// with or without such a ledger. Nobody waits for a reader that asks for no locks.
pub(crate) fn changes_applied(id: &str) -> String {
    format!(
        "IF OBJECT_ID(N'replica.versions') IS NULL SELECT NULL AS ago ELSE \
         SELECT {} FROM replica.versions WITH (NOLOCK) WHERE versions.object_id = {id}",
        ago("versions.recorded")
    )
}
