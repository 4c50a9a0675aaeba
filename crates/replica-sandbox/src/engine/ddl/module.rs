//! Views and triggers.
use super::ast::{CreateTrigger, CreateView};
use super::change::change;
use super::names;
use super::table::alter;
use super::table::remove::cannot_drop;
use crate::engine::api::Sink;
use crate::engine::describe::describe;
use crate::engine::failure::Outcome;
use crate::engine::permissions::{self, Target};
use crate::engine::schema::{Column, Database, Instance, Table, Trigger, View};
use crate::engine::session::Session;
use crate::engine::tokens::ObjectName;
use crate::error::SqlError;
use std::collections::BTreeMap;

fn views(database: i16) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, View>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.views)
}

/// # Errors
/// 2714, 208 for ALTER of one that is not there, 4506, 4511, 8158, 8159, what the SELECT does not allow.
pub fn create_view(session: &mut Session, def: &CreateView) -> Outcome {
    let (place, existing) = {
        let engine = session.engine.clone();
        let instance = engine.instance();
        let place = names::place(session, &instance, &def.name)?;
        let database = names::database(&instance, place.database)?;
        let rights = session.rights(&instance, database);
        let existing = database.view(place.schema, &place.name).filter(|_| def.alter).map(|v| v.object_id);
        match existing {
            Some(object_id) => {
                permissions::check(
                    &rights,
                    "ALTER",
                    Target { object_id, schema_id: place.schema },
                    &place.name,
                )?;
            }
            None if !def.create => {
                let text = format!("Invalid object name '{}'.", def.name);
                return Err(SqlError::new(208, 16, 6, text).into());
            }
            None => {
                permissions::check_database(&rights, "CREATE VIEW")?;
                if names::is_taken(database, place.schema, &place.name) {
                    return Err(names::exists(&place.name, 3).into());
                }
            }
        }
        (place, existing)
    };
    let columns = columns(session, def)?;
    change(session, |change| {
        let now = change.now;
        let database = change.database(place.database)?;
        let object_id = existing.unwrap_or_else(|| database.next_object_id());
        let created = database.views.get(&object_id).map_or(now, |v| v.created);
        let view = View {
            object_id,
            schema_id: place.schema,
            name: place.name.clone(),
            columns,
            definition: def.definition.clone(),
            select: def.select.clone(),
            created,
            modified: now,
        };
        change.put(views(place.database), object_id, Some(view));
        Ok(())
    })
}

fn columns(session: &mut Session, def: &CreateView) -> Outcome<Vec<Column>> {
    let fmtonly = std::mem::replace(&mut session.options.fmtonly, true);
    let described = describe(session, &def.select);
    session.options.fmtonly = fmtonly;
    let described = described?;
    let name = &def.name.name;
    if !def.columns.is_empty() && def.columns.len() != described.len() {
        let (number, word) =
            if described.len() > def.columns.len() { (8158, "more") } else { (8159, "fewer") };
        let text = format!("'{name}' has {word} columns than were specified in the column list.");
        return Err(SqlError::new(number, 16, 1, text).into());
    }
    let mut columns: Vec<Column> = Vec::new();
    for (at, column) in described.into_iter().enumerate() {
        let given = def.columns.get(at).cloned().unwrap_or(column.name);
        if given.is_empty() {
            let text = format!(
                "Create View or Function failed because no column name was specified for column {}.",
                at + 1
            );
            return Err(SqlError::new(4511, 16, 1, text).into());
        }
        if columns.iter().any(|c| c.name.eq_ignore_ascii_case(&given)) {
            let text = format!(
                "Column names in each view or function must be unique. Column name '{given}' in view or function '{name}' is specified more than once."
            );
            return Err(SqlError::new(4506, 16, 1, text).into());
        }
        columns.push(Column {
            column_id: at as i32 + 1,
            name: given,
            sql_type: column.sql_type,
            nullable: column.nullable,
            type_name: None,
            identity: false,
            computed: None,
            default: None,
            rowguidcol: false,
            generated_always: 0,
        });
    }
    Ok(columns)
}

/// # Errors
/// 3701.
pub fn drop_view(session: &mut Session, names: &[ObjectName], if_exists: bool) -> Outcome {
    for name in names {
        let missing = || cannot_drop("view", &name.to_string());
        let (database, id) = {
            let engine = session.engine.clone();
            let instance = engine.instance();
            let place = names::place(session, &instance, name).map_err(|_| missing())?;
            let database = names::database(&instance, place.database)?;
            let Some(view) = database.view(place.schema, &place.name) else {
                if if_exists {
                    continue;
                }
                return Err(missing().into());
            };
            let target = Target { object_id: view.object_id, schema_id: view.schema_id };
            if !session.rights(&instance, database).has("ALTER", Some(target)) {
                return Err(missing().into());
            }
            (place.database, view.object_id)
        };
        change(session, |change| {
            change.put(views(database), id, None);
            Ok(())
        })?;
    }
    Ok(())
}

/// # Errors
/// 8197 for the table, 2714.
pub fn create_trigger(session: &mut Session, def: &CreateTrigger, sink: &dyn Sink) -> Outcome {
    let missing = || {
        let text = format!("The object '{}' does not exist or is invalid for this operation.", def.table);
        SqlError::new(8197, 16, 4, text)
    };
    let target = alter::target(session, &def.table, sink, missing)?;
    change(session, |change| {
        let now = change.now;
        let database = change.database(target.database)?;
        if names::is_taken(database, target.table.schema_id, &def.name.name) {
            return Err(names::exists(&def.name.name, 2).into());
        }
        let object_id = database.next_object_id();
        let mut record = change.table(target.database, target.table.object_id)?;
        record.triggers.push(Trigger {
            object_id,
            name: def.name.name.clone(),
            events: def.events.clone(),
            definition: def.definition.clone(),
            body: def.body.clone(),
            disabled: false,
            created: now,
        });
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}

fn owner<'a>(database: &'a Database, schema: i32, name: &str) -> Option<&'a Table> {
    let tables = database.tables.values().filter(|t| t.schema_id == schema);
    tables.map(AsRef::as_ref).find(|t| t.triggers.iter().any(|g| database.same_name(&g.name, name)))
}

/// # Errors
/// 3701.
pub fn drop_trigger(
    session: &mut Session,
    names: &[ObjectName],
    if_exists: bool,
    sink: &dyn Sink,
) -> Outcome {
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
        let target = alter::target(session, &table, sink, missing)?;
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
