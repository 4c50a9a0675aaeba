//! ALTER TABLE … CHECK, NOCHECK CONSTRAINT and ENABLE, DISABLE TRIGGER.
use super::target::Altered;
use super::validate::{self, Question};
use sandbox_catalog::schema::{Database, Table};
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_values::error::SqlError;

/// Enables or disables check constraints and foreign keys; no names mean all. WITH CHECK looks at every row and
/// makes trusted; CHECK alone enables and leaves trust as it is; NOCHECK takes it away (docs/SERVER.md, "Constraints and
/// trust").
///
/// # Errors
/// 4917 for a name that is no constraint, 11415 for a key, 547 for a row.
pub fn switch(
    session: &mut Session,
    target: &Altered,
    names: &[String],
    enable: bool,
    validate: bool,
) -> Outcome {
    let questions = target.read(session, |database, table| {
        known(database, table, names, enable)?;
        Ok(if enable && validate { questions(database, table, names) } else { Vec::new() })
    })?;
    for question in questions {
        validate::ask(session, question)?;
    }
    change(session, |change| {
        let mut record = change.table(target.database, target.table.object_id)?;
        let database = &*change.database(target.database)?;
        let chosen = |name: &str| names.is_empty() || names.iter().any(|n| database.same_name(n, name));
        let set = |disabled: &mut bool, not_trusted: &mut bool| {
            *disabled = !enable;
            *not_trusted = match (enable, validate) {
                (true, true) => false,
                (true, false) => *not_trusted,
                (false, _) => true,
            };
        };
        for check in record.checks.iter_mut().filter(|c| chosen(&c.name)) {
            set(&mut check.disabled, &mut check.not_trusted);
        }
        for key in record.foreign_keys.iter_mut().filter(|f| chosen(&f.name)) {
            set(&mut key.disabled, &mut key.not_trusted);
        }
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}

fn known(database: &Database, table: &Table, names: &[String], enable: bool) -> Result<(), SqlError> {
    for name in names {
        let same = |other: &str| database.same_name(other, name);
        if table.checks.iter().any(|c| same(&c.name)) || table.foreign_keys.iter().any(|f| same(&f.name)) {
            continue;
        }
        if table.constraint_names().any(same) {
            let text = format!(
                "Object '{name}' cannot be disabled or enabled. This action applies only to foreign key and check constraints."
            );
            return Err(SqlError::new(11415, 16, if enable { 1 } else { 2 }, text));
        }
        return Err(SqlError::new(4917, 16, 0, format!("Constraint '{name}' does not exist.")));
    }
    Ok(())
}

fn questions(database: &Database, table: &Table, names: &[String]) -> Vec<Question> {
    let chosen = |name: &str| names.is_empty() || names.iter().any(|n| database.same_name(n, name));
    let checks = table.checks.iter().filter(|c| chosen(&c.name));
    let keys = table.foreign_keys.iter().filter(|f| chosen(&f.name));
    checks
        .map(|c| validate::check(database, table, c))
        .chain(keys.filter_map(|f| validate::foreign_key(database, table, f)))
        .collect()
}

/// # Errors
/// 4902 for a trigger that the table does not have.
pub fn switch_triggers(session: &mut Session, target: &Altered, names: &[String], enable: bool) -> Outcome {
    change(session, |change| {
        let mut record = change.table(target.database, target.table.object_id)?;
        let database = &*change.database(target.database)?;
        for name in names {
            if !record.triggers.iter().any(|t| database.same_name(&t.name, name)) {
                let text = format!(
                    "Cannot find the trigger \"{name}\" because it does not exist or you do not have permissions."
                );
                return Err(SqlError::new(4902, 16, 2, text).into());
            }
        }
        for trigger in &mut record.triggers {
            if names.is_empty() || names.iter().any(|n| database.same_name(n, &trigger.name)) {
                trigger.disabled = !enable;
            }
        }
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}
