//! Staged changes of tables that foreign keys tie together, applied in one transaction with their versions.
use super::stage::StagedChanges;
use super::touched::TouchedWindows;
use crate::catalog::TableName;
use crate::copy::TABLE_LOCK_WAIT;
use crate::copy::WrittenRows;
use crate::copy::difference::apply::{ApplyStep, Staged};
use crate::copy::difference::{roll_back, suspended};
use crate::error::{Error, Kind, Result};
use crate::ledger::{TableVersion, write_version};
use crate::plan::ChangesPlan;
use crate::read;
use crate::session::Session;
use crate::session::applock;

/// A table of the transaction.
pub(super) struct AppliedTable<'a> {
    /// For people.
    pub label: &'a str,
    pub plan: &'a ChangesPlan,
    pub staged: StagedChanges,
    /// What the ledger is told.
    pub version: &'a TableVersion,
    /// The version that the changes were read from.
    pub old: i64,
}

/// Changes that were not applied.
#[derive(Debug)]
pub(super) struct ApplyError {
    pub error: Error,
    /// The connection broke at the COMMIT: the ledger tells whether it happened all the same, and with it these rows.
    pub unless_committed: Option<Vec<WrittenRows>>,
}

impl From<Error> for ApplyError {
    fn from(error: Error) -> Self {
        Self { error, unless_committed: None }
    }
}

/// What comes first where several tables change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// So that unique values are free for others.
    Deletes,
    /// So that rows point elsewhere, or nowhere, before those that they point at go.
    Rows,
    /// Deletes, while the foreign keys among the tables are suspended.
    Suspension,
}

/// Applies them; `tables` are in the order of their foreign keys, parents first. Says what was written to each.
///
/// A parent goes after the rows that point at it, and comes before them. If rows are deleted first, a row that now points
/// elsewhere still holds its old parent; if they are deleted last, they hold unique values that others take over. The
/// server says which it is: what it refuses in the one order is tried in the other, before anything is committed. Where a
/// change has both, no order will do: the foreign keys among the tables are suspended then, and every row is held against
/// them before the commit.
///
/// # Errors
/// It was rolled back, unless the error came with the commit.
pub(super) async fn apply(
    target: &mut Session,
    tool: &str,
    tables: &[AppliedTable<'_>],
) -> Result<Vec<WrittenRows>, ApplyError> {
    for table in tables.iter().filter(|table| table.staged.rows > 0 && table.staged.gone > 0) {
        // Without a snapshot a row may have been there at the one reading, and not at the other.
        target.execute_long(table.plan.difference()?.keep_equal_keys()).await?;
    }
    let mut applied = in_order(target, tool, tables, First::Deletes).await;
    for (first, how) in [
        (First::Rows, "rows that are gone last"),
        (First::Suspension, "with the foreign keys among the tables suspended"),
    ] {
        match &applied {
            Err(failed) if point_at_each_other(tables) && may_pass_in_another_order(failed) => {
                log::debug!("{}; once more, {how}", failed.error);
            }
            _ => return applied,
        }
        applied = in_order(target, tool, tables, first).await;
    }
    applied
}

/// Tables that belong together, or one whose rows point at others of it.
fn point_at_each_other(tables: &[AppliedTable<'_>]) -> bool {
    let points_at_itself = |table: &AppliedTable<'_>| {
        table.plan.difference().is_ok_and(|difference| difference.points_at_itself)
    };
    tables.len() > 1 || tables.iter().any(points_at_itself)
}

/// A constraint conflict, a duplicate key, or rows of another table that would be reached.
fn may_pass_in_another_order(failed: &ApplyError) -> bool {
    let error = &failed.error;
    let held = suspended::is_held(error) || error.kind() == Kind::Data;
    failed.unless_committed.is_none() && !error.is_transient() && held
}

async fn in_order(
    target: &mut Session,
    tool: &str,
    tables: &[AppliedTable<'_>],
    first: First,
) -> Result<Vec<WrittenRows>, ApplyError> {
    target.lane()?.begin().await?;
    let written = async {
        for table in tables {
            hold(target, &table.plan.plan.target, table.version.object_id).await?;
        }
        let (mut steps, mut windows) = (Vec::new(), Vec::new());
        for table in tables {
            let of_table = |error: Error| error.table(table.label);
            steps.push(step(target, table).await.map_err(of_table)?);
            // Before rows leave the days that they were in.
            windows.push(TouchedWindows::of(target, &table.plan.plan).await.map_err(of_table)?);
        }
        let on = |place: usize| move |error: Error| error.table(tables[place].label);
        let keys = match first {
            First::Suspension => {
                steps.iter_mut().for_each(|step| step.keys_rest = true);
                let ids: Vec<_> = tables.iter().map(|table| table.version.object_id).collect();
                suspended::suspend(target, &ids).await?
            }
            First::Deletes | First::Rows => Vec::new(),
        };
        if first != First::Rows {
            for (place, step) in steps.iter().enumerate().rev() {
                step.delete(target).await.map_err(on(place))?;
            }
        }
        for (place, step) in steps.iter().enumerate() {
            step.put(target).await.map_err(on(place))?;
        }
        if first == First::Rows {
            for (place, step) in steps.iter().enumerate().rev() {
                step.delete(target).await.map_err(on(place))?;
            }
        }
        suspended::restore(target, &keys).await?;
        for (table, windows) in tables.iter().zip(&windows) {
            windows.mark(target, tool, &table.plan.plan.target).await?;
            write_version(target, table.version, Some(table.old)).await?;
        }
        Ok(steps.iter().map(|step| step.staged.into()).collect())
    };
    let written: Result<Vec<WrittenRows>> = written.await;
    match written {
        Err(error) => {
            roll_back(target, &error).await?;
            Err(error.into())
        }
        Ok(written) => match target.lane()?.commit().await {
            Ok(()) => Ok(written),
            Err(error) => Err(ApplyError { error: error.within("COMMIT"), unless_committed: Some(written) }),
        },
    }
}

/// Keeps other runs off the table until the transaction ends.
async fn hold(target: &mut Session, table: &TableName, id: i64) -> Result<()> {
    if applock::take_in_transaction(target, &format!("replica table {id}"), TABLE_LOCK_WAIT).await? {
        Ok(())
    } else {
        Err(Error::busy("another run holds this table").table(table))
    }
}

/// Which of the staged rows are new, and which of the keys the target has. They stay so until the commit.
async fn step<'a>(target: &mut Session, table: &'a AppliedTable<'_>) -> Result<ApplyStep<'a>> {
    let (difference, StagedChanges { rows, gone: keys }) = (table.plan.difference()?, table.staged);
    let mut staged = Staged::default();
    if keys > 0 {
        staged.gone = read::count(target.lane()?, difference.count_there(&difference.staging.gone)).await?;
    }
    if rows > 0 {
        staged.changed =
            read::count(target.lane()?, difference.count_there(&difference.staging.rows)).await?;
        staged.new = rows.saturating_sub(staged.changed);
    }
    if let (1.., Some(query)) = (staged.changed, difference.count_renamed()) {
        staged.renamed = read::count(target.lane()?, query).await? > 0;
    }
    Ok(ApplyStep { what: table.label, plan: &table.plan.plan, difference, staged, keys, keys_rest: false })
}
