//! Tables that are kept in step: what changed at the source since the last round is carried over, a version with it.
//!
//! A round asks the source for its version, then which tables have changes since theirs on record, and reads these in one
//! snapshot. Rows that are there are put, keys that are not are taken away: staged in the target's session, and applied
//! in one transaction for tables that foreign keys tie together, the versions in it ([`apply`]). A table without a
//! version that holds ([`judge`]) is compared as a whole, and goes on from the version that was taken before.
mod applied;
mod apply;
mod carry;
mod compare;
mod explain;
mod gone;
mod holds;
mod judge;
mod keeper;
mod method;
mod planned;
mod round;
mod source;
mod stage;
mod touched;

use std::str::FromStr;
use std::time::Duration;

use super::CopyOptions;
use crate::catalog::{Article, TableName};
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::ledger::Method;
pub use applied::{AppliedChanges, Came};
pub use explain::{ExplainedTable, explain};
pub(crate) use holds::check_holds;
pub use keeper::Keeper;
pub(crate) use method::of_table;

/// Tables to keep in step, and how.
#[derive(Clone, Debug)]
pub struct ChangesJob {
    /// As the ledger shows it.
    pub tool: &'static str,
    /// Where changes are made.
    pub source: Endpoint,
    /// Where they are carried to.
    pub target: Endpoint,
    /// Each once.
    pub tables: Vec<KeptTable>,
    /// `None`: the one on record, or the best that the table has.
    pub method: Option<Method>,
    /// How often rows that are gone are looked for, where the method does not tell of them.
    pub deletes: Deletes,
    /// What is done about a version that no longer holds.
    pub on_reset: OnReset,
    /// Tables that are compared at once.
    pub workers: usize,
    /// When the keeper has a row in the ledger's table of runs.
    pub on_record: KeeperRecord,
}

/// When a keeper puts itself on record, beside the versions of its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeeperRecord {
    /// Somebody else's run has a row that stands for it.
    Never,
    /// Once there is something to do: rounds without changes leave no row, unless the last one on record has failed.
    AtWork,
    /// As soon as it is connected, for as long as the process lives.
    Always,
}

/// A table to keep in step.
#[derive(Clone, Debug)]
pub struct KeptTable {
    /// As the source calls it.
    pub table: TableName,
    /// What of it is copied, and under which name.
    pub article: Article,
    /// What the user lets the copy do.
    pub options: CopyOptions,
}

impl KeptTable {
    /// For people: the table, by both names where they differ.
    pub fn label(&self) -> String {
        self.article.label(&self.table)
    }
}

/// `--method`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MethodAsked(pub Option<Method>);

impl FromStr for MethodAsked {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self(None)),
            "change-tracking" => Ok(Self(Some(Method::ChangeTracking))),
            "rowversion" => Ok(Self(Some(Method::RowVersion))),
            _ => Err(Error::usage("it is auto, change-tracking or rowversion")),
        }
    }
}

/// `--deletes`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletes {
    /// In every round.
    #[default]
    EveryRun,
    /// In the first round of a day of the source's clock, in UTC.
    Daily,
    /// Rows that are gone at the source stay at the target.
    Never,
}

impl FromStr for Deletes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "every-run" => Ok(Self::EveryRun),
            "daily" => Ok(Self::Daily),
            "never" => Ok(Self::Never),
            _ => Err(Error::usage("it is every-run, daily or never")),
        }
    }
}

impl Deletes {
    /// Is it time to look? `last`: when that was done; both by the source's clock.
    fn are_due(self, last: Option<&str>, now: &str) -> bool {
        let day = |moment: &str| moment.get(..10).map(str::to_owned);
        match self {
            Self::EveryRun => true,
            Self::Daily => last.and_then(day) != day(now),
            Self::Never => false,
        }
    }
}

/// `--on-reset`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnReset {
    /// Both sides are compared, and what differs is written.
    #[default]
    Compare,
    /// The table fails.
    Fail,
}

impl FromStr for OnReset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "compare" => Ok(Self::Compare),
            "fail" => Ok(Self::Fail),
            _ => Err(Error::usage("it is compare or fail")),
        }
    }
}

/// A table after a round.
#[derive(Clone, Debug)]
pub struct TableRound {
    /// Its place in the job.
    pub place: usize,
    /// What was done, or why nothing was.
    pub result: Result<AppliedChanges>,
    /// Since the round began.
    pub elapsed: Duration,
}
