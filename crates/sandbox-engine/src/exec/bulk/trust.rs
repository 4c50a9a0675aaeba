//! What a load that looks at no constraints costs them.
use crate::exec::dml::Target;
use sandbox_catalog::schema::{Instance, Table};
use sandbox_session::Session;
use std::sync::Arc;

/// Rows came in unchecked: the constraints are not to be trusted any more.
pub fn distrust(session: &mut Session, target: &Target) {
    let trusted = target.table.checks.iter().any(|c| !c.disabled && !c.not_trusted)
        || target.table.foreign_keys.iter().any(|k| !k.disabled && !k.not_trusted);
    if !trusted {
        return;
    }
    let engine = Arc::clone(&session.engine);
    let (database, object_id) = (target.database, target.table.object_id);
    let set = move |instance: &mut Instance, table: Arc<Table>| {
        instance.databases.get_mut(&database).and_then(|d| d.tables.insert(object_id, table))
    };
    let mut instance = engine.instance_mut();
    let Some(table) = instance.databases.get(&database).and_then(|d| d.tables.get(&object_id)).cloned()
    else {
        return;
    };
    let mut changed = (*table).clone();
    for check in changed.checks.iter_mut().filter(|c| !c.disabled) {
        check.not_trusted = true;
    }
    for key in changed.foreign_keys.iter_mut().filter(|k| !k.disabled) {
        key.not_trusted = true;
    }
    set(&mut instance, Arc::new(changed));
    if let Some(transaction) = &mut session.transaction {
        transaction.changed_schema = true;
        transaction.on_rollback(Box::new(move |instance, _| {
            set(instance, table);
            Ok(())
        }));
    }
}
