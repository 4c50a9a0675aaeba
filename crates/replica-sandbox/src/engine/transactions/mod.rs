//! Transactions: ours, not SQLite's, since a SQL Server transaction outlives statements, holds locks and lets
//! others write meanwhile.
//!
//! Every statement that writes has a *stamp*: its transaction's id and its number within the transaction, in one
//! integer. A row carries the stamp that inserted it (`_ins`) and the one that deleted it (`_del`, NULL while it
//! lives). Rolling back removes what bears the stamps in question; committing removes what they deleted, later
//! if a snapshot still needs it.
mod registry;
mod transaction;
mod visibility;

pub use registry::{Fate, Leftover, Registry, Snapshot};
pub use transaction::{Transaction, Work, purge, undo_all};
pub use visibility::{Conflict, Eyes, View, Visibility};

/// Bits of a stamp that number the statement within its transaction.
const STATEMENT_BITS: u32 = 24;
const LAST_STATEMENT: u32 = (1 << STATEMENT_BITS) - 1;

/// The transaction that a stamp belongs to.
pub fn transaction_of(stamp: i64) -> u64 {
    (stamp as u64) >> STATEMENT_BITS
}

/// The stamp of a transaction's `n`-th statement; `None` past the last that fits.
fn stamp(transaction: u64, n: u32) -> Option<i64> {
    let fits = n <= LAST_STATEMENT && transaction < (1 << (63 - STATEMENT_BITS));
    fits.then(|| ((transaction << STATEMENT_BITS) | u64::from(n)) as i64)
}
