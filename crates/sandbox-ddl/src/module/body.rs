//! What views and functions have in common: a SELECT, and the ways into the catalog and out of it.
use crate::table::remove::{cannot_drop, referenced_by_module};
use sandbox_catalog::permissions::{self, ObjectKey};
use sandbox_catalog::schema::{Column, Database};
use sandbox_query::described;
use sandbox_session::Session;
use sandbox_session::api::OutColumn;
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_session::names::{self, ObjectPlace};
use sandbox_sql::tokens::ObjectName;
use sandbox_values::CollationId;
use sandbox_values::error::SqlError;

/// A kind of module.
pub struct ModuleKind {
    /// view, function
    pub word: &'static str,
    /// The permission to make one.
    pub create: &'static str,
    /// The statement that drops one which nothing may be bound to; `None` where that is not asked.
    pub drop: Option<&'static str>,
    /// By schema_id and name.
    pub find: fn(&Database, i32, &str) -> Option<ObjectKey>,
}

/// Where a module is made, and what is altered there.
pub struct Made {
    pub place: ObjectPlace,
    pub existing: Option<i32>,
    /// Of its database.
    pub collation: CollationId,
}

impl ModuleKind {
    /// Where CREATE (`create`), ALTER (`alter`) or CREATE OR ALTER makes a module of that name.
    ///
    /// # Errors
    /// 2714 where the name is taken; 208 for ALTER of one that is not there; 229, 262.
    pub fn made(
        &self,
        session: &Session,
        name: &ObjectName,
        create: bool,
        alter: bool,
    ) -> Result<Made, SqlError> {
        let instance = session.engine.instance();
        let place = names::place(session, &instance, name)?;
        let database = names::database(&instance, place.database)?;
        let rights = session.rights(&instance, database);
        let existing = (self.find)(database, place.schema, &place.name).filter(|_| alter);
        match existing {
            Some(target) => permissions::check(&rights, "ALTER", target, &place.name)?,
            None if !create => {
                return Err(SqlError::new(208, 16, 6, format!("Invalid object name '{name}'.")));
            }
            None => {
                permissions::check_database(&rights, self.create)?;
                if names::is_taken(database, place.schema, &place.name) {
                    return Err(names::exists(&place.name, 3));
                }
            }
        }
        let existing = existing.map(|target| target.object_id);
        Ok(Made { place, existing, collation: database.collation })
    }

    /// The module to drop, by database_id and object_id; `None` where there is none and `if_exists`.
    ///
    /// # Errors
    /// 3701; 3729 where a policy or module needs it.
    pub fn dropped(
        &self,
        session: &Session,
        name: &ObjectName,
        if_exists: bool,
    ) -> Result<Option<(i16, i32)>, SqlError> {
        let missing = || cannot_drop(self.word, &name.to_string());
        let instance = session.engine.instance();
        let place = names::place(session, &instance, name).map_err(|_| missing())?;
        let database = names::database(&instance, place.database)?;
        let Some(target) = (self.find)(database, place.schema, &place.name) else {
            return if if_exists { Ok(None) } else { Err(missing()) };
        };
        if !session.rights(&instance, database).has("ALTER", Some(target)) {
            return Err(missing());
        }
        if let Some(statement) = self.drop {
            referenced_by_module(database, target.object_id, statement, &name.to_string())?;
        }
        Ok(Some((place.database, target.object_id)))
    }
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
