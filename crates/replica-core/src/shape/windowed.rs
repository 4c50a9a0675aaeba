//! How windows of a table are replaced while its other rows stay, by several writers at once (docs/LOADING.md).
//!
//! No transaction here takes a table lock after a weaker one, which is what made writers deadlock: the old rows are
//! deleted in transactions of their own, and a load's first lock is its strongest.
use super::decision::{Decision, Notes};
use super::indexes::{disposable, names, stays_because};
use super::{
    DeleteMethod, LoadLock, LoadOptions, Reason, Strategy, Tablock, batches, constraints, kinds, loads,
    order, referencing, triggers,
};
use crate::catalog::Table;
use crate::catalog::index::{Index, IndexKind};
use crate::error::Error;

/// A statement that takes 5,000 locks on one object tries to lock the table instead (Microsoft docs, "Resolve blocking
/// problems caused by lock escalation"); a row takes one in its table and none in an index that is disabled.
pub(crate) const ROWS_WITHOUT_ESCALATION: u64 = 4_500;

/// Decides how to replace windows of `target` that are cut by the column `date_id`.
pub(crate) fn windowed(target: &Table, date_id: i32, options: LoadOptions) -> Strategy {
    let fire_triggers = options.fire_triggers;
    let mut notes = Notes::default();
    let server = notes.take(loads(target).unless(kinds::refusal(target)));
    notes.refusals.extend(kinds::disabled_base(target));
    notes.refusals.extend(kinds::no_delete(target));
    // Whichever way a window's rows are deleted, it is by DELETE.
    notes.refusals.extend(triggers::refusal(target, fire_triggers, DeleteMethod::DeleteWindow));
    let keys = notes.take(referencing::incoming_keys(target, options, DeleteMethod::DeleteWindow));
    let check_constraints = notes.take(constraints::are_checked(target, options));
    let drops_duplicates = notes.take(constraints::drop_duplicates(target));
    let disable = notes.take(indexes_to_disable(target, date_id, options));
    let delete_method = notes.take(delete_method(target, date_id, options, &disable));
    let lock = notes.take(lock(target, options.tablock, &disable));
    let batches = notes.take(batches::of_window(target, options, check_constraints));
    let Notes { reasons, warnings, refusals } = notes.of_table(&target.object.name);
    Strategy {
        delete_method,
        lock,
        check_constraints,
        fire_triggers,
        batches,
        order: order(target),
        disable,
        keys,
        drops_duplicates,
        server,
        reasons,
        warnings,
        refusals,
    }
}

/// Those that are disabled once for all windows. Where rows lie in the order of another column, the index that finds a
/// window's rows stays: each DELETE would read the whole table without it.
fn indexes_to_disable(target: &Table, date_id: i32, options: LoadOptions) -> Decision<Vec<String>> {
    let mut indexes: Vec<&Index> = disposable(target).collect();
    if indexes.is_empty() {
        return Decision::of(Vec::new());
    }
    let list = |indexes: &[&Index]| names(indexes).join(", ");
    let kept = |why: Reason| Decision::of(Vec::new()).because(why);
    if options.one_transaction {
        return kept(Reason::IndexesOfOtherRows { indexes: list(&indexes) });
    }
    if options.keep_indexes {
        return kept(Reason::IndexesAsAsked { indexes: list(&indexes) });
    }
    if target.object.can_alter == Some(false) {
        return kept(Reason::IndexesWithoutAlter { indexes: list(&indexes) });
    }
    let mut reasons = Vec::new();
    let clustered = target.base_index().is_some_and(|base| base.kind == IndexKind::Clustered);
    let base_finds = target.base_index().is_some_and(|base| finds(base, date_id));
    let finder = indexes.iter().position(|index| clustered && !base_finds && finds(index, date_id));
    if let Some(finder) = finder.map(|at| indexes.remove(at)) {
        reasons.push(Reason::IndexFindsRows { index: list(&[finder]) });
    }
    if !indexes.is_empty() {
        reasons.push(Reason::IndexesDisabledForRun { indexes: list(&indexes) });
    }
    for index in target.indexes.iter().flatten().filter(|index| index.id > 1) {
        if let (Some(name), Some(why)) = (&index.name, stays_because(index)) {
            reasons.push(Reason::IndexStays { index: name.clone(), why });
        }
    }
    reasons.into_iter().fold(Decision::of(names(&indexes)), Decision::because)
}

/// In batches where an index finds the rows, unless a batch that is committed could turn out to be a mistake.
fn delete_method(
    target: &Table,
    date_id: i32,
    options: LoadOptions,
    disabled: &[String],
) -> Decision<DeleteMethod> {
    let Some(index) = active_indexes(target, disabled).find(|index| finds(index, date_id)) else {
        return Decision::of(DeleteMethod::DeleteWindow).because(Reason::DeleteWindowUnfound);
    };
    let index = index.name.clone().unwrap_or_default();
    let rows = ROWS_WITHOUT_ESCALATION;
    let batches = Decision::of(DeleteMethod::DeleteWindowInBatches(rows));
    if options.one_transaction {
        return batches.because(Reason::DeleteWindow { index });
    }
    // Batches that are committed before the last one is refused would be gone.
    if target.incoming_keys().next().is_some() {
        return Decision::of(DeleteMethod::DeleteWindow).because(Reason::DeleteWindowForKey);
    }
    batches.because(Reason::DeleteInBatches { rows, index })
}

/// The indexes that are kept up while rows come, the base included.
fn active_indexes<'a>(target: &'a Table, disabled: &[String]) -> impl Iterator<Item = &'a Index> {
    target.indexes.iter().flatten().filter(move |index| {
        !index.disabled && index.name.as_ref().is_none_or(|name| !disabled.contains(name))
    })
}

/// A table lock where loads can share it, or where the user wants it.
fn lock(target: &Table, asked: Tablock, disabled: &[String]) -> Decision<LoadLock> {
    let Some(base) = target.base_index() else {
        return Decision::of(LoadLock::Rows).because(Reason::UnknownIndexes);
    };
    let indexes = active_indexes(target, disabled).filter(|index| index.id > 1).count();
    let index = base.name.clone().unwrap_or_default();
    let (shared, why) = match base.kind {
        IndexKind::Heap if indexes == 0 => (true, Reason::SharedHeapLock),
        IndexKind::Heap => (false, Reason::IndexedHeapLock { indexes }),
        IndexKind::ClusteredColumnstore => (false, Reason::WindowedColumnstoreLock { index }),
        _ => (false, Reason::WindowedClusteredLock { index }),
    };
    match (asked, shared) {
        (Tablock::Auto | Tablock::Always, true) => Decision::of(LoadLock::Table).because(why),
        (Tablock::Auto | Tablock::Never, false) => Decision::of(LoadLock::Rows).because(why),
        (Tablock::Always, false) => Decision::of(LoadLock::SerializedTable).because(Reason::LockAsAsked),
        (Tablock::Never, true) => Decision::of(LoadLock::Rows).because(Reason::NoLockAsAsked),
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
