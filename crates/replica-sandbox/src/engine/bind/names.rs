//! What an object's name stands for.
use super::Binder;
use crate::engine::schema::{Table, View};
use crate::engine::tokens::ObjectName;
use crate::engine::views::{self, SystemView};
use crate::error::SqlError;
use sqlparser::ast;
use std::sync::Arc;

/// tempdb's database_id.
const TEMPDB: i16 = 2;
/// dbo's schema_id.
const DBO: i32 = 1;

pub enum Object {
    Table { database: i16, table: Arc<Table> },
    View { database: i16, view: Box<View> },
    System { database: i16, view: SystemView },
}

/// A name as the SQL parser has it.
pub fn object_name(name: &ast::ObjectName) -> Result<ObjectName, SqlError> {
    let mut parts: Vec<String> = Vec::new();
    for part in &name.0 {
        match part.as_ident() {
            Some(ident) => parts.push(ident.value.clone()),
            None => return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{part}'."))),
        }
    }
    let mut parts = parts.into_iter().rev();
    let last = parts.next().unwrap_or_default();
    let some = |part: Option<String>| part.filter(|p| !p.is_empty());
    Ok(ObjectName { schema: some(parts.next()), database: some(parts.next()), name: last })
}

pub fn invalid_object(name: &ObjectName) -> SqlError {
    SqlError::new(208, 16, 1, format!("Invalid object name '{name}'."))
}

impl Binder<'_> {
    /// # Errors
    /// 208; 911 for an unknown database.
    pub fn object(&self, name: &ObjectName) -> Result<Object, SqlError> {
        let engine = &self.session.engine;
        if name.name.starts_with('#') {
            let instance = engine.instance();
            let found = instance
                .databases
                .get(&TEMPDB)
                .and_then(|d| d.temporary_table(self.session.id, &name.name).cloned());
            return found
                .map(|table| Object::Table { database: TEMPDB, table })
                .ok_or_else(|| invalid_object(name));
        }
        if let Some(table) = self.pseudo_table(name) {
            return Ok(Object::Table { database: TEMPDB, table });
        }
        let database = self.database_id(name)?;
        let instance = engine.instance();
        let Some(in_database) = instance.databases.get(&database) else { return Err(invalid_object(name)) };
        let schema = match &name.schema {
            Some(schema) => in_database.schema_id(schema),
            None => Some(DBO),
        };
        if let Some(schema) = schema {
            if let Some(table) = in_database.table(schema, &name.name) {
                return Ok(Object::Table { database, table: Arc::clone(table) });
            }
            if let Some(view) = in_database.view(schema, &name.name) {
                return Ok(Object::View { database, view: Box::new(view.clone()) });
            }
        }
        // The old system tables are dbo's to the eye: master..sysdatabases.
        let schema = name.schema.as_deref().unwrap_or("sys");
        let schema = if schema.eq_ignore_ascii_case("dbo") { "sys" } else { schema };
        let system = views::find(in_database, schema, &name.name);
        system.map(|view| Object::System { database, view }).ok_or_else(|| invalid_object(name))
    }

    /// `inserted` and `deleted`, while a trigger runs.
    fn pseudo_table(&self, name: &ObjectName) -> Option<Arc<Table>> {
        let firing =
            self.session.firing.last().filter(|_| name.schema.is_none() && name.database.is_none())?;
        let id = match name.name.to_ascii_lowercase().as_str() {
            "inserted" => firing.inserted,
            "deleted" => firing.deleted,
            _ => return None,
        };
        self.session.engine.instance().databases.get(&TEMPDB)?.tables.get(&id).cloned()
    }

    /// The database that a name is looked up in.
    ///
    /// # Errors
    /// 208 for one that is not there.
    pub fn database_id(&self, name: &ObjectName) -> Result<i16, SqlError> {
        let Some(wanted) = &name.database else { return Ok(self.database.get()) };
        let instance = self.session.engine.instance();
        let found = instance.database(wanted);
        found.map(|d| d.id).ok_or_else(|| invalid_object(name))
    }
}
