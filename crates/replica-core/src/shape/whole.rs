//! How a table is replaced as a whole, by one session in one transaction.
use super::decision::{Decision, Notes};
use super::indexes::{disposable, names};
use super::{
    DeleteMethod, LoadLock, LoadOptions, Reason, Strategy, batches, constraints, kinds, loads, order,
    referencing, triggers,
};
use crate::catalog::Table;
use crate::catalog::index::IndexKind;

/// Fewer rows than this are put into the indexes as they come: rebuilding them costs more than it saves.
const WORTH_DISABLING_INDEXES: u64 = 100_000;

/// Decides how to replace `target` by about `rows` rows.
pub(crate) fn strategy(target: &Table, rows: Option<u64>, options: LoadOptions) -> Strategy {
    let fire_triggers = options.fire_triggers;
    let mut notes = Notes::default();
    let server = notes.take(loads(target).unless(kinds::refusal(target)));
    let lock = notes.take(lock(target));
    let delete_method = notes.take(delete_method(target, options));
    notes.refusals.extend(triggers::refusal(target, fire_triggers, delete_method));
    let keys = notes.take(referencing::incoming_keys(target, options, delete_method));
    let check_constraints = notes.take(constraints::are_checked(target, options));
    let drops_duplicates = notes.take(constraints::drop_duplicates(target));
    let disable = notes.take(indexes_to_disable(target, rows, options));
    let batches = notes.take(batches::of_one_transaction(target, options, check_constraints));
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

/// One writer holds the table anyway. A columnstore compresses whole rowgroups as they come, without TABLOCK as well.
fn lock(target: &Table) -> Decision<LoadLock> {
    let Some(base) = target.base_index() else {
        return Decision::of(LoadLock::Rows).because(Reason::UnknownIndexes);
    };
    if base.disabled {
        return Decision::of(LoadLock::Rows).unless(kinds::disabled_base(target));
    }
    let index = base.name.clone().unwrap_or_default();
    let decision = match base.kind {
        IndexKind::Heap => Decision::of(LoadLock::Table).because(Reason::HeapLock),
        IndexKind::ClusteredColumnstore => {
            Decision::of(LoadLock::Rows).because(Reason::ColumnstoreLock { index })
        }
        _ => Decision::of(LoadLock::Table).because(Reason::ClusteredLock { index }),
    };
    if base.partitioned { decision.because(Reason::Partitioned) } else { decision }
}

/// TRUNCATE where it can be done. It is refused where any foreign key of another table points at the target.
fn delete_method(target: &Table, options: LoadOptions) -> Decision<DeleteMethod> {
    let keys = target.foreign_keys.as_deref();
    let points_here = keys.unwrap_or_default().iter().find(|key| key.incoming && !key.own);
    let unseen =
        target.object.referenced == Some(true) && !keys.unwrap_or_default().iter().any(|key| key.incoming);
    let (method, why) = if let Some(key) = points_here {
        let (key, table) = (key.name.clone(), key.table.to_string());
        (DeleteMethod::Delete, Reason::DeleteForKey { key, table })
    } else if unseen {
        (DeleteMethod::Delete, Reason::DeleteForUnseenKey)
    } else if target.object.can_alter == Some(false) {
        (DeleteMethod::Delete, Reason::DeleteWithoutAlter)
    } else if options.delete_only {
        (DeleteMethod::Delete, Reason::TruncateRefused)
    } else if keys.is_none() && target.object.referenced.is_none() {
        (DeleteMethod::Truncate, Reason::TruncateUnknownKeys)
    } else {
        (DeleteMethod::Truncate, Reason::Truncate)
    };
    let decision = Decision::of(method).because(why);
    let decision = match method {
        DeleteMethod::Truncate if triggers::want_delete(target, options.fire_triggers) => {
            let Decision { notes, .. } = decision.because(Reason::DeleteForTriggers);
            Decision { value: DeleteMethod::Delete, notes }
        }
        _ => decision,
    };
    match decision.value {
        DeleteMethod::Delete => decision.unless(kinds::no_delete(target)),
        _ => decision,
    }
}

/// Those that are disabled before the load, and rebuilt before the commit.
fn indexes_to_disable(target: &Table, rows: Option<u64>, options: LoadOptions) -> Decision<Vec<String>> {
    let indexes: Vec<_> = disposable(target).collect();
    if indexes.is_empty() {
        return Decision::of(Vec::new());
    }
    let listed = names(&indexes).join(", ");
    let why_not = if target.object.can_alter == Some(false) {
        Reason::IndexesWithoutAlter { indexes: listed }
    } else if options.keep_indexes {
        Reason::IndexesRefused { indexes: listed }
    } else if rows.is_none_or(|rows| rows < WORTH_DISABLING_INDEXES) {
        Reason::IndexesFewRows { indexes: listed }
    } else {
        return Decision::of(names(&indexes)).because(Reason::IndexesDisabled { indexes: listed });
    };
    Decision::of(Vec::new()).because(why_not)
}
