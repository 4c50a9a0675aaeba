//! What the version that was applied last promises: the target has the rows that the source had at that version. Rows
//! that the source changed since are newer.
use std::collections::HashSet;
use std::sync::Arc;

use twox_hash::XxHash3_128;

use super::as_of::Newer;
use super::comparison::{Comparison, ComparisonQuery};
use super::key::{MergeKey, sort_expression};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::ledger::{Method, TableVersion, fingerprint};
use crate::plan::row_version;
use crate::tds::rpc::{Param, Query};
use crate::types::mapping::Mapping;

/// What a version on record has to be of, to promise anything of these rows.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub source_id: i64,
    pub target_id: i64,
    fingerprint: String,
    row_version: Option<String>,
    /// Rows are named by the source's primary key, as change tracking names them.
    is_tracked_key: bool,
}

impl Promise {
    pub(super) fn new(source: &Table, target: &Table, mapping: &Mapping, is_tracked_key: bool) -> Self {
        Self {
            source_id: source.object.id,
            target_id: target.object.id,
            fingerprint: fingerprint(source, mapping, None),
            row_version: row_version(source).map(str::to_owned),
            is_tracked_key,
        }
    }
}

/// The keys of rows that the source changed after a version: also of those that are gone there, or in another window.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangedKeys(HashSet<u128>);

/// Hashes that are kept: some 50 MB.
const MOST_CHANGED: usize = 1_000_000;

impl ChangedKeys {
    /// A row in bulk form that begins with the key.
    ///
    /// # Errors
    /// There are more than are kept.
    pub(crate) fn add(&mut self, key: &MergeKey, row: &[u8]) -> Result<()> {
        if self.0.len() >= MOST_CHANGED {
            return Err(Error::data(format!(
                "more than {MOST_CHANGED} rows have changed since the version on record"
            ))
            .remedy("Run replicate-changes first"));
        }
        self.0.insert(hash(key, row));
        Ok(())
    }

    /// Is it one of them?
    pub(crate) fn contains(&self, key: &MergeKey, row: &[u8]) -> bool {
        self.0.contains(&hash(key, row))
    }
}

fn hash(key: &MergeKey, row: &[u8]) -> u128 {
    XxHash3_128::oneshot(key.split(row.get(1..).unwrap_or_default()).0)
}

impl Comparison {
    /// The same comparison, in which rows that the source changed after a version are newer.
    ///
    /// # Errors
    /// The version is of other columns, or its changes are named by another key.
    pub(crate) fn since(&self, known: &TableVersion) -> Result<Self> {
        let no_promise = |why: &str| {
            Error::data(format!("the version on record says nothing of these rows: {why}"))
                .remedy("Leave out --as-of-ledger to compare with the source as it is")
        };
        let Some(promise) = &self.promise else { return Ok(self.clone()) };
        if known.fingerprint != promise.fingerprint {
            return Err(no_promise("it is of other columns, conversions or conditions"));
        }
        let newer = match (known.method, &promise.row_version) {
            (Method::ChangeTracking, _) if promise.is_tracked_key => None,
            (Method::ChangeTracking, _) => {
                return Err(no_promise(
                    "changes are named by the source's primary key, which no key of the target is",
                ));
            }
            (Method::RowVersion, Some(column)) => Some(Newer::stamped(column, known.version)),
            (Method::RowVersion, None) => return Err(no_promise("the source has no rowversion column")),
        };
        let mut since = self.clone();
        since.newer = newer;
        Ok(since)
    }

    /// What asks for the keys of rows that changed after a version.
    pub(crate) fn changed_after(&self, key: &MergeKey, version: i64) -> ComparisonQuery {
        let columns = key.columns.iter().map(|at| {
            let column = &self.mapping.columns[*at];
            sort_expression(column, &column.conversion.expression)
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {columns} FROM CHANGETABLE(CHANGES {}, @P1) AS c", self.source.quoted());
        ComparisonQuery { query: Query { sql, params: vec![Param::BigInt(version)] }, lead: 0 }
    }

    /// With the keys that were asked for.
    pub(crate) fn with_changed(mut self, keys: ChangedKeys) -> Self {
        self.changed = Some(Arc::new(keys));
        self
    }
}
