//! The target's shape decides how it is loaded: which lock, in which order, with which indexes in place.
//! Knows nothing of the source. The reasons are part of the answer (`--explain`).
//!
//! A table that is replaced as a whole ([`strategy`]) is so by one session in one transaction: readers see the old rows
//! or wait, never an empty or half-full table, and a failure at any point leaves the old rows in place. Windows of a
//! table ([`windowed`]) are replaced by several writers side by side.
use crate::catalog::constraint::Trigger;
use crate::catalog::index::{Index, IndexKind, KeyColumn};
use crate::catalog::table::Temporal;
use crate::catalog::{Table, TableName, quote};
use crate::error::{Error, Result};

pub mod indexes;
mod referencing;
mod whole;
mod windowed;

pub use referencing::Reached;
pub use whole::strategy;
pub(crate) use windowed::no_date_column;
pub use windowed::{WindowDelete, windowed};

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoadOptions {
    pub check_constraints: bool,
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
    Always,
    Never,
}

/// How the old rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteMethod {
    Truncate,
    Delete,
    /// Window by window.
    Window(WindowDelete),
}

/// How the target is replaced.
#[derive(Clone, Debug)]
pub struct Strategy {
    pub delete_method: DeleteMethod,
    /// INSERT BULK ... WITH (TABLOCK).
    pub tablock: bool,
    pub check_constraints: bool,
    pub fire_triggers: bool,
    /// Rows in one bulk message.
    pub chunk_rows: u64,
    /// Bytes after which a bulk message ends all the same.
    pub chunk_bytes: u64,
    /// Rows after which a load commits; `None`: all at once.
    pub commit_rows: Option<u64>,
    /// Writers would wait for each other's table lock: an application lock lets one load in at a time.
    pub serialize_loads: bool,
    /// The clustered key, in whose order rows load best.
    pub order: Vec<KeyColumn>,
    /// Indexes to disable before and rebuild after.
    pub disable: Vec<String>,
    /// Foreign keys of other tables, enabled now, to suspend while the rows change.
    pub suspend: Vec<SuspendedKey>,
    /// Tables whose rows would go or change with this one's, where that is why it is refused.
    pub reached: Vec<Reached>,
    /// The foreign keys that point at the table could be asked for.
    pub keys_known: bool,
    /// An index drops rows whose key is there already, without an error: they are counted whatever the user asked.
    pub verify_count: bool,
    /// Bulk loads of this server can store something else than was sent, without a word: the rows are read back and
    /// compared by hash whatever the user asked.
    pub verify_by_hash: bool,
    /// The server reads 17 bytes of every decimal.
    pub pad_decimals: bool,
    /// Why it is done so.
    pub reasons: Vec<String>,
    /// What the user ought to know before it happens.
    pub warnings: Vec<String>,
    /// Why it must not happen at all.
    pub refusals: Vec<Error>,
}

/// A foreign key that points at the table and comes back as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspendedKey {
    pub name: String,
    pub table: TableName,
    pub trusted: bool,
}

/// Measured on 184 columns: 10,000 rows a message beat 50,000 (docs/LOADING.md, "Sizes of messages and
/// transactions"). Narrow rows make small messages, and each message waits for an answer, so that a slow line wants more
/// of them at once.
const CHUNK_OF_WIDE_ROWS: u64 = 10_000;
const CHUNK_OF_NARROW_ROWS: u64 = 100_000;
const NARROW_ROW_BYTES: u32 = 1_000;
/// Errors are told at a message's end: wide rows must not put it off for gigabytes.
const CHUNK_BYTES: u64 = 64 << 20;
/// A rowgroup of a columnstore (Microsoft docs, "Columnstore indexes - data loading guidance").
const ROWGROUP: u64 = 1_048_576;

/// What is refused of a target whatever its source has: of its windows, or as a whole.
pub fn refusals(target: &Table, windows: bool, options: LoadOptions) -> Vec<Error> {
    if windows {
        // Which column cuts them decides how they are replaced, not whether.
        windowed(target, 0, options).refusals
    } else {
        strategy(target, None, options).refusals
    }
}

fn refuse_kinds(target: &Table) -> Result<()> {
    let object = &target.object;
    if object.is_view {
        return Err(Error::data("the target is a view; a table is needed to load into"));
    }
    if let Some(special) = object.special {
        return Err(special.refused_as_target());
    }
    match object.temporal {
        Temporal::SystemVersioned => {
            return Err(Error::data(
                "the target is system-versioned: replacing it would move every old row into its history",
            )
            .remedy("Turn SYSTEM_VERSIONING off for the load, or replicate into a plain table"));
        }
        Temporal::History => {
            return Err(Error::data(
                "the target is the history of a temporal table, which only the server writes",
            ));
        }
        Temporal::No => {}
    }
    if object.memory_optimized {
        return Err(Error::data(
            "the target is memory-optimized, which cannot be emptied and filled under one lock",
        )
        .remedy("Replicate into a disk-based table"));
    }
    if target.server.as_ref().is_some_and(|server| server.read_only) {
        return Err(Error::data("the target's database is read-only"));
    }
    if object.can_insert == Some(false) {
        return Err(Error::data("no permission to insert into the target")
            .remedy("GRANT INSERT, DELETE, ALTER on it"));
    }
    Ok(())
}

impl Strategy {
    fn new(delete_method: DeleteMethod, options: LoadOptions) -> Self {
        Self {
            delete_method,
            tablock: false,
            check_constraints: options.check_constraints,
            fire_triggers: options.fire_triggers,
            chunk_rows: 0,
            chunk_bytes: CHUNK_BYTES,
            commit_rows: None,
            serialize_loads: false,
            order: Vec::new(),
            disable: Vec::new(),
            suspend: Vec::new(),
            reached: Vec::new(),
            keys_known: false,
            verify_count: false,
            verify_by_hash: false,
            pad_decimals: false,
            reasons: Vec::new(),
            warnings: Vec::new(),
            refusals: Vec::new(),
        }
    }

    /// With what was refused on the way.
    fn refuse<const N: usize>(mut self, target: &Table, decided: [Result<()>; N]) -> Self {
        let refused = decided.into_iter().filter_map(Result::err);
        self.refusals = refused.map(|error| error.table(&target.object.name)).collect();
        self
    }

    /// Babelfish 4.3 loads NULL into NOT NULL columns unless CHECK_CONSTRAINTS is said, values that are too long in any
    /// case, an empty text as NULL, and decimals of less than 17 bytes as other numbers. It keeps what a load stored
    /// before it failed, XACT_ABORT or not, until the rollback. All of it tried; the cause is its tdsbulkload.c.
    fn check_what_babelfish_does_not(&mut self, target: &Table) {
        if target.server.as_ref().is_some_and(|server| server.babelfish) {
            self.check_constraints = true;
            self.verify_by_hash = true;
            self.pad_decimals = true;
            self.reasons.push(
                "Babelfish checks neither NOT NULL nor lengths by itself: CHECK_CONSTRAINTS, and every row is read back and compared before the commit".into(),
            );
        }
    }

    fn need_delete(&self, target: &Table) -> Result<()> {
        if target.object.can_delete == Some(false) {
            return Err(Error::data("no permission to delete the target's rows").remedy("GRANT DELETE on it"));
        }
        Ok(())
    }

    fn triggers(&mut self, target: &Table) -> Result<()> {
        let unknown = Vec::new();
        let triggers = target.triggers.as_ref().unwrap_or(&unknown);
        let enabled = |event: &str| -> Vec<&Trigger> {
            triggers.iter().filter(|t| !t.disabled && t.event.eq_ignore_ascii_case(event)).collect()
        };
        let (delete, insert) = (enabled("DELETE"), enabled("INSERT"));
        // What a login may not see fires all the same.
        let unseen = |event: &str, there_are: Option<bool>| match &target.triggers {
            Some(seen) => {
                there_are == Some(true) && !seen.iter().any(|t| t.event.eq_ignore_ascii_case(event))
            }
            None => there_are != Some(false),
        };
        let object = &target.object;
        let deletes = self.fire_triggers || self.delete_method != DeleteMethod::Truncate;
        if deletes && unseen("DELETE", object.delete_triggers)
            || self.fire_triggers && unseen("INSERT", object.insert_triggers)
        {
            return Err(Error::data("it has, or may have, triggers that this login cannot see")
                .remedy("GRANT VIEW DEFINITION on it to the target's login"));
        }
        if !self.fire_triggers {
            if self.delete_method != DeleteMethod::Truncate
                && let Some(trigger) = delete.first()
            {
                return Err(Error::data(format!(
                    "deleting the old rows would fire trigger {}",
                    trigger.name
                ))
                .remedy("Disable it for the load, or let it fire with --fire-triggers"));
            }
            if let (Some(false), Some(trigger)) = (target.object.can_alter, insert.first()) {
                return Err(Error::data(format!(
                    "loading past trigger {} needs ALTER permission",
                    trigger.name
                ))
                .remedy("GRANT ALTER on the table, or let it fire with --fire-triggers"));
            }
            return Ok(());
        }
        if let Some(trigger) = delete.iter().chain(&insert).find(|trigger| trigger.instead_of) {
            return Err(Error::data(format!(
                "INSTEAD OF trigger {} would run in place of the replacement",
                trigger.name
            ))
            .remedy("Disable it for the load, or leave --fire-triggers out"));
        }
        if !delete.is_empty() && self.delete_method == DeleteMethod::Truncate {
            self.delete_method = DeleteMethod::Delete;
            self.reasons.push("DELETE: TRUNCATE fires no triggers".into());
            return self.need_delete(target);
        }
        Ok(())
    }

    fn constraints(&mut self, target: &Table) -> Result<()> {
        let checks = target.checks.iter().flatten().map(|c| (&c.name, c.disabled, c.trusted));
        let keys = target.foreign_keys.iter().flatten().filter(|key| key.own);
        let own: Vec<_> = checks.chain(keys.map(|k| (&k.name, k.disabled, k.trusted))).collect();
        let enabled = own.iter().filter(|(_, disabled, _)| !disabled);
        let unknown = target.checks.is_none() || target.foreign_keys.is_none();
        if target.object.can_alter == Some(false) {
            if target.columns.iter().any(|column| column.identity) {
                return Err(Error::data("keeping the identity column's values needs ALTER permission")
                    .remedy("GRANT ALTER on the table"));
            }
            if !self.check_constraints && (unknown || enabled.clone().next().is_some()) {
                self.check_constraints = true;
                self.reasons.push("CHECK_CONSTRAINTS: loading without them needs ALTER permission".into());
            }
        }
        let names: Vec<_> =
            enabled.filter(|(_, _, trusted)| *trusted).map(|(name, ..)| name.as_str()).collect();
        if !self.check_constraints && !names.is_empty() {
            self.warnings.push(format!(
                "constraints not checked by the load and left untrusted: {} (--check-constraints checks them)",
                names.join(", ")
            ));
        }
        Ok(())
    }

    fn warn_of_dropped_duplicates(&mut self, target: &Table) {
        let indexes = target.indexes.iter().flatten();
        for index in indexes.filter(|index| index.ignores_duplicates && !index.disabled) {
            self.verify_count = true;
            self.warnings.push(format!(
                "index {} has IGNORE_DUP_KEY: the rows are counted, and a load of which it drops one fails",
                index.name.as_deref().unwrap_or_default()
            ));
        }
    }

    fn chunks(&mut self, target: &Table, options: LoadOptions) {
        let points_at_itself =
            target.foreign_keys.iter().flatten().any(|key| key.own && key.incoming && !key.disabled);
        let row_bytes: u32 = target.columns.iter().map(|column| column.sql_type.row_bytes()).sum();
        let columnstore = target.base_index().is_some_and(|i| i.kind == IndexKind::ClusteredColumnstore);
        self.chunk_rows = if self.check_constraints && points_at_itself {
            self.reasons.push("one bulk message: rows may point at later rows of the same table".into());
            self.chunk_bytes = u64::MAX;
            u64::MAX
        } else if let Some(rows) = options.chunk_rows {
            rows
        } else if columnstore {
            self.chunk_bytes = u64::MAX;
            ROWGROUP
        } else if row_bytes > NARROW_ROW_BYTES {
            CHUNK_OF_WIDE_ROWS
        } else {
            CHUNK_OF_NARROW_ROWS
        };
    }
}

fn disabled_base(target: &Table, base: &Index) -> Error {
    let name = base.name.as_deref().unwrap_or_default();
    Error::data(format!("its clustered index {name} is disabled, so it can be neither read nor filled"))
        .remedy(format!("ALTER INDEX {} ON {} REBUILD first", quote(name), target.object.name.quoted()))
}

#[cfg(test)]
mod tests;
