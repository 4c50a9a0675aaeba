//! What is known of a table that is compared, and what became of each of its windows.
use std::sync::Arc;
use std::time::Duration;

use replica_core::catalog::{Article, TableName};
use replica_core::cli::Code;
use replica_core::error::Result;
use replica_core::verify::{ComparisonOutcome, Verdict};
use replica_core::window::{CutBy, Window};

/// What all windows of a table have in common: there may be tens of thousands.
pub struct ComparedTable {
    pub name: TableName,
    pub article: Article,
    /// What its windows are cut by, as the source names it.
    pub cut_by: CutBy,
    /// Columns that were not compared, and why.
    pub left_out: String,
    /// One side alone has some of them, and that is to count.
    pub columns_differ: bool,
}

impl ComparedTable {
    /// A table that cannot be compared at all.
    pub fn unknown(name: TableName, article: Article) -> Self {
        let (left_out, columns_differ) = (String::new(), false);
        Self { name, article, cut_by: CutBy::Date(None), left_out, columns_differ }
    }
}

/// A window, or a whole table, that is done with.
pub struct FinishedComparison {
    pub of: Arc<ComparedTable>,
    pub window: Option<Window>,
    pub result: Result<Verdict>,
    pub took: Duration,
    /// How it was before it was repaired.
    pub before: Option<Box<Verdict>>,
}

impl FinishedComparison {
    /// For people: the table, by both names where they differ.
    pub fn label(&self) -> String {
        self.of.article.label(&self.of.name)
    }

    pub fn outcome(&self) -> Option<ComparisonOutcome> {
        let rows = self.result.as_ref().ok().map(|verdict| verdict.outcome);
        rows.map(|outcome| if self.of.columns_differ { ComparisonOutcome::Different } else { outcome })
    }

    /// What loading them again may mend.
    pub fn rows_differ(&self) -> bool {
        self.result.as_ref().is_ok_and(|verdict| verdict.outcome == ComparisonOutcome::Different)
    }

    /// The differences to tell of: those that were repaired, too.
    pub fn told(&self) -> Option<&Verdict> {
        let differs = |verdict: &&Verdict| verdict.outcome != ComparisonOutcome::Equal;
        self.result.as_ref().ok().filter(differs).or(self.before.as_deref())
    }

    pub fn failure(&self) -> Option<Code> {
        match &self.result {
            Err(error) => Some(error.exit_code()),
            Ok(_) => (self.outcome() == Some(ComparisonOutcome::Different)).then_some(Code::Failed),
        }
    }
}
