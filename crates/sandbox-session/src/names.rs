//! Names of statements against the catalog.
use crate::session::Session;
use sandbox_catalog::schema::{Database, Instance, Table};
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use std::sync::Arc;

/// tempdb's database_id.
pub const TEMPDB: i16 = 2;

/// Where an object is, or would be.
#[derive(Clone, Debug)]
pub struct ObjectPlace {
    pub database: i16,
    pub schema: i32,
    /// The session, for a temporary table.
    pub owner: Option<u16>,
    pub name: String,
}

pub fn no_database(name: &str) -> SqlError {
    let text = format!("Database '{name}' does not exist. Make sure that the name is entered correctly.");
    SqlError::new(911, 16, 1, text)
}

/// # Errors
/// 911.
pub fn database_id(instance: &Instance, name: &str) -> Result<i16, SqlError> {
    instance.database(name).map(|d| d.id).ok_or_else(|| no_database(name))
}

/// The database's record.
///
/// # Errors
/// 911 where it was dropped under the session.
pub fn database(instance: &Instance, id: i16) -> Result<&Database, SqlError> {
    instance.databases.get(&id).ok_or_else(|| no_database(&id.to_string()))
}

/// Where an object of that name is looked for, or made. Names that begin with # are temporary.
///
/// # Errors
/// 911 for the database, 2760 for the schema.
pub fn place(session: &Session, instance: &Instance, name: &ObjectName) -> Result<ObjectPlace, SqlError> {
    if name.name.starts_with('#') {
        let owner = Some(session.id);
        return Ok(ObjectPlace { database: TEMPDB, schema: 1, owner, name: name.name.clone() });
    }
    let id = match &name.database {
        Some(database) => database_id(instance, database)?,
        None => session.database,
    };
    let database = database(instance, id)?;
    let schema = match &name.schema {
        Some(schema) => database.schema_id(schema).ok_or_else(|| {
            let text = format!(
                "The specified schema name \"{schema}\" either does not exist or you do not have permission to use it."
            );
            SqlError::new(2760, 16, 1, text)
        })?,
        None => sandbox_catalog::login::default_schema(&session.rights(instance, database), database),
    };
    Ok(ObjectPlace { database: id, schema, owner: None, name: name.name.clone() })
}

/// The table of that name, if there is one; names without a schema are looked for in the user's and in dbo.
pub fn table(session: &Session, instance: &Instance, name: &ObjectName) -> Option<(i16, Arc<Table>)> {
    let place = place(session, instance, name).ok()?;
    let database = instance.databases.get(&place.database)?;
    let found = match place.owner {
        Some(owner) => database.temporary_table(owner, &place.name),
        None => database.table(place.schema, &place.name).or_else(|| {
            let in_dbo = name.schema.is_none().then(|| database.table(1, &place.name));
            in_dbo.flatten()
        }),
    };
    found.map(|table| (place.database, Arc::clone(table)))
}

impl ObjectPlace {
    /// # Errors
    /// 2714 where something of that name is already there.
    pub fn must_be_free(&self, database: &Database) -> Result<(), SqlError> {
        let taken = match self.owner {
            Some(owner) => database.temporary_table(owner, &self.name).is_some(),
            None => is_taken(database, self.schema, &self.name),
        };
        if taken { Err(exists(&self.name, 6)) } else { Ok(()) }
    }
}

/// 2714. State 6 for a table, 5 for a constraint, 3 for others.
pub fn exists(name: &str, state: u8) -> SqlError {
    SqlError::new(2714, 16, state, format!("There is already an object named '{name}' in the database."))
}

/// Tables, views, functions, synonyms, constraints and triggers of a schema share one space of names.
pub fn is_taken(database: &Database, schema: i32, name: &str) -> bool {
    let same = |other: &str| database.same_name(other, name);
    database.objects().any(|(_, in_schema, object, _)| in_schema == schema && same(object))
        || database.tables.values().filter(|t| t.schema_id == schema && t.owner_session.is_none()).any(|t| {
            t.foreign_keys.iter().any(|f| same(&f.name))
                || t.checks.iter().any(|c| same(&c.name))
                || t.triggers.iter().any(|c| same(&c.name))
                || t.columns.iter().filter_map(|c| c.default.as_ref()).any(|d| same(&d.name))
                || t.indexes.iter().any(|i| i.object_id != 0 && i.name.as_deref().is_some_and(same))
        })
}
