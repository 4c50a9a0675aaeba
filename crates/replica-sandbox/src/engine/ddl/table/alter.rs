//! ALTER TABLE.
use super::{constraints, locks, may_alter, switch};
use crate::engine::api::Sink;
use crate::engine::change::change;
use crate::engine::ddl::ast::AlterTable;
use crate::engine::failure::Outcome;
use crate::engine::names;
use crate::engine::schema::{Database, Table};
use crate::engine::session::Session;
use crate::engine::tokens::ObjectName;
use crate::error::SqlError;
use std::sync::Arc;

/// A table under Sch-M.
#[derive(Clone)]
pub struct Target {
    pub database: i16,
    pub table: Arc<Table>,
}

impl Target {
    /// Reads the catalog for a moment. `work` must not read it on its own: a writer waiting between the two would
    /// stop both.
    ///
    /// # Errors
    /// 911; `work`'s.
    pub fn read<T>(
        &self,
        session: &Session,
        work: impl FnOnce(&Database, &Table) -> Outcome<T>,
    ) -> Outcome<T> {
        let instance = session.engine.instance();
        let database = names::database(&instance, self.database)?;
        // As it is now: the statement may have changed it since it took the lock.
        let table = database.tables.get(&self.table.object_id).unwrap_or(&self.table);
        work(database, table)
    }
}

/// 4902: not there, or not to be altered by this user.
pub fn cannot_find(name: &ObjectName) -> SqlError {
    let text = format!(
        "Cannot find the object \"{name}\" because it does not exist or you do not have permissions."
    );
    SqlError::new(4902, 16, 1, text)
}

/// The table, under Sch-M, if the user may alter it.
///
/// # Errors
/// `missing` where it is not there or not to be altered; 1222, 1205.
pub fn target(
    session: &Session,
    name: &ObjectName,
    sink: &dyn Sink,
    missing: impl Fn() -> SqlError,
) -> Outcome<Target> {
    let (database, table) = locks::table(session, name, sink, &missing)?;
    let target = Target { database, table };
    {
        let instance = session.engine.instance();
        let database = names::database(&instance, database)?;
        may_alter(session, &instance, database, &target.table, &missing)?;
    }
    Ok(target)
}

/// # Errors
/// 4902, and what the action does not allow.
pub fn alter(session: &mut Session, name: &ObjectName, action: &AlterTable, sink: &dyn Sink) -> Outcome {
    let target = target(session, name, sink, || cannot_find(name))?;
    match action {
        AlterTable::Add { columns, constraints, check } => super::add::add(
            session,
            &target,
            &super::add::Addition { columns, constraints, check: *check },
            sink,
        ),
        AlterTable::Drop { items } => super::drop_item::drop(session, &target, items),
        AlterTable::AlterColumn { name, type_name, collation, nullable, mask } => {
            let new = super::alter_column::NewType {
                name,
                type_name,
                collation: collation.as_deref(),
                nullable: *nullable,
                mask: mask.as_deref(),
            };
            super::alter_column::alter_column(session, &target, &new)
        }
        AlterTable::ColumnProperty { name, property } => {
            super::alter_column::change_property(session, &target, name, property)
        }
        AlterTable::Constraints { names, enable, validate } => {
            constraints::switch(session, &target, names, *enable, *validate)
        }
        AlterTable::Triggers { names, enable } => {
            constraints::switch_triggers(session, &target, names, *enable)
        }
        AlterTable::Switch { from, target: to, to: to_partition } => {
            let other = self::target(session, to, sink, || cannot_find(to))?;
            switch::switch(session, (&target, *from), (&other, *to_partition))
        }
        AlterTable::Rebuild => crate::engine::ddl::index::rebuild_all(session, &target),
        AlterTable::LockEscalation(escalation) => change(session, |change| {
            let mut record = change.table(target.database, target.table.object_id)?;
            record.lock_escalation = *escalation;
            change.put_table(target.database, record.object_id, Some(record));
            Ok(())
        }),
    }
}
