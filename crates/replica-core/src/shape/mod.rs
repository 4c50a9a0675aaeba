//! The target's shape decides how it is loaded: which lock, in which order, with which indexes in place.
//! Knows nothing of the source. The reasons are part of the answer (`--explain`).
//!
//! A table that is replaced as a whole ([`strategy`]) is so by one session in one transaction: readers see the old rows
//! or wait, never an empty or half-full table, and a failure at any point leaves the old rows in place. Windows of a
//! table ([`windowed`]) are replaced by several writers side by side.
//!
//! Each decision is a function of what is known before it, and gives one value with what is to be said of it.
//! [`strategy`] and [`windowed`] put them together, once; a [`Strategy`] does not change.
use crate::catalog::ServerTraits;
use crate::catalog::Table;
use crate::catalog::index::{IndexKind, KeyColumn};
use crate::error::Error;
use decision::Decision;

mod batches;
mod constraints;
mod decision;
mod difference;
pub(crate) mod indexes;
mod kinds;
mod reason;
mod referencing;
pub(crate) mod triggers;
mod whole;
mod windowed;

pub(crate) use batches::Batches;
pub(crate) use difference::difference;
pub(crate) use reason::Reason;
pub(crate) use referencing::{IncomingKeys, Reached, SuspendedKey};
pub(crate) use whole::strategy;
pub(crate) use windowed::{ROWS_WITHOUT_ESCALATION, no_date_column, windowed};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    /// Check the target's constraints while rows come in, and keep them trusted.
    pub check_constraints: bool,
    /// Let the target's triggers fire.
    pub fire_triggers: bool,
    /// Rows in one bulk message.
    pub chunk_rows: Option<u64>,
    /// Rows in one transaction, where windows are replaced.
    pub commit_rows: Option<u64>,
    /// Whether windows are loaded under a table lock.
    pub tablock: Tablock,
    /// A window is replaced by one writer in one transaction, as a whole table is.
    pub one_transaction: bool,
    /// The server refused TRUNCATE.
    pub delete_only: bool,
    /// The server refused to suspend a foreign key of another table.
    pub keep_keys: bool,
    /// The user wants no index disabled, or the server refused to.
    pub keep_indexes: bool,
}

/// `--tablock`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tablock {
    /// Where loads can share the lock.
    #[default]
    Auto,
    /// Each load waits for the others.
    Always,
    /// Rows are locked one by one.
    Never,
}

/// How the old rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteMethod {
    /// TRUNCATE of the whole table.
    Truncate,
    /// DELETE of all rows.
    Delete,
    /// DELETE of a window's rows in one statement that locks the table first: without an index on the date every batch
    /// would read all of it.
    DeleteWindow,
    /// DELETE of a window's rows, so many a statement: few enough locks not to escalate to one on the table.
    DeleteWindowInBatches(u64),
}

/// What a load locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadLock {
    /// The new rows.
    Rows,
    /// The table, by TABLOCK. Loads of a bare heap share the lock.
    Table,
    /// The table, by TABLOCK, where loads cannot share it: an application lock lets one load in at a time, so that none
    /// waits for the table while it holds something else.
    SerializedTable,
}

impl LoadLock {
    /// Is it INSERT BULK ... WITH (TABLOCK)?
    pub fn tablock(self) -> bool {
        self != Self::Rows
    }

    /// Are loads serialized by an application lock?
    pub fn serializes_loads(self) -> bool {
        self == Self::SerializedTable
    }
}

/// How the target is replaced.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// How the old rows go.
    pub delete_method: DeleteMethod,
    /// What the load locks.
    pub lock: LoadLock,
    /// INSERT BULK ... WITH (CHECK_CONSTRAINTS).
    pub check_constraints: bool,
    /// INSERT BULK ... WITH (FIRE_TRIGGERS).
    pub fire_triggers: bool,
    /// Where the load is cut.
    pub batches: Batches,
    /// The clustered key, in whose order rows load best.
    pub order: Vec<KeyColumn>,
    /// Indexes to disable before and rebuild after.
    pub disable: Vec<String>,
    /// The foreign keys that point at the table.
    pub keys: IncomingKeys,
    /// An index drops rows whose key is there already, without an error: they are counted whatever the user asked.
    pub drops_duplicates: bool,
    /// What the target's server does otherwise than others.
    pub server: ServerTraits,
    /// Why it is done so.
    pub reasons: Vec<Reason>,
    /// What the user ought to know before it happens.
    pub warnings: Vec<String>,
    /// Why it must not happen at all.
    pub refusals: Vec<Error>,
}

impl Strategy {
    /// May rows come in past the table, in a table beside it? Not where triggers are to see them.
    pub(crate) fn may_stage(&self) -> bool {
        !self.fire_triggers
    }

    /// With one more reason.
    pub(crate) fn because(mut self, reason: Reason) -> Self {
        self.reasons.push(reason);
        self
    }

    /// The same with no index disabled.
    pub(crate) fn keeping_indexes(self) -> Self {
        Self { disable: Vec::new(), ..self }
    }

    /// With one more refusal.
    pub(crate) fn refused(mut self, refusal: Error) -> Self {
        self.refusals.push(refusal);
        self
    }

    /// The same where partitions are switched in, which wants the table's indexes enabled.
    pub(crate) fn switching(self) -> Self {
        let switching = self.because(Reason::Switch);
        if switching.disable.is_empty() {
            return switching;
        }
        switching.because(Reason::SwitchKeepsIndexes).keeping_indexes()
    }
}

/// How the target's server takes bulk loads.
fn loads(target: &Table) -> Decision<ServerTraits> {
    let server = target.traits();
    let decision = Decision::of(server);
    if server.unchecked_loads { decision.because(Reason::UncheckedLoads) } else { decision }
}

/// The clustered key. A partitioned table's order begins with the partition.
fn order(target: &Table) -> Vec<KeyColumn> {
    match target.base_index() {
        Some(base) if base.kind == IndexKind::Clustered && !base.partitioned => base.keys.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
