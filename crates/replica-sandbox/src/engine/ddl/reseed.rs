//! DBCC CHECKIDENT with a number: where an identity column goes on.
use super::change::change;
use super::names;
use super::table::{locks, may_alter};
use crate::engine::api::Sink;
use crate::engine::failure::Outcome;
use crate::engine::session::Session;
use crate::engine::tokens::ObjectName;
use crate::error::SqlError;

/// The next row has the number after this one; in a table that never had a row, this one (Microsoft docs, "DBCC
/// CHECKIDENT").
///
/// # Errors
/// 2501 where there is no such table, 7997 where it has no identity column.
pub fn reseed(session: &mut Session, name: &ObjectName, number: i64, sink: &dyn Sink) -> Outcome {
    let missing = || {
        let text =
            format!("Cannot find a table or object with the name \"{name}\". Check the system catalog.");
        SqlError::new(2501, 16, 45, text)
    };
    let (database, table) = locks::table(session, name, sink, missing)?;
    {
        let instance = session.engine.instance();
        may_alter(session, &instance, names::database(&instance, database)?, &table, missing)?;
    }
    change(session, |change| {
        let mut record = change.table(database, table.object_id)?;
        let Some(identity) = &mut record.identity else {
            let text = format!("'{name}' does not contain an identity column.");
            return Err(SqlError::new(7997, 16, 1, text).into());
        };
        identity.last = match identity.last {
            Some(_) => Some(number),
            None => number.checked_sub(identity.increment),
        };
        change.put_table(database, record.object_id, Some(record));
        Ok(())
    })
}
