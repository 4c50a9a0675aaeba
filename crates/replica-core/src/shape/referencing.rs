//! Foreign keys that point at the target, and what they do when its rows go: they refuse it (error 547), or the server
//! deletes or changes rows of the tables that have them, and so on from there (Microsoft docs, "Primary and foreign key
//! constraints", Cascading referential integrity).
//!
//! No row of another table changes: a key that would change one is suspended while the rows go, or the target is refused.
//! TRUNCATE needs no such care. It is refused where any key points at the table (Microsoft docs, "TRUNCATE TABLE").
use std::collections::VecDeque;

use super::decision::Decision;
use super::{DeleteMethod, LoadOptions, Reason};
use crate::catalog::constraint::{ForeignKey, ReferentialAction};
use crate::catalog::{Table, TableName, quote};
use crate::error::Error;
use crate::refusal::Refusal;

/// A table whose rows could go or change with the target's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    pub table: TableName,
    /// How many it has; about.
    pub rows: Option<u64>,
    /// The key that reaches it, and what that does.
    pub by: String,
}

/// What becomes of the foreign keys that point at the target.
#[derive(Clone, Debug, Default)]
pub struct IncomingKeys {
    /// Could they be asked for?
    pub known: bool,
    /// Those of other tables, enabled now, that are suspended while the rows change.
    pub suspend: Vec<SuspendedKey>,
    /// Tables whose rows would go or change with the target's, where that is why it is refused.
    pub reached: Vec<Reached>,
}

/// A foreign key that points at the table and comes back as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspendedKey {
    pub name: String,
    pub table: TableName,
    pub trusted: bool,
}

impl SuspendedKey {
    /// For people.
    pub fn label(&self) -> String {
        format!("foreign key {} of {}", self.name, self.table)
    }

    pub fn suspend(&self) -> String {
        format!("ALTER TABLE {} NOCHECK CONSTRAINT {}", self.table.quoted(), quote(&self.name))
    }

    /// As it was; where it is trusted, every row is held against it.
    pub fn restore(&self) -> String {
        let check = if self.trusted { "WITH CHECK" } else { "WITH NOCHECK" };
        format!("ALTER TABLE {} {check} CHECK CONSTRAINT {}", self.table.quoted(), quote(&self.name))
    }
}

/// Which keys are suspended while the old rows go by `method`, and which stand against it.
pub(super) fn incoming_keys(
    target: &Table,
    options: LoadOptions,
    method: DeleteMethod,
) -> Decision<IncomingKeys> {
    let decision =
        Decision::of(IncomingKeys { known: target.foreign_keys.is_some(), ..IncomingKeys::default() });
    if method == DeleteMethod::Truncate {
        return decision;
    }
    if let Some(unseen) = unseen(target) {
        return decision.unless(Some(unseen));
    }
    let whole = method == DeleteMethod::Delete;
    let keys: Vec<&ForeignKey> = target.incoming_keys().filter(|key| !(whole && key.own)).collect();
    if whole && !options.keep_keys { suspend(decision, &keys) } else { keep(decision, target, &keys, whole) }
}

/// Keys that are suspended. NOCHECK and CHECK hold the table that has the key locked (Sch-M), so that the key is back
/// before anybody sees it.
fn suspend(mut decision: Decision<IncomingKeys>, keys: &[&ForeignKey]) -> Decision<IncomingKeys> {
    for ForeignKey { name, table, trusted, can_alter, .. } in keys.iter().copied() {
        if *can_alter == Some(false) {
            let why = format!(
                "foreign key {name} of {table} points at this table, and this login may not suspend it"
            );
            return decision.unless(Some(
                Error::refused(Refusal::ForeignKeyWithoutAlter, why)
                    .remedy(format!("GRANT ALTER on {table}, or disable the key for the load")),
            ));
        }
        let (key, of) = (name.clone(), table.to_string());
        decision.value.suspend.push(SuspendedKey {
            name: name.clone(),
            table: table.clone(),
            trusted: *trusted,
        });
        decision = decision.because(if *trusted {
            Reason::KeySuspended { key, table: of }
        } else {
            Reason::UntrustedKeySuspended { key, table: of }
        });
    }
    decision
}

/// Keys that stay enabled: those that act are refused, the others can refuse the DELETE.
fn keep(
    mut decision: Decision<IncomingKeys>,
    target: &Table,
    keys: &[&ForeignKey],
    whole: bool,
) -> Decision<IncomingKeys> {
    let acting: Vec<&ForeignKey> =
        keys.iter().copied().filter(|key| key.on_delete != ReferentialAction::NoAction).collect();
    if !acting.is_empty() {
        decision.value.reached = reached(target);
        let refusal = refusal(&acting, &decision.value.reached, whole);
        return decision.unless(Some(refusal));
    }
    for ForeignKey { name, table, .. } in keys {
        if whole {
            decision = decision.because(Reason::KeyStays { key: name.clone(), table: table.to_string() });
        } else {
            decision.notes.warnings.push(format!(
                "foreign key {name} of {table} points at this table: rows that it holds cannot be deleted (error 547)"
            ));
        }
    }
    decision
}

/// A key is shown to whoever has a right on the table that has it (Microsoft docs, "Metadata visibility configuration");
/// that there is one, to whoever sees the table that it points at. Where some are seen and others not, nothing tells.
pub(super) fn unseen(target: &Table) -> Option<Error> {
    let referenced = target.object.referenced;
    let why = match &target.foreign_keys {
        Some(keys) if keys.iter().any(|key| key.incoming) || referenced != Some(true) => return None,
        Some(_) => "a foreign key that this login cannot see points at this table",
        None if referenced == Some(false) => return None,
        None => "this login cannot learn whether foreign keys point at this table",
    };
    let why = format!("{why}: with the old rows it could delete or change rows of other tables");
    Some(Error::refused(Refusal::UnseenForeignKeys, why).remedy(
        "GRANT VIEW DEFINITION on the target's database to its login, or on the tables that have the keys",
    ))
}

fn refusal(acting: &[&ForeignKey], reached: &[Reached], whole: bool) -> Error {
    let keys =
        acting.iter().map(|key| format!("{} of {} (ON DELETE {})", key.name, key.table, key.on_delete));
    let keys = keys.collect::<Vec<_>>().join(", ");
    let mut further: Vec<String> = reached
        .iter()
        .filter(|reached| acting.iter().all(|key| key.table != reached.table))
        .map(|reached| reached.table.to_string())
        .collect();
    further.dedup();
    let further =
        if further.is_empty() { String::new() } else { format!(", and through them {}", further.join(", ")) };
    let disable = acting
        .iter()
        .map(|key| format!("ALTER TABLE {} NOCHECK CONSTRAINT {}", key.table.quoted(), quote(&key.name)));
    let disable = disable.collect::<Vec<_>>().join("; ");
    let instead = if whole {
        "Disable what the server did not let us suspend"
    } else {
        "Write only the rows that differ (--apply difference), replace the table as a whole (replicate-reference-tables without dates), which suspends the keys meanwhile, or disable them for the load"
    };
    let why =
        format!("deleting the old rows would delete or change rows of other tables: by {keys}{further}");
    Error::refused(Refusal::ActingForeignKeys, why).remedy(format!("{instead}: {disable}"))
}

/// What becomes of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Gone,
    Changed,
}

/// The tables that a DELETE could reach, from key to key.
fn reached(target: &Table) -> Vec<Reached> {
    let mut reached = Vec::new();
    let mut seen = vec![(target.object.id, Change::Gone)];
    let mut queue = VecDeque::from(seen.clone());
    while let Some((id, change)) = queue.pop_front() {
        for key in target.acting_keys.iter().filter(|key| key.referenced_id == id) {
            let (verb, action) = match change {
                Change::Gone => ("DELETE", key.on_delete),
                Change::Changed => ("UPDATE", key.on_update),
            };
            let next = match action {
                ReferentialAction::NoAction => continue,
                ReferentialAction::SetNull | ReferentialAction::SetDefault => Change::Changed,
                ReferentialAction::Cascade | ReferentialAction::Unknown => change,
            };
            let by = format!("{} (ON {verb} {action})", key.name);
            reached.push(Reached { table: key.table.clone(), rows: key.table_rows, by });
            if !seen.contains(&(key.table_id, next)) {
                seen.push((key.table_id, next));
                queue.push_back((key.table_id, next));
            }
        }
    }
    reached
}
