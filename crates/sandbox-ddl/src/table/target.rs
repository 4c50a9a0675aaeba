//! The table that a statement alters.
use super::locks;
use sandbox_catalog::schema::{Database, Instance, Table};
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use std::sync::Arc;
use std::time::Duration;

/// A table under Sch-M.
#[derive(Clone)]
pub struct Altered {
    pub database: i16,
    pub table: Arc<Table>,
}

impl Altered {
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
) -> Outcome<Altered> {
    target_within(session, name, None, sink, missing)
}

/// The same, waited for at low priority where that has a limit.
///
/// # Errors
/// As [`target`].
pub fn target_within(
    session: &Session,
    name: &ObjectName,
    patience: Option<Duration>,
    sink: &dyn Sink,
    missing: impl Fn() -> SqlError,
) -> Outcome<Altered> {
    let (database, table) = locks::table_within(session, name, patience, sink, &missing)?;
    let target = Altered { database, table };
    {
        let instance = session.engine.instance();
        let database = names::database(&instance, database)?;
        may_alter(session, &instance, database, &target.table, &missing)?;
    }
    Ok(target)
}

/// May the session's user change this table's definition?
///
/// # Errors
/// `denied`: SQL Server does not tell a table that may not be altered from one that is not there.
pub fn may_alter(
    session: &Session,
    instance: &Instance,
    database: &Database,
    table: &Table,
    denied: impl FnOnce() -> SqlError,
) -> Result<(), SqlError> {
    let own = table.owner_session == Some(session.id);
    if own || session.rights(instance, database).has("ALTER", Some(table.into())) {
        Ok(())
    } else {
        Err(denied())
    }
}
