//! The stamp of a statement: its transaction's id and its number within it.

/// Bits of a stamp that number the statement within its transaction.
pub const STATEMENT_BITS: u32 = 24;
pub const LAST_STATEMENT: u32 = (1 << STATEMENT_BITS) - 1;

/// The transaction that a stamp belongs to.
pub fn transaction_of(stamp: i64) -> u64 {
    (stamp as u64) >> STATEMENT_BITS
}

/// The stamp of a transaction's `n`-th statement; `None` past the last that fits.
pub fn stamp(transaction: u64, n: u32) -> Option<i64> {
    let fits = n <= LAST_STATEMENT && transaction < (1 << (63 - STATEMENT_BITS));
    fits.then(|| ((transaction << STATEMENT_BITS) | u64::from(n)) as i64)
}
