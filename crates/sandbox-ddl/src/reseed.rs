//! DBCC CHECKIDENT with a number: where an identity column goes on.
use super::table::{locks, may_alter};
use sandbox_catalog::permissions::DB_DDLADMIN;
use sandbox_query::ask;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::Value;
use sandbox_values::error::SqlError;

/// The next row has the number after this one; in a table that never had a row, this one (Microsoft docs, "DBCC
/// CHECKIDENT").
///
/// # Errors
/// 2501 where there is no such table, 2557 without the right (Microsoft docs, "DBCC CHECKIDENT", Permissions), 7997 where it has no identity column.
pub fn reseed(session: &mut Session, name: &ObjectName, number: i64, sink: &dyn Sink) -> Outcome {
    let missing = || missing(name);
    let (database, table) = locks::table(session, name, sink, missing)?;
    {
        let instance = session.engine.instance();
        let database = names::database(&instance, database)?;
        may_alter(session, &instance, database, &table, missing)?;
        // All schemas are dbo's here.
        let may = session.rights(&instance, database).is_member(DB_DDLADMIN);
        if !may && table.owner_session != Some(session.id) {
            let (user, name) = (&session.login.user, &table.name);
            let text =
                format!("User '{user}' does not have permission to run DBCC CHECKIDENT for object '{name}'.");
            return Err(SqlError::new(2557, 14, 5, text).into());
        }
    }
    change(session, |change| {
        let mut record = change.table(database, table.object_id)?;
        let Some(identity) = &mut record.identity else {
            return Err(no_identity(name).into());
        };
        identity.last = match identity.last {
            Some(_) => Some(number),
            None => number.checked_sub(identity.increment),
        };
        change.put_table(database, record.object_id, Some(record));
        Ok(())
    })
}

fn missing(name: &ObjectName) -> SqlError {
    let text = format!("Cannot find a table or object with the name \"{name}\". Check the system catalog.");
    SqlError::new(2501, 16, 45, text)
}

fn no_identity(name: &ObjectName) -> SqlError {
    SqlError::new(7997, 16, 1, format!("'{name}' does not contain an identity column."))
}

/// The last number that was given, and the furthest that is there.
///
/// # Errors
/// 2501, 7997.
pub fn current(session: &mut Session, name: &ObjectName) -> Outcome<(Option<String>, Option<String>)> {
    let (last, question) = {
        let instance = session.engine.instance();
        let (database, table) = names::table(session, &instance, name).ok_or_else(|| missing(name))?;
        let records = names::database(&instance, database)?;
        may_alter(session, &instance, records, &table, || missing(name))?;
        let column = table.columns.iter().find(|c| c.identity);
        let (Some(column), Some(identity)) = (column, &table.identity) else {
            return Err(no_identity(name).into());
        };
        let furthest = if identity.increment > 0 { "MAX" } else { "MIN" };
        let from = super::validate::qualified(records, &table);
        let sql =
            format!("SELECT CONVERT(bigint, {furthest}([{}])) FROM {from}", column.name.replace(']', "]]"));
        (identity.last, sql)
    };
    let rows = ask(session, &question)?;
    let furthest = match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(n)) => Some(n.to_string()),
        _ => None,
    };
    Ok((last.map(|n| n.to_string()), furthest))
}
