//! What runs around the load, statement by statement.
use super::Plan;
use crate::catalog::quote;
use crate::shape::DeleteMethod;
use crate::tds::rpc::Query;

/// A part of the replacement, as [TIMING] names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Suspend,
    DisableIndexes,
    Empty,
    RebuildIndexes,
    Check,
}

impl Phase {
    /// As [TIMING] writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspend => "SUSPEND_FK",
            Self::DisableIndexes => "DISABLE_IDX",
            Self::Empty => "DELETE",
            Self::RebuildIndexes => "REBUILD_IDX",
            Self::Check => "CHECK_FK",
        }
    }
}

/// One statement of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub phase: Phase,
    pub query: Query,
    /// What it touches, for an error: the foreign key and its table, or the index.
    pub subject: String,
}

impl Plan {
    /// What runs in the transaction before the load.
    pub fn before(&self) -> Vec<Statement> {
        let mut statements = Vec::new();
        for key in &self.strategy.keys.suspend {
            statements.push(Statement {
                phase: Phase::Suspend,
                query: key.suspend().into(),
                subject: key.label(),
            });
        }
        for index in &self.strategy.disable {
            statements.push(Statement {
                phase: Phase::DisableIndexes,
                query: self.disable(index).into(),
                subject: format!("index {index}"),
            });
        }
        let subject = "the old rows".to_owned();
        statements.push(Statement { phase: Phase::Empty, query: self.empty(), subject });
        statements
    }

    /// All old rows at once.
    pub(crate) fn empty(&self) -> Query {
        let target = self.target.quoted();
        match self.strategy.delete_method {
            DeleteMethod::Truncate => format!("TRUNCATE TABLE {target}").into(),
            // The table lock at once: row locks that escalate can deadlock.
            DeleteMethod::Delete => self.at_target(&format!("DELETE FROM {target} WITH (TABLOCKX)")),
            DeleteMethod::DeleteWindow => self.at_target(&format!("DELETE FROM {target} WITH (TABLOCK)")),
            DeleteMethod::DeleteWindowInBatches(_) => self.at_target(&format!("DELETE FROM {target}")),
        }
    }

    pub(super) fn disable(&self, index: &str) -> String {
        format!("ALTER INDEX {} ON {} DISABLE", quote(index), self.target.quoted())
    }

    pub(super) fn rebuild(&self, index: &str) -> String {
        format!("ALTER INDEX {} ON {} REBUILD", quote(index), self.target.quoted())
    }

    /// What runs in the transaction after the load.
    pub fn after(&self) -> Vec<Statement> {
        let mut statements = Vec::new();
        for index in &self.strategy.disable {
            statements.push(Statement {
                phase: Phase::RebuildIndexes,
                query: self.rebuild(index).into(),
                subject: format!("index {index}"),
            });
        }
        for key in &self.strategy.keys.suspend {
            statements.push(Statement {
                phase: Phase::Check,
                query: key.restore().into(),
                subject: key.label(),
            });
        }
        statements
    }
}
