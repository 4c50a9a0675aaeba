//! Renaming: what sp_rename does.
use super::table::{keys, locks, may_alter};
use sandbox_catalog::schema::{Database, Table};
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A table or one of its constraints.
    Object,
    Column,
    Index,
}

/// # Errors
/// 15225 and 15248 where there is nothing of that name, 15335 where the new name is taken.
pub fn rename(session: &mut Session, name: &ObjectName, new: &str, what: What, sink: &dyn Sink) -> Outcome {
    if let Some(transaction) = session.transaction.as_mut() {
        transaction.next_stamp()?;
    }
    let missing = || missing(session, name, what);
    // Of a column or index the last part but one is the table.
    let table_name = match (what, &name.schema) {
        (What::Object, _) => owner(session, name).ok_or_else(missing)?,
        (_, Some(table)) => ObjectName { database: None, schema: name.database.clone(), name: table.clone() },
        (_, None) => return Err(missing().into()),
    };
    let (database, table) = locks::table(session, &table_name, sink, missing)?;
    {
        let instance = session.engine.instance();
        may_alter(session, &instance, names::database(&instance, database)?, &table, missing)?;
    }
    change(session, |change| {
        let mut record = change.table(database, table.object_id)?;
        let records = &*change.database(database)?;
        if !apply(records, &mut record, name, new, what)? {
            let kind = if what == What::Column { "COLUMN" } else { "OBJECT" };
            let text = format!(
                "Either the parameter @objname is ambiguous or the claimed @objtype ({kind}) is wrong."
            );
            return Err(SqlError::new(15248, 11, 1, text).into());
        }
        change.put_table(database, record.object_id, Some(record));
        Ok(())
    })
}

fn missing(session: &Session, name: &ObjectName, what: What) -> SqlError {
    let instance = session.engine.instance();
    let database = instance.databases.get(&session.database).map_or("", |d| d.name.as_str());
    let kind = match what {
        What::Object => "(null)",
        What::Column => "COLUMN",
        What::Index => "INDEX",
    };
    let text = format!(
        "No item by the name of '{name}' could be found in the current database '{database}', given that @itemtype was input as '{kind}'."
    );
    SqlError::new(15225, 11, 1, text)
}

/// The table of that name, or the one that has a constraint of that name.
fn owner(session: &Session, name: &ObjectName) -> Option<ObjectName> {
    let instance = session.engine.instance();
    if names::table(session, &instance, name).is_some() {
        return Some(name.clone());
    }
    let place = names::place(session, &instance, name).ok()?;
    let database = instance.databases.get(&place.database)?;
    let mut tables = database.tables.values().filter(|t| t.schema_id == place.schema);
    let table = tables.find(|t| t.constraint_names().any(|n| database.same_name(n, &place.name)))?;
    Some(ObjectName {
        database: Some(database.name.clone()),
        schema: Some(database.schema_name(table.schema_id).to_owned()),
        name: table.name.clone(),
    })
}

/// Renames what is meant; false where it is not there.
fn apply(
    database: &Database,
    table: &mut Table,
    name: &ObjectName,
    new: &str,
    what: What,
) -> Result<bool, SqlError> {
    let same = |other: &str| database.same_name(other, &name.name);
    let taken = |kind: &str| {
        let text = format!(
            "Error: The new name '{new}' is already in use as a {kind} name and would cause a duplicate that is not permitted."
        );
        SqlError::new(15335, 11, 1, text)
    };
    if what == What::Column {
        if keys::column(database, table, new).is_some_and(|c| !same(&c.name)) {
            return Err(taken("COLUMN"));
        }
        let column = table.columns.iter_mut().find(|c| same(&c.name));
        return Ok(column.map(|c| new.clone_into(&mut c.name)).is_some());
    }
    if what == What::Object && names::is_taken(database, table.schema_id, new) {
        return Err(taken("OBJECT"));
    }
    if what == What::Object && same(&table.name) {
        new.clone_into(&mut table.name);
        return Ok(true);
    }
    let index = table.indexes.iter_mut().filter_map(|i| i.name.as_mut());
    let mut all: Vec<&mut String> = index.collect();
    if what == What::Object {
        all.extend(table.checks.iter_mut().map(|c| &mut c.name));
        all.extend(table.foreign_keys.iter_mut().map(|f| &mut f.name));
        all.extend(table.columns.iter_mut().filter_map(|c| c.default.as_mut()).map(|d| &mut d.name));
    }
    let found = all.into_iter().find(|n| same(n));
    Ok(found.map(|n| new.clone_into(n)).is_some())
}
