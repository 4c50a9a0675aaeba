//! Triggers of the target: which would fire, and whether they are to.
use super::DeleteMethod;
use crate::catalog::Table;
use crate::catalog::constraint::Trigger;
use crate::error::Error;
use crate::refusal::Refusal;

/// The enabled triggers for an event: DELETE or INSERT.
fn enabled<'a>(target: &'a Table, event: &'static str) -> impl Iterator<Item = &'a Trigger> {
    target.triggers.iter().flatten().filter(move |t| !t.disabled && t.event.eq_ignore_ascii_case(event))
}

/// Is TRUNCATE, which fires none, out of the question?
pub(super) fn want_delete(target: &Table, fire_triggers: bool) -> bool {
    fire_triggers && enabled(target, "DELETE").next().is_some()
}

/// What stands against INSERT, UPDATE and DELETE, which no trigger lets pass by.
pub(super) fn refusal_of_statements(target: &Table, fire_triggers: bool) -> Option<Error> {
    let mut enabled = target.triggers.iter().flatten().filter(|trigger| !trigger.disabled);
    if let Some(trigger) = enabled.clone().find(|trigger| trigger.instead_of) {
        let why = format!("INSTEAD OF trigger {} would run in place of what is written", trigger.name);
        return Some(Error::refused(Refusal::InsteadOfTrigger, why).remedy("Disable it for the run"));
    }
    if let Some(trigger) = enabled.next().filter(|_| !fire_triggers) {
        let why = format!("writing the rows that differ would fire trigger {}", trigger.name);
        return Some(
            Error::refused(Refusal::FiredTrigger, why)
                .remedy("Disable it for the run, let it fire with --fire-triggers, or say --apply replace"),
        );
    }
    // Those that the login cannot see are told by the refusals of a replacement with triggers.
    refusal(target, true, DeleteMethod::DeleteWindow)
}

/// What stands against rows that are copied over from a table beside the target by INSERT, which no trigger lets pass by.
pub(crate) fn refusal_of_copies(target: &Table, fire_triggers: bool) -> Option<Error> {
    let trigger = enabled(target, "INSERT").next().filter(|_| !fire_triggers)?;
    let why = format!("copying the new rows over would fire trigger {}", trigger.name);
    Some(
        Error::refused(Refusal::FiredTrigger, why)
            .remedy("Disable it for the run, let it fire with --fire-triggers, or say --publish direct"),
    )
}

/// What stands against a replacement by this method.
pub(super) fn refusal(target: &Table, fire_triggers: bool, method: DeleteMethod) -> Option<Error> {
    // What a login may not see fires all the same.
    let unseen = |event: &str, there_are: Option<bool>| match &target.triggers {
        Some(seen) => there_are == Some(true) && !seen.iter().any(|t| t.event.eq_ignore_ascii_case(event)),
        None => there_are != Some(false),
    };
    let object = &target.object;
    let deletes = method != DeleteMethod::Truncate;
    if (fire_triggers || deletes) && unseen("DELETE", object.delete_triggers)
        || fire_triggers && unseen("INSERT", object.insert_triggers)
    {
        let why = "it has, or may have, triggers that this login cannot see";
        return Some(
            Error::refused(Refusal::UnseenTriggers, why)
                .remedy("GRANT VIEW DEFINITION on it to the target's login"),
        );
    }
    let (mut delete, mut insert) = (enabled(target, "DELETE"), enabled(target, "INSERT"));
    if fire_triggers {
        let trigger = delete.chain(insert).find(|trigger| trigger.instead_of)?;
        let why = format!("INSTEAD OF trigger {} would run in place of the replacement", trigger.name);
        return Some(
            Error::refused(Refusal::InsteadOfTrigger, why)
                .remedy("Disable it for the load, or leave --fire-triggers out"),
        );
    }
    if deletes && let Some(trigger) = delete.next() {
        let why = format!("deleting the old rows would fire trigger {}", trigger.name);
        return Some(
            Error::refused(Refusal::DeleteTrigger, why)
                .remedy("Disable it for the load, or let it fire with --fire-triggers"),
        );
    }
    let trigger = insert.next().filter(|_| object.can_alter == Some(false))?;
    let why = format!("loading past trigger {} needs ALTER permission", trigger.name);
    Some(
        Error::refused(Refusal::InsertTriggerWithoutAlter, why)
            .remedy("GRANT ALTER on the table, or let it fire with --fire-triggers"),
    )
}
