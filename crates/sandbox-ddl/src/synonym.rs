//! Synonyms.
use sandbox_catalog::permissions::{self, ObjectKey};
use sandbox_catalog::schema::{Instance, Synonym};
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use std::collections::BTreeMap;

fn synonyms(database: i16) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, Synonym>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.synonyms)
}

/// Its base need not be there yet (Microsoft docs, CREATE SYNONYM).
///
/// # Errors
/// 2714, 262.
pub fn create(session: &mut Session, name: &ObjectName, base: &ObjectName) -> Outcome {
    let place = {
        let instance = session.engine.instance();
        let place = names::place(session, &instance, name)?;
        let database = names::database(&instance, place.database)?;
        permissions::check_database(&session.rights(&instance, database), "CREATE SYNONYM")?;
        place.must_be_free(database)?;
        place
    };
    change(session, |change| {
        let created = change.now;
        let object_id = change.database(place.database)?.next_object_id();
        let synonym = Synonym {
            object_id,
            schema_id: place.schema,
            name: place.name.clone(),
            base: (base.database.clone(), base.schema.clone(), base.name.clone()),
            created,
        };
        change.put(synonyms(place.database), object_id, Some(synonym));
        Ok(())
    })
}

/// # Errors
/// 15151.
pub fn remove(session: &mut Session, name: &ObjectName, if_exists: bool) -> Outcome {
    let found = {
        let instance = session.engine.instance();
        let place = names::place(session, &instance, name)?;
        let database = names::database(&instance, place.database)?;
        let rights = session.rights(&instance, database);
        let synonym = database.synonym(place.schema, &place.name);
        let target = |s: &Synonym| ObjectKey { object_id: s.object_id, schema_id: s.schema_id };
        match synonym.filter(|s| rights.has("ALTER", Some(target(s)))) {
            Some(synonym) => (place.database, synonym.object_id),
            None if if_exists && synonym.is_none() => return Ok(()),
            None => {
                let text = format!(
                    "Cannot drop the synonym '{name}', because it does not exist or you do not have permission."
                );
                return Err(SqlError::new(15151, 16, 1, text).into());
            }
        }
    };
    change(session, |change| {
        change.put(synonyms(found.0), found.1, None);
        Ok(())
    })
}
