//! Isolation levels, and where one of them cannot be had.
use std::fmt;

use crate::error::Error;

/// Isolation levels of use here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Without locks: rows may be read twice, or not at all.
    ReadUncommitted,
    /// The servers' default.
    ReadCommitted,
    /// One point in time, without locks, where the database allows it.
    Snapshot,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::Snapshot => "SNAPSHOT",
        })
    }
}

/// What a SELECT under SNAPSHOT isolation can meet (Microsoft docs, "Database engine events and errors"), while the
/// same SELECT under READ COMMITTED goes well:
/// - 3952: a database that it touches does not allow SNAPSHOT;
/// - 3961: DDL has changed an object that it touches since the snapshot was taken, and metadata has no versions;
/// - 7420: it touches a linked server;
/// - 41332: it touches a memory-optimized table ("Transactions with memory-optimized tables").
const NO_SNAPSHOT: [u32; 4] = [3952, 3961, 7420, 41332];

/// Is this an error of SNAPSHOT isolation, that READ COMMITTED does not have?
pub fn forbids_snapshot(error: &Error) -> bool {
    NO_SNAPSHOT.iter().any(|number| error.has_number(*number))
}
