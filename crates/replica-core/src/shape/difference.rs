//! How only the rows that differ are written: one transaction of DELETE, UPDATE and INSERT, like any application's. So the
//! server checks every constraint, fires triggers and lets foreign keys act, and other rows stay as they are.
use super::decision::{Decision, Notes};
use super::windowed::ROWS_WITHOUT_ESCALATION;
use super::{
    DeleteMethod, IncomingKeys, LoadLock, LoadOptions, Reason, Strategy, batches, constraints, kinds, loads,
    referencing, triggers,
};
use crate::catalog::Table;
use crate::catalog::constraint::ReferentialAction;
use crate::error::Error;
use crate::refusal::Refusal;

/// Decides how to write the rows of `target` that differ. `cascade`: rows of other tables may go with those that go.
pub(crate) fn difference(target: &Table, options: LoadOptions, cascade: bool) -> Strategy {
    let fire_triggers = options.fire_triggers;
    let mut notes = Notes::default();
    let server = notes.take(loads(target).because(Reason::Difference).unless(kinds::refusal(target)));
    notes.refusals.extend(kinds::disabled_base(target));
    notes.refusals.extend(kinds::no_delete(target));
    notes.refusals.extend(triggers::refusal_of_statements(target, fire_triggers));
    let keys = notes.take(incoming_keys(target, cascade));
    notes.refusals.extend(kept_numbers(target));
    let drops_duplicates = notes.take(constraints::drop_duplicates(target));
    let batches = notes.take(batches::of_one_transaction(target, options, false));
    let Notes { reasons, warnings, refusals } = notes.of_table(&target.object.name);
    Strategy {
        delete_method: DeleteMethod::DeleteWindowInBatches(ROWS_WITHOUT_ESCALATION),
        lock: LoadLock::Rows,
        check_constraints: true,
        fire_triggers,
        batches,
        order: Vec::new(),
        disable: Vec::new(),
        keys,
        drops_duplicates,
        server,
        reasons,
        warnings,
        refusals,
    }
}

/// What keys of other tables do when rows go that are gone at the source.
fn incoming_keys(target: &Table, cascade: bool) -> Decision<IncomingKeys> {
    let known = target.foreign_keys.is_some();
    let keys = Decision::of(IncomingKeys { known, ..IncomingKeys::default() });
    let mut decision = keys.unless(referencing::unseen(target));
    for key in target.incoming_keys().filter(|key| !key.own) {
        let (name, table) = (key.name.clone(), key.table.to_string());
        match key.on_delete {
            ReferentialAction::NoAction => {
                decision = decision.because(Reason::KeyHoldsRows { key: name, table });
            }
            action if cascade => decision.notes.warnings.push(format!(
                "foreign key {name} (ON DELETE {action}) may act on rows of {table} (--allow-cascade)"
            )),
            action => {
                let action = action.to_string();
                decision = decision.because(Reason::ChildrenCounted { key: name, table, action });
            }
        }
    }
    decision
}

/// INSERT of an identity column's values needs the permission.
fn kept_numbers(target: &Table) -> Option<Error> {
    let numbered = target.columns.iter().any(|column| column.identity);
    (numbered && target.object.can_alter == Some(false)).then(|| {
        Error::refused(
            Refusal::IdentityWithoutAlter,
            "keeping the identity column's values needs ALTER permission",
        )
        .remedy("GRANT ALTER on the table")
    })
}
