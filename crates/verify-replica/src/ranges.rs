//! Ranges of a key that the ledger has of a table.
use replica_core::catalog::TableName;
use replica_core::error::{Error, Result};
use replica_core::ledger;
use replica_core::session::Session;
use replica_core::verify::Comparison;
use replica_core::window::{KeyRange, Window};

/// What the ledger has of a table that was copied by ranges.
#[derive(Default)]
pub struct RecordedRanges {
    /// What they are cut by, as the source names it.
    pub columns: Vec<String>,
    ranges: Vec<KeyRange>,
    cut_as: Vec<ledger::Subject>,
}

/// # Errors
/// The ledger has none, or not all of one cut.
pub async fn on_record(target: &mut Session, table: &TableName) -> Result<RecordedRanges> {
    let known =
        if ledger::exists(target).await? { ledger::windows(target, table).await? } else { Vec::new() };
    let mut found = RecordedRanges::default();
    for known in known {
        if let Window::Keys(range) = known.window {
            found.columns = known.subject.cut_by.split(", ").map(str::to_owned).collect();
            found.ranges.push(range);
            found.cut_as.push(known.subject);
        }
    }
    if !KeyRange::are_whole(&found.ranges.iter().collect::<Vec<_>>()) {
        return Err(Error::data("the ledger has no ranges of it, or not all of them")
            .remedy("Leave out --key-ranges, or copy it with replicate-key-ranges-parallel-streaming")
            .table(table));
    }
    Ok(found)
}

impl RecordedRanges {
    /// The ranges, for a comparison that is cut by the same key.
    ///
    /// # Errors
    /// They were cut when the key was another one, or of other types: they may mean other rows now.
    pub fn of(self, comparison: &Comparison) -> Result<Vec<Window>> {
        let differs = |was: &ledger::Subject| comparison.subject.as_ref().and_then(|now| was.difference(now));
        if let Some(difference) = self.cut_as.iter().find_map(differs) {
            return Err(Error::data(format!(
                "the ranges on record are not of this table as it is now: {difference}"
            ))
            .remedy(
                "Copy it again with replicate-key-ranges-parallel-streaming, or leave out --key-ranges",
            ));
        }
        log::info!(
            "{}: compared by the {} ranges that the ledger has of it",
            comparison.source,
            self.ranges.len()
        );
        Ok(self.ranges.into_iter().map(Into::into).collect())
    }
}
