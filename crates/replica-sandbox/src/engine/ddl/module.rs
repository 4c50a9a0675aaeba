//! Views and triggers.
use super::ast::{CreateTrigger, CreateView};
use super::table::alter;
use super::table::remove::cannot_drop;
use crate::engine::api::{OutColumn, Sink};
use crate::engine::change::change;
use crate::engine::failure::Outcome;
use crate::engine::frame::Frame;
use crate::engine::names;
use crate::engine::permissions::{self, Target};
use crate::engine::query::described;
use crate::engine::schema::{Column, Database, ForeignKey, Instance, Table, Trigger, View};
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
    let body =
        Body { name: &place.name, select: &def.select, names: &def.columns, schema_bound: def.schema_bound };
    let (columns, reads) = describe(session, &Frame::default(), &body)?;
    let bound_to = def.schema_bound.then(|| reads.clone());
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
            bound_to,
            reads,
            indexes: Vec::new(),
            created,
            modified: now,
        };
        change.put(views(place.database), object_id, Some(view));
        Ok(())
    })
}

/// A module's SELECT on its way into the catalog.
pub struct Body<'a> {
    pub name: &'a str,
    pub select: &'a str,
    /// Names given to its columns; empty means its own.
    pub names: &'a [String],
    pub schema_bound: bool,
}

/// The columns that a module's SELECT gives, and the tables that it reads: those that SCHEMABINDING ties it to.
///
/// # Errors
/// 4506, 4511, 4512, 8158, 8159; what the SELECT does not allow.
pub fn describe(session: &mut Session, frame: &Frame, body: &Body<'_>) -> Outcome<(Vec<Column>, Vec<i32>)> {
    let bound_by = body.schema_bound.then_some(body.name);
    let (described, tables) = described(session, frame, body.select, bound_by)?;
    Ok((columns(described, body)?, tables))
}

fn columns(described: Vec<OutColumn>, def: &Body<'_>) -> Outcome<Vec<Column>> {
    let name = def.name;
    if !def.names.is_empty() && def.names.len() != described.len() {
        let (number, word) = if described.len() > def.names.len() { (8158, "more") } else { (8159, "fewer") };
        let text = format!("'{name}' has {word} columns than were specified in the column list.");
        return Err(SqlError::new(number, 16, 1, text).into());
    }
    let mut columns: Vec<Column> = Vec::new();
    for (at, column) in described.into_iter().enumerate() {
        let given = def.names.get(at).cloned().unwrap_or(column.name);
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
            sparse: false,
            mask: None,
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
