//! The locks that table DDL takes: Sch-M on what it changes, to the end of the transaction.
use crate::engine::api::Sink;
use crate::engine::ddl::ast::{ConstraintDef, ConstraintKind};
use crate::engine::failure::Outcome;
use crate::engine::locks::{Mode, Scope};
use crate::engine::names;
use crate::engine::schema::Table;
use crate::engine::session::Session;
use crate::engine::tokens::ObjectName;
use crate::error::SqlError;
use std::sync::Arc;

/// # Errors
/// 1222, 1205.
pub fn modify(session: &Session, table: (i16, i32), sink: &dyn Sink) -> Outcome {
    session.lock_table(table, Mode::SchM, Scope::Transaction, sink)
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
    loop {
        let found = names::table(session, &session.engine.instance(), name);
        let (database, found) = found.ok_or_else(&missing)?;
        modify(session, (database, found.object_id), sink)?;
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
