//! What a round did to a table, for those who report it.
use std::fmt;
use std::time::Duration;

use crate::copy::WrittenRows;
use crate::ledger::Method;

/// How a table came to its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing had changed.
    Quiet,
    /// Changes were applied.
    Changes,
    /// Both sides were compared.
    Compared,
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quiet => "quiet",
            Self::Changes => "changes",
            Self::Compared => "compared",
        })
    }
}

/// What a round did to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedChanges {
    /// How it came to its version.
    pub came: Came,
    /// How its changes are found.
    pub method: Method,
    /// What was written for it.
    pub written: WrittenRows,
    /// All of the source's changes up to it are in the target.
    pub version: i64,
    /// When that version was the source's, by its clock in UTC.
    pub as_of: String,
    /// How long ago that was when the changes were there.
    pub lag: Duration,
    /// Were rows that are gone looked for?
    pub deletes: bool,
}
