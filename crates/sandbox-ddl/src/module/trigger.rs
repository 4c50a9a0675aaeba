//! Triggers.
use crate::table::remove::cannot_drop;
use crate::table::target::target;
use sandbox_catalog::schema::{Database, ForeignKey, Table, Trigger};
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::ddl::ast::CreateTrigger;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;

/// # Errors
/// 8197 for the table, 2714.
pub fn create(session: &mut Session, def: &CreateTrigger, sink: &dyn Sink) -> Outcome {
    let missing = || {
        let text = format!("The object '{}' does not exist or is invalid for this operation.", def.table);
        SqlError::new(8197, 16, 4, text)
    };
    let target = target(session, &def.table, sink, missing)?;
    change(session, |change| {
        let now = change.now;
        let database = change.database(target.database)?;
        if names::is_taken(database, target.table.schema_id, &def.name.name) {
            return Err(names::exists(&def.name.name, 2).into());
        }
        let object_id = database.next_object_id();
        let mut record = change.table(target.database, target.table.object_id)?;
        if def.instead {
            may_be_instead(&record, def)?;
        }
        record.triggers.push(Trigger {
            object_id,
            name: def.name.name.clone(),
            events: def.events.clone(),
            definition: def.definition.clone(),
            body: def.body.clone(),
            instead_of: def.instead,
            disabled: false,
            created: now,
        });
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}

/// # Errors
/// 2111 for a second one, 2113 where a foreign key cascades (Microsoft docs, CREATE TRIGGER, "Remarks").
fn may_be_instead(table: &Table, def: &CreateTrigger) -> Result<(), SqlError> {
    for event in &def.events {
        let (trigger, name) = (&def.name, &table.name);
        if table.triggers.iter().any(|t| t.instead_of && t.events.contains(event)) {
            let text = format!(
                "Cannot create trigger '{trigger}' on view or table '{name}' because an INSTEAD OF {event} trigger already \
                 exists on this object."
            );
            return Err(SqlError::new(2111, 16, 1, text));
        }
        let cascades =
            |f: &ForeignKey| event == "DELETE" && f.on_delete != 0 || event == "UPDATE" && f.on_update != 0;
        if table.foreign_keys.iter().any(cascades) {
            let text = format!(
                "Cannot create INSTEAD OF DELETE or INSTEAD OF UPDATE TRIGGER '{trigger}' on table '{name}'. This is because \
                 the table has a FOREIGN KEY with cascading DELETE or UPDATE."
            );
            return Err(SqlError::new(2113, 16, 1, text));
        }
    }
    Ok(())
}

fn owner<'a>(database: &'a Database, schema: i32, name: &str) -> Option<&'a Table> {
    let tables = database.tables.values().filter(|t| t.schema_id == schema);
    tables.map(AsRef::as_ref).find(|t| t.triggers.iter().any(|g| database.same_name(&g.name, name)))
}

/// # Errors
/// 3701.
pub fn remove(session: &mut Session, names: &[ObjectName], if_exists: bool, sink: &dyn Sink) -> Outcome {
    for name in names {
        let missing = || cannot_drop("trigger", &name.to_string());
        let (place, table) = {
            let engine = session.engine.clone();
            let instance = engine.instance();
            let place = names::place(session, &instance, name).map_err(|_| missing())?;
            let database = names::database(&instance, place.database)?;
            let found = owner(database, place.schema, &place.name).map(|table| ObjectName {
                database: Some(database.name.clone()),
                schema: Some(database.schema_name(place.schema).to_owned()),
                name: table.name.clone(),
            });
            (place, found)
        };
        let Some(table) = table else {
            if if_exists {
                continue;
            }
            return Err(missing().into());
        };
        let target = target(session, &table, sink, missing)?;
        change(session, |change| {
            let mut record = change.table(target.database, target.table.object_id)?;
            let database = &*change.database(target.database)?;
            record.triggers.retain(|g| !database.same_name(&g.name, &place.name));
            change.put_table(target.database, record.object_id, Some(record));
            Ok(())
        })?;
    }
    Ok(())
}
