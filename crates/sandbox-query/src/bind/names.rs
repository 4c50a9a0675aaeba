//! What an object's name stands for.
use super::Binder;
use sandbox_catalog::login::default_schema;
use sandbox_catalog::schema::{Database, Instance, Table, View};
use sandbox_sql::tokens::{ObjectName, table_variable};
use sandbox_values::error::SqlError;
use sandbox_views::SystemView;
use sqlparser::ast;
use std::sync::Arc;

/// tempdb's database_id.
const TEMPDB: i16 = 2;
/// dbo's schema_id.
const DBO: i32 = 1;

pub enum Object {
    Table {
        database: i16,
        table: Arc<Table>,
    },
    View {
        database: i16,
        view: Box<View>,
    },
    System {
        database: i16,
        view: SystemView,
    },
    /// A table-valued function: its rows depend on its arguments.
    Function,
}

/// A name as the SQL parser has it.
pub fn object_name(name: &ast::ObjectName) -> Result<ObjectName, SqlError> {
    let mut parts: Vec<String> = Vec::new();
    for part in &name.0 {
        match part.as_ident() {
            Some(ident) if ident.quote_style.is_none() && ident.value.starts_with('@') => {
                parts.push(table_variable(&ident.value));
            }
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
            self.frame.must_have_table(&name.name)?;
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
        if let Some(module) = self.schema_bound.as_ref().filter(|_| name.schema.is_none()) {
            let text = format!(
                "Cannot schema bind view or function '{module}' because name '{name}' is invalid for schema binding. Names \
                 must be in two-part format and an object cannot reference itself."
            );
            return Err(SqlError::new(4512, 16, 3, text));
        }
        let database = self.database_id(name)?;
        let instance = engine.instance();
        let Some(in_database) = instance.databases.get(&database) else { return Err(invalid_object(name)) };
        for schema in self.schemas(&instance, in_database, name) {
            if let Some(table) = in_database.table(schema, &name.name) {
                return Ok(Object::Table { database, table: Arc::clone(table) });
            }
            if let Some(view) = in_database.view(schema, &name.name) {
                return Ok(Object::View { database, view: Box::new(view.clone()) });
            }
            if in_database.function(schema, &name.name).is_some() {
                return Ok(Object::Function);
            }
            if let Some(synonym) = in_database.synonym(schema, &name.name) {
                let base = synonym.base_in(in_database);
                drop(instance);
                return self.base_of(name, &base);
            }
        }
        // The old system tables are dbo's to the eye: master..sysdatabases.
        let schema = name.schema.as_deref().unwrap_or("sys");
        let schema = if schema.eq_ignore_ascii_case("dbo") { "sys" } else { schema };
        let system = sandbox_views::find(in_database, schema, &name.name);
        system.map(|view| Object::System { database, view }).ok_or_else(|| invalid_object(name))
    }

    /// What a synonym stands for.
    ///
    /// # Errors
    /// 470 for another synonym, 5313 for what is not there.
    fn base_of(&self, synonym: &ObjectName, base: &ObjectName) -> Result<Object, SqlError> {
        if self.is_synonym(base) {
            let text = format!(
                "The synonym \"{synonym}\" referenced synonym \"{base}\". Synonym chaining is not allowed."
            );
            return Err(SqlError::new(470, 16, 1, text));
        }
        self.object(base).map_err(|error| match error.number {
            208 => SqlError::new(5313, 16, 1, format!("Synonym '{synonym}' refers to an invalid object.")),
            _ => error,
        })
    }

    /// Does the name stand for another?
    pub fn is_synonym(&self, name: &ObjectName) -> bool {
        let Ok(database) = self.database_id(name) else { return false };
        let instance = self.session.engine.instance();
        instance.databases.get(&database).is_some_and(|d| {
            let found = self.schemas(&instance, d, name).into_iter().find_map(|schema| {
                d.objects().find(|object| object.1 == schema && d.same_name(object.2, &name.name))
            });
            found.is_some_and(|object| object.3 == "SN")
        })
    }

    /// The schemas that a name is looked for in: its own, else the module's or the user's default schema, and dbo.
    pub fn schemas(&self, instance: &Instance, database: &Database, name: &ObjectName) -> Vec<i32> {
        if let Some(schema) = &name.schema {
            return database.schema_id(schema).into_iter().collect();
        }
        let module = self.module.borrow().schema;
        let first =
            module.unwrap_or_else(|| default_schema(&self.session.rights(instance, database), database));
        if first == DBO { vec![DBO] } else { vec![first, DBO] }
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
