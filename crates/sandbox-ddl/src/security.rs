//! Logins, users, roles, permissions.
use sandbox_catalog::permissions::{END_SESSIONS, ObjectKey, Rights, SERVER_STATE};
use sandbox_catalog::schema::{
    Database, Grant, Instance, LoginRecord, Password, Permission, Principal, PrincipalKind, Securable,
};
use sandbox_session::Session;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::ddl::ast::{LoginChange, PermissionChange, SecurableName, Verb};
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use std::collections::BTreeMap;

fn logins(instance: &mut Instance) -> Option<&mut BTreeMap<i32, LoginRecord>> {
    Some(&mut instance.logins)
}

fn principals(
    database: i16,
) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, Principal>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.principals)
}

/// 15151, SQL Server's word for what is not there or not to be touched.
fn cannot(verb: &str, kind: &str, name: &str) -> SqlError {
    let text = format!(
        "Cannot {verb} the {kind} '{name}', because it does not exist or you do not have permission."
    );
    SqlError::new(15151, 16, 1, text)
}

fn login_id(instance: &Instance, name: &str) -> Option<i32> {
    instance.logins.values().find(|l| l.name.eq_ignore_ascii_case(name)).map(|l| l.principal_id)
}

fn principal<'d>(database: &'d Database, name: &str) -> Option<&'d Principal> {
    database.principals.values().find(|p| database.same_name(&p.name, name))
}

/// Only members of sysadmin manage logins here.
fn is_admin(session: &Session, instance: &Instance) -> bool {
    login_id(instance, &session.login.user)
        .and_then(|id| instance.logins.get(&id))
        .is_some_and(|l| l.sysadmin)
}

fn admin_only(session: &Session) -> Outcome {
    if is_admin(session, &session.engine.instance()) {
        return Ok(());
    }
    Err(SqlError::new(15247, 16, 1, "User does not have permission to perform this action.").into())
}

/// # Errors
/// 15025, 15247, 911 for the default database; 15006 and 15407 for a name of the other kind of login.
pub fn create_login(
    session: &mut Session,
    name: &str,
    password: Option<&Password>,
    database: Option<&str>,
) -> Outcome {
    admin_only(session)?;
    match (password, name.contains('\\')) {
        (Some(_), true) => {
            let text = format!("'{name}' is not a valid name because it contains invalid characters.");
            return Err(SqlError::new(15006, 16, 1, text).into());
        }
        (None, false) => {
            let text = format!(
                "'{name}' is not a valid Windows NT name. Give the complete name: <domain\\username>."
            );
            return Err(SqlError::new(15407, 16, 1, text).into());
        }
        _ => {}
    }
    change(session, |change| {
        if login_id(change.instance, name).is_some() {
            return Err(SqlError::new(
                15025,
                16,
                1,
                format!("The server principal '{name}' already exists."),
            )
            .into());
        }
        if let Some(database) = database {
            names::database_id(change.instance, database)?;
        }
        // The first ones are the server's own.
        let id = change.instance.logins.keys().max().map_or(256, |id| (id + 1).max(256));
        let login = LoginRecord {
            principal_id: id,
            name: name.to_owned(),
            password: password.cloned(),
            default_database: database.unwrap_or("master").to_owned(),
            sysadmin: false,
            disabled: false,
            permissions: Vec::new(),
            created: change.now,
        };
        change.put(logins, id, Some(login));
        Ok(())
    })
}

fn change_login(
    session: &mut Session,
    name: &str,
    verb: &str,
    work: impl FnOnce(LoginRecord) -> Option<LoginRecord>,
) -> Outcome {
    let admin = is_admin(session, &session.engine.instance());
    change(session, |change| {
        let found = login_id(change.instance, name).filter(|_| admin);
        let login = found.and_then(|id| change.instance.logins.get(&id).cloned());
        let login = login.ok_or_else(|| cannot(verb, "login", name))?;
        change.put(logins, login.principal_id, work(login));
        Ok(())
    })
}

/// # Errors
/// 15151.
pub fn alter_login(session: &mut Session, name: &str, what: &LoginChange) -> Outcome {
    let windows = |l: &LoginRecord| l.name.eq_ignore_ascii_case(name) && l.password.is_none();
    if matches!(what, LoginChange::Password(_)) && session.engine.instance().logins.values().any(windows) {
        return Err(cannot("alter", "login", name).into());
    }
    change_login(session, name, "alter", |mut login| {
        match what {
            LoginChange::Password(password) => login.password = Some(password.clone()),
            LoginChange::Disable(disabled) => login.disabled = *disabled,
            LoginChange::DefaultDatabase(database) => login.default_database.clone_from(database),
        }
        Some(login)
    })
}

/// # Errors
/// 15151; 15434 while it is logged in.
pub fn drop_login(session: &mut Session, name: &str) -> Outcome {
    if session.engine.sessions().values().any(|s| s.login.eq_ignore_ascii_case(name)) {
        let text = format!("Could not drop login '{name}' as the user is currently logged in.");
        return Err(SqlError::new(15434, 16, 1, text).into());
    }
    change_login(session, name, "drop", |_| None)
}

/// # Errors
/// 15151 for the role or the login.
pub fn alter_server_role(session: &mut Session, role: &str, member: &str, add: bool) -> Outcome {
    if !role.eq_ignore_ascii_case("sysadmin") {
        return Err(cannot("alter", "server role", role).into());
    }
    change_login(session, member, "add", |login| Some(LoginRecord { sysadmin: add, ..login }))
}

/// 15247 unless the session's user may manage the current database's principals.
fn may_manage(session: &Session) -> Outcome {
    let instance = session.engine.instance();
    let database = names::database(&instance, session.database)?;
    if session.rights(&instance, database).has("ALTER", None) {
        return Ok(());
    }
    Err(SqlError::new(15247, 16, 1, "User does not have permission to perform this action.").into())
}

fn add_principal(change: &mut Change<'_>, database: i16, new: Principal) -> Outcome {
    let records = change.database(database)?;
    if principal(records, &new.name).is_some() {
        let text = format!("User, group, or role '{}' already exists in the current database.", new.name);
        return Err(SqlError::new(15023, 16, 1, text).into());
    }
    let id = (5..16384).find(|id| !records.principals.contains_key(id)).unwrap_or(16383);
    change.put(principals(database), id, Some(Principal { principal_id: id, ..new }));
    Ok(())
}

/// # Errors
/// 15023, 15007 for the login, 15063 where it has a user already, 15247.
pub fn create_user(session: &mut Session, name: &str, login: Option<&str>, schema: Option<&str>) -> Outcome {
    may_manage(session)?;
    let database = session.database;
    change(session, |change| {
        let login = match login {
            None => None,
            Some(login) => Some(login_id(change.instance, login).ok_or_else(|| {
                SqlError::new(
                    15007,
                    16,
                    1,
                    format!("'{login}' is not a valid login or you do not have permission."),
                )
            })?),
        };
        let taken = |p: &Principal| login.is_some() && p.kind == PrincipalKind::User { login };
        if change.database(database)?.principals.values().any(taken) {
            let text = "The login already has an account under a different user name.";
            return Err(SqlError::new(15063, 16, 1, text).into());
        }
        let user = Principal {
            principal_id: 0,
            name: name.to_owned(),
            kind: PrincipalKind::User { login },
            roles: Vec::new(),
            default_schema: schema.unwrap_or("dbo").to_owned(),
            created: change.now,
        };
        add_principal(change, database, user)
    })
}

/// # Errors
/// 15023, 15247.
pub fn create_role(session: &mut Session, name: &str) -> Outcome {
    may_manage(session)?;
    let database = session.database;
    change(session, |change| {
        let role = Principal {
            principal_id: 0,
            name: name.to_owned(),
            kind: PrincipalKind::Role,
            roles: Vec::new(),
            default_schema: String::new(),
            created: change.now,
        };
        add_principal(change, database, role)
    })
}

/// Drops a user or a role, and its permissions with it.
///
/// # Errors
/// 15151.
pub fn drop_principal(session: &mut Session, name: &str, role: bool, if_exists: bool) -> Outcome {
    may_manage(session)?;
    let database = session.database;
    change(session, |change| {
        let records = change.database(database)?;
        let found = principal(records, name)
            .filter(|p| (p.kind == PrincipalKind::Role) == role && (5..16384).contains(&p.principal_id))
            .map(|p| p.principal_id);
        let Some(id) = found else {
            let kind = if role { "role" } else { "user" };
            return if if_exists { Ok(()) } else { Err(cannot("drop", kind, name).into()) };
        };
        let kept = records.permissions.iter().filter(|p| p.grantee != id).cloned().collect();
        put_permissions(change, database, kept)?;
        change.put(principals(database), id, None);
        Ok(())
    })
}

/// # Errors
/// 15151 for the role or the member.
pub fn alter_role(session: &mut Session, role: &str, member: &str, add: bool) -> Outcome {
    may_manage(session).map_err(|_| cannot("alter", "role", role))?;
    let database = session.database;
    change(session, |change| {
        let records = change.database(database)?;
        let role_id = principal(records, role)
            .filter(|p| p.kind == PrincipalKind::Role && p.principal_id != 0)
            .map(|p| p.principal_id)
            .ok_or_else(|| cannot("alter", "role", role))?;
        let verb = if add { "add" } else { "drop" };
        let mut user = principal(records, member)
            .filter(|p| p.principal_id >= 5)
            .cloned()
            .ok_or_else(|| cannot(verb, "principal", member))?;
        user.roles.retain(|r| *r != role_id);
        if add {
            user.roles.push(role_id);
        }
        change.put(principals(database), user.principal_id, Some(user));
        Ok(())
    })
}

pub(super) fn put_permissions(change: &mut Change<'_>, database: i16, new: Vec<Permission>) -> Outcome {
    let records = change.database(database)?;
    let old = std::mem::replace(&mut records.permissions, new);
    change.transaction.on_rollback(Box::new(move |instance, _| {
        if let Some(database) = instance.databases.get_mut(&database) {
            database.permissions = old;
        }
        Ok(())
    }));
    Ok(())
}

/// GRANT, DENY, REVOKE.
///
/// # Errors
/// 15151 for what is not there or not the user's to give.
pub fn permission(session: &mut Session, what: &PermissionChange) -> Outcome {
    let of_server = |name: &String| name == END_SESSIONS || SERVER_STATE.contains(&name.as_str());
    if what.on.is_none() && what.permissions.iter().all(of_server) {
        return server_permission(session, what);
    }
    let database = session.database;
    let (securable, grantees) = {
        let instance = session.engine.instance();
        let records = names::database(&instance, database)?;
        let rights = session.rights(&instance, records);
        let securable = match &what.on {
            None => Securable::Database,
            Some(on) => securable(session, &instance, records, on)?,
        };
        may_give(&rights, records, securable, what)?;
        let grantee = |name: &String| {
            let found = principal(records, name).map(|p| p.principal_id);
            found.ok_or_else(|| cannot("find", "user", name))
        };
        (securable, what.principals.iter().map(grantee).collect::<Result<Vec<_>, _>>()?)
    };
    change(session, |change| {
        let mut all = change.database(database)?.permissions.clone();
        for grantee in grantees {
            for name in expand(&what.permissions, securable) {
                all.retain(|p| p.grantee != grantee || p.securable != securable || p.name != name);
                let state = match what.verb {
                    Verb::Grant { with_option: true } => Grant::GrantWithGrantOption,
                    Verb::Grant { with_option: false } => Grant::Grant,
                    Verb::Deny => Grant::Deny,
                    Verb::Revoke => continue,
                };
                all.push(Permission { grantee, securable, name, state });
            }
        }
        put_permissions(change, database, all)
    })
}

/// database_id of master.
const MASTER: i16 = 1;

/// GRANT, DENY, REVOKE of permissions of the server; a DENY takes away what was given.
///
/// # Errors
/// 4621 outside master; 15151 for a login that is not there, or is not the user's to give to.
fn server_permission(session: &mut Session, what: &PermissionChange) -> Outcome {
    if session.database != MASTER {
        let text = "Permissions at the server scope can only be granted when the current database is master";
        return Err(SqlError::new(4621, 16, 10, text).into());
    }
    for name in &what.principals {
        change_login(session, name, "find", |mut login| {
            login.permissions.retain(|had| !what.permissions.contains(had));
            if matches!(what.verb, Verb::Grant { .. }) {
                login.permissions.extend(what.permissions.iter().cloned());
            }
            Some(login)
        })?;
    }
    Ok(())
}

/// ALL means the permissions that tables have.
fn expand(names: &[String], securable: Securable) -> Vec<String> {
    let all = |name: &String| name.starts_with("ALL");
    if names.iter().any(all) && securable != Securable::Database {
        return ["SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES"].map(str::to_owned).into();
    }
    names.to_vec()
}

fn securable(
    session: &Session,
    instance: &Instance,
    database: &Database,
    on: &SecurableName,
) -> Result<Securable, SqlError> {
    match on {
        SecurableName::Database(name) if database.same_name(name, &database.name) => Ok(Securable::Database),
        SecurableName::Database(name) => Err(cannot("find", "database", name)),
        SecurableName::Schema(name) => {
            database.schema_id(name).map(Securable::Schema).ok_or_else(|| cannot("find", "schema", name))
        }
        SecurableName::Object(name) => object(session, instance, name)
            .map(Securable::Object)
            .ok_or_else(|| cannot("find", "object", &name.name)),
        SecurableName::Column(name, column) => {
            let table = names::table(session, instance, name).map(|(_, table)| table);
            let table = table.ok_or_else(|| cannot("find", "object", &name.name))?;
            let column = super::table::keys::column(database, &table, column).ok_or_else(|| {
                SqlError::new(
                    1911,
                    16,
                    1,
                    format!("Column name '{column}' does not exist in the target table or view."),
                )
            })?;
            Ok(Securable::Column(table.object_id, column.column_id))
        }
    }
}

/// The object_id of a table, view, function or synonym; a system view's too.
fn object(session: &Session, instance: &Instance, name: &ObjectName) -> Option<i32> {
    let place = names::place(session, instance, name).ok().filter(|p| p.database == session.database)?;
    let database = instance.databases.get(&place.database)?;
    let own = database
        .objects()
        .find(|object| object.1 == place.schema && database.same_name(object.2, &place.name));
    let system = || {
        sandbox_views::find(database, database.schema_name(place.schema), &place.name).map(|v| v.object_id)
    };
    own.map(|object| object.0).or_else(system)
}

fn may_give(
    rights: &Rights<'_>,
    database: &Database,
    securable: Securable,
    what: &PermissionChange,
) -> Result<(), SqlError> {
    let schema_of = |id: i32| database.objects().find(|object| object.0 == id).map_or(0, |object| object.1);
    let on = match securable {
        Securable::Database => None,
        Securable::Object(id) | Securable::Column(id, _) => {
            Some(ObjectKey { object_id: id, schema_id: schema_of(id) })
        }
        Securable::Schema(id) => Some(ObjectKey { object_id: 0, schema_id: id }),
    };
    if rights.has("CONTROL", on) {
        return Ok(());
    }
    Err(match &what.on {
        Some(SecurableName::Object(name) | SecurableName::Column(name, _)) => {
            cannot("find", "object", &name.name)
        }
        Some(SecurableName::Schema(name)) => cannot("find", "schema", name),
        _ => SqlError::new(4613, 16, 1, "Grantor does not have GRANT permission."),
    })
}
