//! Views.
use super::body::{Body, Made, ModuleKind, describe};
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::{Instance, View};
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_sql::ddl::ast::CreateView;
use sandbox_sql::tokens::ObjectName;
use std::collections::BTreeMap;

fn views(database: i16) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, View>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.views)
}

const VIEW: ModuleKind = ModuleKind {
    word: "view",
    create: "CREATE VIEW",
    drop: None,
    find: |database, schema, name| {
        let found = database.view(schema, name);
        found.map(|v| ObjectKey { object_id: v.object_id, schema_id: v.schema_id })
    },
};

/// # Errors
/// 2714, 208 for ALTER of one that is not there, 4506, 4511, 8158, 8159, what the SELECT does not allow.
pub fn create(session: &mut Session, def: &CreateView) -> Outcome {
    let Made { place, existing, .. } = VIEW.made(session, &def.name, def.create, def.alter)?;
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

/// # Errors
/// 3701.
pub fn remove(session: &mut Session, all: &[ObjectName], if_exists: bool) -> Outcome {
    for name in all {
        let Some((database, id)) = VIEW.dropped(session, name, if_exists)? else { continue };
        change(session, |change| {
            change.put(views(database), id, None);
            Ok(())
        })?;
    }
    Ok(())
}
