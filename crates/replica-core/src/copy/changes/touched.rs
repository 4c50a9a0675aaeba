//! The windows on record whose rows a set of changes touches: what the ledger says of them no longer holds.
use crate::catalog::TableName;
use crate::compare::part::windows_of;
use crate::error::Result;
use crate::ledger::{self, Replaced};
use crate::plan::Plan;
use crate::read;
use crate::session::Session;
use crate::window::{DateColumn, DayRange};

/// Days, by the columns that windows on record are cut by.
#[derive(Debug, Default)]
pub(super) struct TouchedWindows {
    /// `None`: nobody knows which days, since the target does not have the column.
    columns: Vec<(String, Option<Vec<DayRange>>)>,
}

impl TouchedWindows {
    /// Of the rows that are staged, as the target has them and as they will be. Nothing is asked of the table where the
    /// ledger has no windows of it that say anything of their rows.
    ///
    /// # Errors
    /// The server's; a lost connection.
    pub(super) async fn of(target: &mut Session, plan: &Plan) -> Result<Self> {
        let mut columns = Vec::new();
        for column in ledger::window_columns(target, &plan.target).await? {
            let is_it = |name: &str| name.eq_ignore_ascii_case(&column);
            let mapped = plan.mapping.columns.iter().find(|mapped| is_it(&mapped.source.name));
            let days = match (mapped, &plan.difference) {
                (Some(mapped), Some(difference)) => {
                    let query = difference.days(&DateColumn::at_target(mapped));
                    let days = read::numbers(target.lane()?, query).await?;
                    Some(windows_of(days.into_iter().flatten().flatten()))
                }
                _ => None,
            };
            columns.push((column, days));
        }
        Ok(Self { columns })
    }

    /// Marks them, within the open transaction, among its last statements.
    ///
    /// # Errors
    /// The server's.
    pub(super) async fn mark(&self, target: &mut Session, tool: &str, table: &TableName) -> Result<()> {
        for (column, days) in &self.columns {
            match days {
                None => Replaced { tool, table, days: None }.mark(target).await?,
                Some(days) => {
                    for days in days {
                        Replaced { tool, table, days: Some((column, *days)) }.mark(target).await?;
                    }
                }
            }
        }
        Ok(())
    }
}
