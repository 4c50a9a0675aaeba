//! What was staged, written within a transaction: rows that are gone are deleted, those that have changed are updated, and
//! new ones are inserted.
//!
//! Every statement says how many rows it has changed, and the transaction ends where that is not what was staged: somebody
//! else writes to the target, an index drops rows (IGNORE_DUP_KEY), or the source has keys that are one to the target.
use std::fmt;

use super::children;
use crate::copy::WrittenRows;
use crate::error::numbers::CONSTRAINT_CONFLICT;
use crate::error::{Error, Result};
use crate::plan::{DifferencePlan, Plan};
use crate::read;
use crate::report::human_count;
use crate::session::Session;
use crate::tds::rpc::Query;

/// How many rows were staged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::copy) struct Staged {
    pub new: u64,
    pub changed: u64,
    pub gone: u64,
    /// Keys of changed rows have other bytes, though they are one to the server.
    pub renamed: bool,
}

impl Staged {
    pub(in crate::copy) fn is_nothing(&self) -> bool {
        (self.new, self.changed, self.gone) == (0, 0, 0)
    }
}

impl fmt::Display for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, changed, gone, .. } = *self;
        let [new, changed, gone] = [new, changed, gone].map(human_count);
        write!(f, "{gone} rows deleted, {changed} updated, {new} inserted")
    }
}

impl From<Staged> for WrittenRows {
    fn from(staged: Staged) -> Self {
        Self { inserted: staged.new, updated: staged.changed, deleted: staged.gone }
    }
}

/// A set of rows to put and a set of keys to take away, in the staging tables of a session: those of one table.
pub(in crate::copy) struct ApplyStep<'a> {
    /// For people.
    pub what: &'a str,
    pub plan: &'a Plan,
    pub difference: &'a DifferencePlan,
    pub staged: Staged,
    /// How many keys were staged: the numbers that they have.
    pub keys: u64,
    /// The foreign keys that the table has to itself are suspended: rows may go before those that point at them.
    pub keys_rest: bool,
}

impl ApplyStep<'_> {
    /// Before the transaction: keys that are one to the server are no rows that are gone, and no new ones either.
    pub(super) async fn settle(&mut self, target: &mut Session) -> Result<()> {
        let staged = &mut self.staged;
        if staged.gone > 0 && staged.new > 0 && self.difference.may_be_one_key() {
            let kept = target.execute_long(self.difference.keep_equal_keys()).await?.rows.unwrap_or_default();
            staged.gone = staged.gone.saturating_sub(kept);
            staged.new = staged.new.saturating_sub(kept);
            staged.changed += kept;
            staged.renamed |= kept > 0;
        }
        if self.plan.keep_gone {
            staged.gone = 0;
        }
        Ok(())
    }

    /// All of it, of a table that stands alone.
    pub(super) async fn write(&self, target: &mut Session) -> Result<()> {
        if self.rows_come_first() {
            self.put(target).await?;
            self.delete(target).await
        } else {
            self.delete(target).await?;
            self.put(target).await
        }
    }

    /// Must rows be there before others point at them?
    fn rows_come_first(&self) -> bool {
        self.difference.points_at_itself && !self.keys_rest
    }

    /// Rows that have changed, and those that are new. Where no key asks for another order, those that have changed first:
    /// they leave unique values to new ones.
    pub(in crate::copy) async fn put(&self, target: &mut Session) -> Result<()> {
        let (difference, staged) = (self.difference, self.staged);
        let moved = match &self.plan.limits {
            Some(limits) if staged.new > 0 => {
                read::count(target.lane()?, difference.count_moved(limits)).await?
            }
            _ => 0,
        };
        if moved > 0 {
            log::info!("{}: {} rows come from other windows", self.what, human_count(moved));
        }
        let changed = staged.changed + moved;
        self.renumbered(target).await?;
        let new = staged.new.saturating_sub(moved);
        if self.rows_come_first() {
            self.insert(target, new).await?;
            // Those that were just inserted are there by now.
            self.update(target, changed + new).await
        } else {
            self.update(target, changed).await?;
            self.insert(target, new).await
        }
    }

    async fn renumbered(&self, target: &mut Session) -> Result<()> {
        let Some((column, query)) = self.difference.count_renumbered() else { return Ok(()) };
        if self.staged.changed == 0 {
            return Ok(());
        }
        match read::count(target.lane()?, query).await? {
            0 => Ok(()),
            rows => Err(Error::data(format!(
                "{} rows have another number at the source, and the server updates no identity column",
                human_count(rows)
            ))
            .column(&column.name)
            .remedy("Say --apply replace")),
        }
    }

    /// Rows that are gone.
    pub(in crate::copy) async fn delete(&self, target: &mut Session) -> Result<()> {
        let gone = self.staged.gone;
        if gone == 0 {
            return Ok(());
        }
        let limits = self.plan.limits.as_ref();
        let keys = children::acting(target, self.plan).await?;
        let cascade = self.plan.allowance.cascade;
        let gone_keys = &self.difference.staging.gone;
        children::none_reached(target, self, &keys, children::On::Delete, gone_keys, cascade).await?;
        let deleted = self.in_batches(target, self.keys, |some| self.difference.delete(limits, some));
        let in_the_way = "Rows of another table point at them: bring that table in step first, in the same run, or look at the source";
        let deleted = deleted.await.map_err(|error| {
            explain_conflict(error.within("deleting rows that are gone at the source"), in_the_way)
        })?;
        // One that has come meanwhile was not counted.
        if children::acting(target, self.plan).await? != keys {
            return Err(Error::data(
                "a foreign key that points at this table was made, enabled or changed meanwhile",
            )
            .remedy("Run it again"));
        }
        let counted = counted("deleted", deleted, gone);
        // Another window may have taken some of its rows meanwhile: they are gone from here, and not for good.
        if limits.is_some() { counted.map_err(Error::that_passes) } else { counted }
    }

    async fn update(&self, target: &mut Session, expected: u64) -> Result<()> {
        let staged = self.staged;
        if expected == 0 {
            return Ok(());
        }
        let within = |error: Error| error.within("updating rows that have changed");
        if let Some(update) = self.difference.update() {
            let updated = self.in_batches(target, staged.new + staged.changed, |some| update.of(some));
            counted("updated", updated.await.map_err(within)?, expected)?;
        }
        if staged.renamed
            && let Some(update) = self.difference.update_keys()
        {
            let keys = children::acting(target, self.plan).await?;
            let cascade = self.plan.allowance.cascade;
            let rows = &self.difference.staging.rows;
            children::none_reached(target, self, &keys, children::On::Update, rows, cascade).await?;
            let updated = self.in_batches(target, staged.new + staged.changed, |some| update.of(some));
            let in_the_way = "Keys differ from the source's in case or blanks, and rows of another table point at them: disable its foreign key for the run, or change the keys at either side";
            let updated = updated.await.map_err(|error| explain_conflict(within(error), in_the_way))?;
            counted("updated", updated, expected)?;
        }
        Ok(())
    }

    async fn insert(&self, target: &mut Session, new: u64) -> Result<()> {
        if self.staged.new == 0 {
            return Ok(());
        }
        if let Some(sql) = self.difference.keep_numbers(true) {
            target.execute(&sql).await?;
        }
        let rows = self.staged.new + self.staged.changed;
        let inserted = self.in_batches(target, rows, |some| self.difference.insert(some));
        let missing = "Bring the table that they point at in step first, in the same run";
        let inserted = inserted
            .await
            .map_err(|error| explain_conflict(error.within("inserting rows that are new"), missing))?;
        if let Some(sql) = self.difference.keep_numbers(false) {
            target.execute(&sql).await?;
        }
        counted("inserted", inserted, new)
    }

    /// Runs a statement on all staged rows, some at a time. Says how many rows it has changed.
    async fn in_batches(
        &self,
        target: &mut Session,
        last: u64,
        statement: impl Fn([u64; 2]) -> Query,
    ) -> Result<u64> {
        let batch = self.difference.batch.unwrap_or(u64::MAX);
        let (mut changed, mut first) = (0u64, 1u64);
        while first <= last {
            let to = first.saturating_add(batch - 1);
            changed += target.execute_long(statement([first, to])).await?.rows.unwrap_or_default();
            first = to.saturating_add(1);
            if to == u64::MAX {
                break;
            }
        }
        Ok(changed)
    }
}

fn counted(verb: &str, rows: u64, expected: u64) -> Result<()> {
    if rows == expected {
        return Ok(());
    }
    Err(Error::data(format!(
        "the target has {verb} {} rows where {} differ",
        human_count(rows),
        human_count(expected)
    ))
    .remedy(
        "Nothing was written. Somebody else writes to the target, an index ignores duplicate keys, or rows of the source have keys that are one to the target (case, blanks). Run it again, or say --apply replace",
    ))
}

/// The error with a way out, if a foreign key refused the statement.
fn explain_conflict(error: Error, remedy: &str) -> Error {
    if error.has_number(CONSTRAINT_CONFLICT) { error.remedy(remedy) } else { error }
}
