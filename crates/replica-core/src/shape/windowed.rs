//! How windows of a table are replaced while its other rows stay, by several writers at once (docs/LOADING.md).
//!
//! No transaction here takes a table lock after a weaker one, which is what made writers deadlock: the old rows are
//! deleted in transactions of their own, and a load's first lock is its strongest.
use super::indexes::{disposable, stays_because};
use super::{DeleteMethod, LoadOptions, Strategy, Tablock, refuse_kinds};
use crate::catalog::Table;
use crate::catalog::index::{Index, IndexKind};
use crate::error::{Error, Result};

/// How a window's old rows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowDelete {
    /// So many rows a statement: few enough locks not to escalate to one on the table.
    Batches(u64),
    /// In one statement that locks the table first: without an index on the date every batch would read all of it.
    AtOnce,
}

/// A statement that takes 5,000 locks on one object tries to lock the table instead (Microsoft docs, "Resolve blocking
/// problems caused by lock escalation"); a row takes one in its table and none in an index that is disabled.
const ROWS_WITHOUT_ESCALATION: u64 = 4_500;

/// 100,000 rows a commit beat 500,000 by 45% on 184 columns (docs/LOADING.md, "Sizes of messages and transactions").
const COMMIT_ROWS: u64 = 100_000;

/// Decides how to replace windows of `target` that are cut by the column `date_id`.
pub fn windowed(target: &Table, date_id: i32, options: LoadOptions) -> Strategy {
    let mut s = Strategy::new(DeleteMethod::Window(WindowDelete::AtOnce), options);
    s.check_what_babelfish_does_not(target);
    let decided = [
        refuse_kinds(target),
        s.refuse_disabled_base(target),
        s.need_delete(target),
        s.triggers(target),
        s.incoming_keys(target, options),
        s.constraints(target),
    ];
    s.windowed_indexes(target, date_id, options);
    s.deletion(target, date_id, options);
    s.windowed_lock(target, options.tablock);
    s.chunks(target, options);
    s.commits(target, options);
    s.refuse(target, decided)
}

impl Strategy {
    /// Disabled once for all windows. Where rows lie in the order of another column, the index that finds a window's
    /// rows stays: each DELETE would read the whole table without it.
    fn windowed_indexes(&mut self, target: &Table, date_id: i32, options: LoadOptions) {
        self.warn_of_dropped_duplicates(target);
        let candidates: Vec<&Index> = disposable(target).collect();
        if candidates.is_empty() {
            return;
        }
        let list = |indexes: &[&Index]| {
            indexes.iter().filter_map(|index| index.name.as_deref()).collect::<Vec<_>>().join(", ")
        };
        if options.one_transaction {
            self.reasons.push(format!(
                "indexes kept up row by row, since other rows than the window's are in them: {}",
                list(&candidates)
            ));
            return;
        }
        if options.keep_indexes {
            self.reasons.push(format!("indexes kept up row by row, as asked: {}", list(&candidates)));
            return;
        }
        if target.object.can_alter == Some(false) {
            self.reasons.push(format!(
                "indexes kept up row by row, for want of ALTER permission: {}",
                list(&candidates)
            ));
            return;
        }
        let clustered = target.base_index().is_some_and(|base| base.kind == IndexKind::Clustered);
        let base_finds = target.base_index().is_some_and(|base| finds(base, date_id));
        let finder = candidates.iter().position(|index| clustered && !base_finds && finds(index, date_id));
        let mut disabled = candidates;
        if let Some(at) = finder {
            let finder = disabled.remove(at);
            self.reasons.push(format!("index {} stays: it finds the rows to delete", list(&[finder])));
        }
        if !disabled.is_empty() {
            self.reasons.push(format!(
                "nonclustered indexes disabled before the first window, rebuilt after the last: {}",
                list(&disabled)
            ));
        }
        self.disable = disabled.iter().filter_map(|index| index.name.clone()).collect();
        for index in target.indexes.iter().flatten().filter(|index| index.id > 1) {
            if let (Some(name), Some(reason)) = (&index.name, stays_because(index)) {
                self.reasons.push(format!("index {name} stays as it is: {reason}"));
            }
        }
    }

    fn deletion(&mut self, target: &Table, date_id: i32, options: LoadOptions) {
        let finder = self.active_indexes(target).find(|index| finds(index, date_id));
        let deletion = match finder {
            // Batches that are committed before the last one is refused would be gone.
            Some(_) if !options.one_transaction && target.incoming_keys().next().is_some() => {
                self.reasons.push(
                    "DELETE in one statement under a table lock: a foreign key that refuses it (error 547) leaves all rows of the window".into(),
                );
                WindowDelete::AtOnce
            }
            Some(index) => {
                let name = index.name.as_deref().unwrap_or_default();
                let reason = if options.one_transaction {
                    format!("DELETE of the window's rows, found by {name}")
                } else {
                    let rows = ROWS_WITHOUT_ESCALATION;
                    format!("DELETE in batches of {rows} rows, found by {name}: no lock on the table")
                };
                self.reasons.push(reason);
                WindowDelete::Batches(ROWS_WITHOUT_ESCALATION)
            }
            None => {
                self.reasons.push(
                    "DELETE in one statement under a table lock: no index finds a window's rows".into(),
                );
                WindowDelete::AtOnce
            }
        };
        self.delete_method = DeleteMethod::Window(deletion);
    }

    /// The indexes that are kept up while rows come, the base included.
    fn active_indexes<'a>(&self, target: &'a Table) -> impl Iterator<Item = &'a Index> {
        let disabled = self.disable.clone();
        target.indexes.iter().flatten().filter(move |index| {
            !index.disabled && index.name.as_ref().is_none_or(|name| !disabled.contains(name))
        })
    }

    fn windowed_lock(&mut self, target: &Table, asked: Tablock) {
        let Some(base) = target.base_index() else {
            self.reasons.push("its indexes are unknown: no TABLOCK, no order".into());
            return;
        };
        let others = self.active_indexes(target).filter(|index| index.id > 1).count();
        let name = base.name.as_deref().unwrap_or_default();
        let (shared, why) = match base.kind {
            IndexKind::Heap if others == 0 => {
                (true, "bare heap: TABLOCK, a bulk-update lock (BU) that loads share".to_owned())
            }
            IndexKind::Heap => (
                false,
                format!(
                    "heap with {others} active indexes: no TABLOCK, which would lock everybody out (Sch-M)"
                ),
            ),
            IndexKind::ClusteredColumnstore => (
                false,
                format!(
                    "clustered columnstore {name}: no TABLOCK; messages of a whole rowgroup are compressed at once"
                ),
            ),
            _ => (
                false,
                format!("clustered index {name}: no TABLOCK, which would let one writer in at a time"),
            ),
        };
        if base.kind == IndexKind::Clustered && !base.partitioned {
            self.order = base.keys.clone();
        }
        self.tablock = match asked {
            Tablock::Auto => shared,
            Tablock::Always => true,
            Tablock::Never => false,
        };
        self.serialize_loads = self.tablock && !shared;
        self.reasons.push(match (asked, shared) {
            (Tablock::Auto, _) | (Tablock::Always, true) | (Tablock::Never, false) => why,
            (Tablock::Always, false) => {
                "TABLOCK as asked: it locks the table, so loads take turns by an application lock".into()
            }
            (Tablock::Never, true) => "no TABLOCK, as asked: row locks, fully logged".into(),
        });
    }

    /// May rows come in past the table, in a table beside it? Not where triggers are to see them.
    pub(crate) fn may_stage(&self) -> bool {
        !self.fire_triggers
    }

    fn commits(&mut self, target: &Table, options: LoadOptions) {
        if options.one_transaction {
            return;
        }
        let columnstore = target.base_index().is_some_and(|i| i.kind == IndexKind::ClusteredColumnstore);
        let rows = options.commit_rows.unwrap_or(if columnstore { super::ROWGROUP } else { COMMIT_ROWS });
        // A message is the least that can be committed.
        self.commit_rows = Some(rows.max(1));
        self.chunk_rows = self.chunk_rows.min(rows.max(1));
    }

    fn refuse_disabled_base(&self, target: &Table) -> Result<()> {
        match target.base_index() {
            Some(base) if base.disabled => Err(super::disabled_base(target, base)),
            _ => Ok(()),
        }
    }
}

/// Does a window's predicate seek in it?
fn finds(index: &Index, date_id: i32) -> bool {
    let rowstore = matches!(index.kind, IndexKind::Clustered | IndexKind::Nonclustered);
    rowstore && !index.disabled && index.keys.first().is_some_and(|key| key.column_id == date_id)
}

/// A target column that a window is cut by must be there to be deleted by.
pub(crate) fn no_date_column(target: &Table, column: &str) -> Error {
    Error::mapping("the target gets no values for the column that windows are cut by")
        .remedy("Choose another with --date-column, or add the column to the target")
        .table(&target.object.name)
        .column(column)
}
