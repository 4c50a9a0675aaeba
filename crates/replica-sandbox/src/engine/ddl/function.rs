//! Inline table-valued functions.
use super::ast::CreateFunction;
use super::module::{self, Body};
use super::table::remove::{cannot_drop, referenced_by_module};
use crate::engine::change::change;
use crate::engine::failure::Outcome;
use crate::engine::frame::{Frame, Variable};
use crate::engine::names;
use crate::engine::permissions::{self, Target};
use crate::engine::schema::{Instance, TableFunction};
use crate::engine::session::Session;
use crate::engine::tokens::ObjectName;
use crate::engine::type_name::Place;
use crate::error::SqlError;
use crate::values::Value;
use std::collections::BTreeMap;

fn functions(
    database: i16,
) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, TableFunction>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.functions)
}

/// # Errors
/// 2714, 208 for ALTER of one that is not there, 4514 for a column without a name, what the SELECT does not allow.
pub fn create(session: &mut Session, def: &CreateFunction) -> Outcome {
    let (place, existing, collation) = {
        let engine = session.engine.clone();
        let instance = engine.instance();
        let place = names::place(session, &instance, &def.name)?;
        let database = names::database(&instance, place.database)?;
        let rights = session.rights(&instance, database);
        let existing =
            database.function(place.schema, &place.name).filter(|_| def.alter).map(|f| f.object_id);
        match existing {
            Some(object_id) => {
                let target = Target { object_id, schema_id: place.schema };
                permissions::check(&rights, "ALTER", target, &place.name)?;
            }
            None if !def.create => {
                return Err(SqlError::new(208, 16, 6, format!("Invalid object name '{}'.", def.name)).into());
            }
            None => {
                permissions::check_database(&rights, "CREATE FUNCTION")?;
                if names::is_taken(database, place.schema, &place.name) {
                    return Err(names::exists(&place.name, 3).into());
                }
            }
        }
        (place, existing, database.collation)
    };
    let (mut frame, mut parameters) = (Frame::default(), Vec::new());
    for (name, type_name) in &def.parameters {
        let place = Place { ordinal: parameters.len() + 1, name, length: 1, collation };
        let sql_type = type_name.resolve(&place)?.sql_type;
        frame.declare(name, Variable { sql_type: sql_type.clone(), value: Value::Null })?;
        parameters.push((name.clone(), sql_type));
    }
    let body = Body { name: &place.name, select: &def.select, names: &[], schema_bound: def.schema_bound };
    let (columns, reads) = module::describe(session, &frame, &body)?;
    let bound_to = def.schema_bound.then_some(reads);
    change(session, |change| {
        let now = change.now;
        let database = change.database(place.database)?;
        let object_id = existing.unwrap_or_else(|| database.next_object_id());
        let created = database.functions.get(&object_id).map_or(now, |f| f.created);
        let function = TableFunction {
            object_id,
            schema_id: place.schema,
            name: place.name.clone(),
            parameters,
            columns,
            definition: def.definition.clone(),
            select: def.select.clone(),
            bound_to,
            created,
            modified: now,
        };
        change.put(functions(place.database), object_id, Some(function));
        Ok(())
    })
}

/// # Errors
/// 3701; 3729 where a policy or module needs it.
pub fn remove(session: &mut Session, all: &[ObjectName], if_exists: bool) -> Outcome {
    for name in all {
        let missing = || cannot_drop("function", &name.to_string());
        let (database, id) = {
            let engine = session.engine.clone();
            let instance = engine.instance();
            let place = names::place(session, &instance, name).map_err(|_| missing())?;
            let database = names::database(&instance, place.database)?;
            let Some(function) = database.function(place.schema, &place.name) else {
                if if_exists {
                    continue;
                }
                return Err(missing().into());
            };
            let target = Target { object_id: function.object_id, schema_id: function.schema_id };
            if !session.rights(&instance, database).has("ALTER", Some(target)) {
                return Err(missing().into());
            }
            referenced_by_module(database, function.object_id, "DROP FUNCTION", &name.to_string())?;
            (place.database, function.object_id)
        };
        change(session, |change| {
            change.put(functions(database), id, None);
            Ok(())
        })?;
    }
    Ok(())
}
