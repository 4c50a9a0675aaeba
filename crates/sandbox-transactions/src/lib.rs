//! Transactions, ours and not SQLite's, since a SQL Server transaction outlives statements, holds locks and lets others
//! write meanwhile; and the locks of tables, rows and applications, with the deadlocks that they close. It knows nothing
//! of sessions but their numbers, and nothing of statements.
//!
//! Every statement that writes has a *stamp*: its transaction's id and its number within the transaction, in one
//! integer. A row carries the stamp that inserted it (`_ins`) and the one that deleted it (`_del`, NULL while it
//! lives). Rolling back removes what bears the stamps in question; committing removes what they deleted, later
//! if a snapshot still needs it.
pub mod applock;
pub mod locks;
mod recovery;
mod registry;
mod row_versions;
mod stamp;
mod transaction;
pub mod versions;
mod visibility;

pub use recovery::recover;
pub use registry::{Fate, Leftover, Registry, Snapshot};
pub use row_versions::RowVersions;
pub use stamp::transaction_of;
pub use transaction::{Transaction, Work, purge};
pub use visibility::{Conflict, Eyes, ReadMode, Visibility};
