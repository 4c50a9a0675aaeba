//! What is asked of a copy: which table, from where to where, and how.
use std::sync::Arc;

use super::choice;
use super::proof::Verify;
use crate::catalog::{Article, Table, TableName};
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::ledger::Replaced;
use crate::plan::{CopyOptions, Plan, WindowedPlan};
use crate::session::applock::NumberedLock;
use crate::window::{CutBy, DayRange};

/// A table to replace, and how.
#[derive(Clone, Debug)]
pub struct TableJob<S = Endpoint> {
    /// As the ledger shows it.
    pub tool: &'static str,
    /// Where the rows come from: a server, or whatever else is a [`Source`].
    pub source: S,
    /// The server and database that are written to.
    pub target: Endpoint,
    /// As the source calls it.
    pub table: TableName,
    /// What of it is copied, and under which name.
    pub article: Article,
    /// Only these days of it; `None`: all.
    pub days: Option<Days>,
    /// What the user lets the copy do, and wants of it.
    pub options: CopyOptions,
    /// What is read back before the commit.
    pub verify: Verify,
    /// As it was planned, if it was: what it says is asked for again, in fewer round trips.
    pub planned: Option<Arc<Plan>>,
}

/// Days of a table that are replaced in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    /// From the first day to the last.
    pub window: DayRange,
    /// `None`: the only column that holds dates.
    pub date_column: Option<String>,
}

impl<S> TableJob<S> {
    /// For people: the table, and its days.
    pub fn what(&self) -> String {
        match &self.days {
            Some(days) => format!("{} {}", self.label(), days.window),
            None => self.label(),
        }
    }

    /// For people: the table, by both names where they differ.
    pub fn label(&self) -> String {
        self.article.label(&self.table)
    }

    /// An error of this table's.
    pub fn named(&self, error: Error) -> Error {
        self.article.named(&self.table, error)
    }

    /// What will be done. `options`: that of the job, or what has become of it.
    ///
    /// # Errors
    /// Those of [`Plan::new`] and of a plan of windows.
    pub fn plan(&self, source: &Table, target: &Table, mut options: CopyOptions) -> Result<Plan> {
        let plan = match &self.days {
            None => Plan::new(source, target, options)?,
            Some(days) => {
                options.load.one_transaction = true;
                let cut_by = CutBy::Date(days.date_column.clone());
                let plan = WindowedPlan::new(source, target, options, &cut_by)?;
                plan.limited(days.window.into())
            }
        };
        Ok(Plan { reread: self.verify == Verify::Source, ..plan })
    }

    /// Says what was chosen, and what it warns of that it did not when it was planned.
    pub(super) fn tell(&self, plan: &Plan) {
        choice::tell(&self.what(), plan);
        let Some(planned) = &self.planned else { return };
        for warning in plan.warnings.iter().filter(|warning| !planned.warnings.contains(warning)) {
            log::warn!("{}: {warning}", self.table);
        }
    }

    /// What a plan of the job does to the windows on record.
    pub(super) fn replaced<'a>(&self, plan: &'a Plan) -> Replaced<'a> {
        let days =
            plan.limits.as_ref().and_then(|limits| Some((limits.cut_by.as_str(), limits.window.days()?)));
        Replaced { tool: self.tool, table: &plan.target, days }
    }
}

/// The application lock of whoever replaces a target's table.
pub(crate) fn table_lock(table: &Table) -> String {
    table_lock_of(table.object.id).name()
}

/// The same, of the table's object_id.
pub(super) fn table_lock_of(object_id: i64) -> NumberedLock {
    NumberedLock { word: "replica table ", number: object_id }
}
