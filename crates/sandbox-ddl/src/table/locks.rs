//! The locks that table DDL takes: Sch-M on what it changes, to the end of the transaction.
use sandbox_catalog::schema::Table;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::ddl::ast::{ConstraintDef, ConstraintKind};
use sandbox_sql::tokens::ObjectName;
use sandbox_transactions::locks::{LockMode, LockScope};
use sandbox_values::error::SqlError;
use std::sync::Arc;
use std::time::Duration;

/// # Errors
/// 1222, 1205.
pub fn modify(session: &Session, table: (i16, i32), sink: &dyn Sink) -> Outcome {
    session.lock_table(table, LockMode::SchM, LockScope::Transaction, sink)
}

/// A table under Sch-M, and the database it is in.
///
/// # Errors
/// `missing` where there is none of that name, before or after the wait; 1222, 1205.
pub fn table(
    session: &Session,
    name: &ObjectName,
    sink: &dyn Sink,
    missing: impl Fn() -> SqlError,
) -> Outcome<(i16, Arc<Table>)> {
    table_within(session, name, None, sink, missing)
}

/// The same, waited for at low priority where that has a limit.
///
/// # Errors
/// As [`table`].
pub fn table_within(
    session: &Session,
    name: &ObjectName,
    patience: Option<Duration>,
    sink: &dyn Sink,
    missing: impl Fn() -> SqlError,
) -> Outcome<(i16, Arc<Table>)> {
    loop {
        let found = names::table(session, &session.engine.instance(), name);
        let (database, found) = found.ok_or_else(&missing)?;
        match patience {
            Some(patience) => session.lock_table_patiently((database, found.object_id), patience, sink)?,
            None => modify(session, (database, found.object_id), sink)?,
        }
        // While this session waited, the table may have been changed, dropped or made anew.
        let now = names::table(session, &session.engine.instance(), name);
        let (_, now) = now.ok_or_else(&missing)?;
        if now.object_id == found.object_id {
            return Ok((database, now));
        }
    }
}

/// Sch-M on the tables that new foreign keys point at, as SQL Server takes it.
///
/// # Errors
/// 1222, 1205.
pub fn referenced<'a>(
    session: &Session,
    database: i16,
    constraints: impl Iterator<Item = &'a ConstraintDef>,
    sink: &dyn Sink,
) -> Outcome {
    for constraint in constraints {
        let ConstraintKind::Foreign(foreign) = &constraint.kind else { continue };
        let found = names::table(session, &session.engine.instance(), &foreign.table);
        if let Some((in_database, table)) = found
            && in_database == database
        {
            modify(session, (database, table.object_id), sink)?;
        }
    }
    Ok(())
}
