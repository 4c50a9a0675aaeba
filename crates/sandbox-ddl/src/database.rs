//! Databases and schemas.
use super::security::put_permissions;
use super::table::remove::cannot_drop;
use super::tracking;
use sandbox_catalog::permissions;
use sandbox_catalog::schema::new_database;
use sandbox_catalog::schema::{Database, Grant, Instance, Permission, Securable};
use sandbox_session::Session;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::ddl::ast::DatabaseChange;
use sandbox_transactions::versions;
use sandbox_values::CollationId;
use sandbox_values::error::SqlError;
use std::collections::BTreeMap;

/// 226: what may not stand inside a transaction of the client's.
fn alone(session: &Session, what: &str, state: u8) -> Result<(), SqlError> {
    if session.transaction.as_ref().is_none_or(|t| t.depth == 0) {
        return Ok(());
    }
    let text = format!("{what} statement not allowed within multi-statement transaction.");
    Err(SqlError::new(226, 16, state, text))
}

fn databases(instance: &mut Instance) -> Option<&mut BTreeMap<i16, Database>> {
    Some(&mut instance.databases)
}

fn may_create(session: &Session, instance: &Instance) -> Result<(), SqlError> {
    let master = names::database(instance, 1)?;
    permissions::check_database(&session.rights(instance, master), "CREATE DATABASE")
}

/// # Errors
/// 1801, 448, 262, 226.
pub fn create(session: &mut Session, name: &str, collation: Option<&str>) -> Outcome {
    alone(session, "CREATE DATABASE", 6)?;
    may_create(session, &session.engine.instance())?;
    let collation = match collation {
        Some(name) => CollationId::by_name(name)?,
        None => CollationId::SERVER_DEFAULT,
    };
    change(session, |change| {
        if names::database_id(change.instance, name).is_ok() {
            let text = format!("Database '{name}' already exists. Choose a different database name.");
            return Err(SqlError::new(1801, 16, 3, text).into());
        }
        let id = (5..i16::MAX).find(|id| !change.instance.databases.contains_key(id)).unwrap_or(i16::MAX);
        let database = new_database(id, name, collation, change.now);
        change.put(databases, id, Some(database));
        Ok(())
    })
}

/// # Errors
/// 3701, 3702 where a session is in it, 3708 for a system database, 226.
pub fn drop(session: &mut Session, names: &[String], if_exists: bool) -> Outcome {
    alone(session, "DROP DATABASE", 6)?;
    for name in names {
        let missing = || {
            let mut error = cannot_drop("database", name);
            error.state = 1;
            error
        };
        let id = match names::database_id(&session.engine.instance(), name) {
            Ok(id) => id,
            Err(_) if if_exists => continue,
            Err(_) => return Err(missing().into()),
        };
        if id <= 4 {
            let text = format!("Cannot drop the database '{name}' because it is a system database.");
            return Err(SqlError::new(3708, 16, 4, text).into());
        }
        if session.engine.sessions().values().any(|s| s.database == id) {
            let text = format!("Cannot drop database \"{name}\" because it is currently in use.");
            return Err(SqlError::new(3702, 16, 3, text).into());
        }
        may_create(session, &session.engine.instance()).map_err(|_| missing())?;
        change(session, |change| {
            let database = change.database(id)?;
            let tables = database.tables.values();
            let storages = tables
                .flat_map(|t| t.storage.iter().copied().chain(t.change_tracking.map(|c| c.changes)))
                .collect();
            change.retire_storage(storages);
            change
                .transaction
                .on_commit(Box::new(move |_, connection| versions::forget_database(connection, id)));
            change.put(databases, id, None);
            Ok(())
        })?;
    }
    Ok(())
}

/// # Errors
/// 5011 where there is no such database or the user may not, 448, 1801, 226.
pub fn alter(session: &mut Session, name: Option<&str>, changes: &[DatabaseChange]) -> Outcome {
    alone(session, "ALTER DATABASE", 5)?;
    let id = {
        let instance = session.engine.instance();
        let denied = |name: &str| {
            let text = format!(
                "User does not have permission to alter database '{name}', the database does not exist, or the database is not in a state that allows access checks."
            );
            SqlError::new(5011, 14, 9, text)
        };
        let id = match name {
            Some(name) => names::database_id(&instance, name).map_err(|_| denied(name))?,
            None => session.database,
        };
        let database = names::database(&instance, id)?;
        if !session.rights(&instance, database).has("ALTER", None) {
            return Err(denied(&database.name).into());
        }
        id
    };
    tracking::stands_alone(changes)?;
    change(session, |change| {
        let old = change.database(id)?.clone();
        let mut new = old;
        for what in changes {
            apply(change, &mut new, what)?;
        }
        change.put(databases, id, Some(new));
        Ok(())
    })
}

fn apply(change: &Change<'_>, database: &mut Database, what: &DatabaseChange) -> Result<(), SqlError> {
    match what {
        DatabaseChange::Collate(name) => database.collation = CollationId::by_name(name)?,
        DatabaseChange::Rename(name) => {
            if names::database_id(change.instance, name).is_ok_and(|id| id != database.id) {
                let text = format!("Database '{name}' already exists. Choose a different database name.");
                return Err(SqlError::new(1801, 16, 3, text));
            }
            database.name.clone_from(name);
        }
        DatabaseChange::AllowSnapshotIsolation(on) => database.allow_snapshot = *on,
        DatabaseChange::ReadCommittedSnapshot(on) => database.read_committed_snapshot = *on,
        DatabaseChange::Recovery(model) => database.recovery_model = *model,
        DatabaseChange::CompatibilityLevel(level) => database.compatibility_level = *level,
        DatabaseChange::ReadOnly(on) => database.read_only = *on,
        DatabaseChange::ChangeTracking(what) => tracking::alter_database(database, what)?,
        DatabaseChange::Ignored => {}
    }
    Ok(())
}

fn schemas(id: i16) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, String>> + Send + 'static {
    move |instance| instance.databases.get_mut(&id).map(|d| &mut d.schemas)
}

/// # Errors
/// 2714, 2759 after it, 15151 for an owner that is not there, 262.
pub fn create_schema(session: &mut Session, name: &str, owner: Option<&str>) -> Outcome {
    let id = session.database;
    let user = {
        let instance = session.engine.instance();
        let database = names::database(&instance, id)?;
        let rights = session.rights(&instance, database);
        permissions::check_database(&rights, "CREATE SCHEMA")?;
        if let Some(owner) = owner
            && !database.principals.values().any(|p| database.same_name(&p.name, owner))
        {
            let text = format!(
                "Cannot find the user '{owner}', because it does not exist or you do not have permission."
            );
            return Err(SqlError::new(15151, 16, 1, text).into());
        }
        let named = owner.and_then(|owner| {
            database.principals.values().find(|p| database.same_name(&p.name, owner)).map(|p| p.principal_id)
        });
        named.or(rights.user())
    };
    change(session, |change| {
        let database = change.database(id)?;
        if database.schema_id(name).is_some() {
            return Err(names::exists(name, 6).into());
        }
        let schema_id = (5..16384).find(|s| !database.schemas.contains_key(s)).unwrap_or(16383);
        // An owner has CONTROL (Microsoft docs, "Create a database schema"); without AUTHORIZATION it is the user.
        let mut permissions = database.permissions.clone();
        if let Some(grantee) = user {
            let (securable, name) = (Securable::Schema(schema_id), "CONTROL".to_owned());
            permissions.push(Permission { grantee, securable, name, state: Grant::Grant });
        }
        change.put(schemas(id), schema_id, Some(name.to_owned()));
        put_permissions(change, id, permissions)
    })
}

/// # Errors
/// 15151 where there is none, 3729 where something is in it.
pub fn drop_schema(session: &mut Session, name: &str, if_exists: bool) -> Outcome {
    let id = session.database;
    let schema = {
        let instance = session.engine.instance();
        let database = names::database(&instance, id)?;
        let may = session.rights(&instance, database).has("ALTER ANY SCHEMA", None);
        let found = database.schema_id(name).filter(|s| *s > 4 && may);
        let Some(schema) = found else {
            if if_exists && database.schema_id(name).is_none() {
                return Ok(());
            }
            let text = format!(
                "Cannot drop the schema '{name}', because it does not exist or you do not have permission."
            );
            return Err(SqlError::new(15151, 16, 1, text).into());
        };
        if let Some((_, _, object, _)) = database.objects().find(|object| object.1 == schema) {
            let text =
                format!("Cannot drop schema '{name}' because it is being referenced by object '{object}'.");
            return Err(SqlError::new(3729, 16, 1, text).into());
        }
        schema
    };
    change(session, |change| {
        change.put(schemas(id), schema, None);
        let permissions = &change.database(id)?.permissions;
        let kept = permissions.iter().filter(|p| p.securable != Securable::Schema(schema)).cloned().collect();
        put_permissions(change, id, kept)
    })
}
