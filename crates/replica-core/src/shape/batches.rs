//! After how many rows a bulk message ends, and a transaction commits.
use super::decision::Decision;
use super::{LoadOptions, Reason};
use crate::catalog::Table;
use crate::catalog::index::IndexKind;

/// Measured on 184 columns: 10,000 rows a message beat 50,000 (docs/LOADING.md, "Sizes of messages and
/// transactions"). Narrow rows make small messages, and each message waits for an answer, so that a slow line wants more
/// of them at once.
pub(super) const CHUNK_OF_WIDE_ROWS: u64 = 10_000;
pub(super) const CHUNK_OF_NARROW_ROWS: u64 = 100_000;
const NARROW_ROW_BYTES: u32 = 1_000;
/// Errors are told at a message's end: wide rows must not put it off for gigabytes.
const CHUNK_BYTES: u64 = 64 << 20;
/// A rowgroup of a columnstore (Microsoft docs, "Columnstore indexes - data loading guidance").
pub(super) const ROWGROUP: u64 = 1_048_576;
/// 100,000 rows a commit beat 500,000 by 45% on 184 columns (docs/LOADING.md, "Sizes of messages and transactions").
const COMMIT_ROWS: u64 = 100_000;

/// Where a load is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Rows in one bulk message.
    pub chunk_rows: u64,
    /// Bytes after which a bulk message ends all the same.
    pub chunk_bytes: u64,
    /// Rows after which a load commits; `None`: all at once.
    pub commit_rows: Option<u64>,
}

fn is_columnstore(target: &Table) -> bool {
    target.base_index().is_some_and(|base| base.kind == IndexKind::ClusteredColumnstore)
}

/// Of a load in one transaction.
pub(super) fn of_one_transaction(
    target: &Table,
    options: LoadOptions,
    check_constraints: bool,
) -> Decision<Batches> {
    let points_at_itself =
        target.foreign_keys.iter().flatten().any(|key| key.own && key.incoming && !key.disabled);
    let row_bytes: u32 = target.columns.iter().map(|column| column.sql_type.row_bytes()).sum();
    let (chunk_rows, chunk_bytes) = if check_constraints && points_at_itself {
        let all = Batches { chunk_rows: u64::MAX, chunk_bytes: u64::MAX, commit_rows: None };
        return Decision::of(all).because(Reason::OneMessage);
    } else if let Some(rows) = options.chunk_rows {
        (rows, CHUNK_BYTES)
    } else if is_columnstore(target) {
        (ROWGROUP, u64::MAX)
    } else if row_bytes > NARROW_ROW_BYTES {
        (CHUNK_OF_WIDE_ROWS, CHUNK_BYTES)
    } else {
        (CHUNK_OF_NARROW_ROWS, CHUNK_BYTES)
    };
    Decision::of(Batches { chunk_rows, chunk_bytes, commit_rows: None })
}

/// Of a window's load, which commits as it goes, unless the user wants one transaction.
pub(super) fn of_window(target: &Table, options: LoadOptions, check_constraints: bool) -> Decision<Batches> {
    let Decision { value, notes } = of_one_transaction(target, options, check_constraints);
    if options.one_transaction {
        return Decision { value, notes };
    }
    let rows = options.commit_rows.unwrap_or(if is_columnstore(target) { ROWGROUP } else { COMMIT_ROWS });
    // A message is the least that can be committed.
    let rows = rows.max(1);
    let chunk_rows = value.chunk_rows.min(rows);
    Decision { value: Batches { chunk_rows, commit_rows: Some(rows), ..value }, notes }
}
