//! Inline table-valued functions.
use super::body::{Body, Made, ModuleKind, describe};
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::{Instance, TableFunction};
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::frame::{Frame, Variable};
use sandbox_sql::ddl::ast::CreateFunction;
use sandbox_sql::tokens::ObjectName;
use sandbox_sql::type_name::TypePlace;
use sandbox_values::Value;
use std::collections::BTreeMap;

fn functions(
    database: i16,
) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, TableFunction>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.functions)
}

const FUNCTION: ModuleKind = ModuleKind {
    word: "function",
    create: "CREATE FUNCTION",
    drop: Some("DROP FUNCTION"),
    find: |database, schema, name| {
        let found = database.function(schema, name);
        found.map(|f| ObjectKey { object_id: f.object_id, schema_id: f.schema_id })
    },
};

/// # Errors
/// 2714, 208 for ALTER of one that is not there, 4514 for a column without a name, what the SELECT does not allow.
pub fn create(session: &mut Session, def: &CreateFunction) -> Outcome {
    let Made { place, existing, collation } = FUNCTION.made(session, &def.name, def.create, def.alter)?;
    let (mut frame, mut parameters) = (Frame::default(), Vec::new());
    for (name, type_name) in &def.parameters {
        let place = TypePlace { ordinal: parameters.len() + 1, name, length: 1, collation };
        let sql_type = type_name.resolve(&place)?.sql_type;
        frame.declare(name, Variable { sql_type: sql_type.clone(), value: Value::Null })?;
        parameters.push((name.clone(), sql_type));
    }
    let body = Body { name: &place.name, select: &def.select, names: &[], schema_bound: def.schema_bound };
    let (columns, reads) = describe(session, &frame, &body)?;
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
        let Some((database, id)) = FUNCTION.dropped(session, name, if_exists)? else { continue };
        change(session, |change| {
            change.put(functions(database), id, None);
            Ok(())
        })?;
    }
    Ok(())
}
