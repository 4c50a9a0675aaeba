//! Staged changes of tables that foreign keys tie together, applied in one transaction with their versions.
use super::stage::StagedChanges;
use super::touched::TouchedWindows;
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::copy::TABLE_LOCK_WAIT;
use crate::copy::WrittenRows;
use crate::copy::difference::apply::{ApplyStep, Staged};
use crate::copy::difference::roll_back;
use crate::error::{Error, Kind, Result};
use crate::ledger::{TableVersion, write_version};
use crate::plan::ChangesPlan;
use crate::read;
use crate::session::Session;
use crate::session::applock;
use crate::shape::SuspendedKey;

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
            Err(failed) if tables.len() > 1 && may_pass_in_another_order(failed) => {
                log::debug!("{}; once more, {how}", failed.error);
            }
            _ => return applied,
        }
        applied = in_order(target, tool, tables, first).await;
    }
    applied
}

/// A constraint conflict, a duplicate key, or rows of another table that would be reached.
fn may_pass_in_another_order(failed: &ApplyError) -> bool {
    let error = &failed.error;
    let held = [547, 2601, 2627].iter().any(|number| error.has_number(*number));
    failed.unless_committed.is_none() && !error.is_transient() && (held || error.kind() == Kind::Data)
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
        let suspended = match first {
            First::Suspension => suspend_keys(target, tables).await?,
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
        for key in &suspended {
            let what = format!("checking {}", key.label());
            target.execute_long(key.restore()).await.map_err(|error| error.within(what))?;
        }
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

/// Suspends the foreign keys among the tables: nobody sees the tables that have them before they are back.
async fn suspend_keys(target: &mut Session, tables: &[AppliedTable<'_>]) -> Result<Vec<SuspendedKey>> {
    let ids: Vec<String> = tables.iter().map(|table| table.version.object_id.to_string()).collect();
    let ids = ids.join(", ");
    let sql = format!(
        "SELECT fk.name, s.name AS schema_name, t.name AS table_name, fk.is_not_trusted \
         FROM sys.foreign_keys AS fk JOIN sys.tables AS t ON t.object_id = fk.parent_object_id \
         JOIN sys.schemas AS s ON s.schema_id = t.schema_id \
         WHERE fk.is_disabled = 0 AND fk.parent_object_id IN ({ids}) AND fk.referenced_object_id IN ({ids})"
    );
    let mut keys = Vec::new();
    for row in &target.query(&sql, &[]).await? {
        let record = CatalogRow::from(row);
        let table = TableName::new(&record.name("schema_name")?, &record.name("table_name")?);
        keys.push(SuspendedKey {
            name: record.name("name")?,
            table,
            trusted: !record.flag("is_not_trusted"),
        });
    }
    for key in &keys {
        let what = format!("suspending {}", key.label());
        let grant =
            format!("GRANT ALTER on {}: while the key holds, what changed goes in no order", key.table);
        target.execute_long(key.suspend()).await.map_err(|error| error.within(what).remedy(grant))?;
    }
    Ok(keys)
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
    Ok(ApplyStep { what: table.label, plan: &table.plan.plan, difference, staged, keys })
}
