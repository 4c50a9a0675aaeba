//! ALTER TABLE.
use super::target::{cannot_find, target_within};
use super::{add, alter_column, constraints, drop_item, switch};
use crate::tracking;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::AlterTable;
use sandbox_sql::tokens::ObjectName;

/// # Errors
/// 4902, and what the action does not allow.
pub fn alter(session: &mut Session, name: &ObjectName, action: &AlterTable, sink: &dyn Sink) -> Outcome {
    let patience = match action {
        AlterTable::Switch { low_priority, .. } => {
            low_priority.map(|minutes| session.engine.sandbox.minute() * minutes)
        }
        _ => None,
    };
    let altered = target_within(session, name, patience, sink, || cannot_find(name))?;
    match action {
        AlterTable::Add { columns, constraints, check } => {
            add::add(session, &altered, &add::Addition { columns, constraints, check: *check }, sink)
        }
        AlterTable::Drop { items } => drop_item::drop(session, &altered, items),
        AlterTable::AlterColumn { name, type_name, collation, nullable, mask } => {
            let new = alter_column::NewType {
                name,
                type_name,
                collation: collation.as_deref(),
                nullable: *nullable,
                mask: mask.as_deref(),
            };
            alter_column::alter_column(session, &altered, &new)
        }
        AlterTable::ColumnProperty { name, property } => {
            alter_column::change_property(session, &altered, name, property)
        }
        AlterTable::Constraints { names, enable, validate } => {
            constraints::switch(session, &altered, names, *enable, *validate)
        }
        AlterTable::Triggers { names, enable } => {
            constraints::switch_triggers(session, &altered, names, *enable)
        }
        AlterTable::Switch { from, target: to, to: to_partition, .. } => {
            let other = target_within(session, to, patience, sink, || cannot_find(to))?;
            switch::switch(session, (&altered, *from), (&other, *to_partition))
        }
        AlterTable::EnableChangeTracking { columns_updated } => {
            tracking::enable(session, &altered, *columns_updated)
        }
        AlterTable::DisableChangeTracking => tracking::disable(session, &altered),
        AlterTable::Rebuild(compression) => crate::index::rebuild_all(session, &altered, *compression),
        AlterTable::LockEscalation(escalation) => change(session, |change| {
            let mut record = change.table(altered.database, altered.table.object_id)?;
            record.lock_escalation = *escalation;
            change.put_table(altered.database, record.object_id, Some(record));
            Ok(())
        }),
    }
}
