//! Who may do what, and see what.
use crate::schema::{Database, Grant, Instance, LoginRecord, PrincipalKind, Securable, Table};
use sandbox_values::error::SqlError;

/// Fixed database roles (Microsoft docs, "Database-level roles"): principal_id, name.
pub const FIXED_ROLES: &[(i32, &str)] = &[
    (DB_OWNER, "db_owner"),
    (16385, "db_accessadmin"),
    (16386, "db_securityadmin"),
    (DB_DDLADMIN, "db_ddladmin"),
    (16389, "db_backupoperator"),
    (DB_DATAREADER, "db_datareader"),
    (DB_DATAWRITER, "db_datawriter"),
    (DB_DENYDATAREADER, "db_denydatareader"),
    (DB_DENYDATAWRITER, "db_denydatawriter"),
];
const DB_OWNER: i32 = 16384;
pub const DB_DDLADMIN: i32 = 16387;
const DB_DATAREADER: i32 = 16390;
const DB_DATAWRITER: i32 = 16391;
const DB_DENYDATAREADER: i32 = 16392;
const DB_DENYDATAWRITER: i32 = 16393;
const PUBLIC: i32 = 0;
const DBO: i32 = 1;

/// What a session's user may do in one database.
#[derive(Debug)]
pub struct Rights<'a> {
    database: &'a Database,
    /// The user and its roles, public among them; empty: no user there.
    principals: Vec<i32>,
    /// Nothing is ever checked: sysadmin, dbo, db_owner.
    all: bool,
}

/// An object and the schema it is in.
#[derive(Clone, Copy, Debug)]
pub struct ObjectKey {
    pub object_id: i32,
    pub schema_id: i32,
}

impl From<&Table> for ObjectKey {
    fn from(table: &Table) -> Self {
        Self { object_id: table.object_id, schema_id: table.schema_id }
    }
}

/// The rights of a login, by its name.
pub fn rights<'a>(instance: &Instance, database: &'a Database, login: &str) -> Rights<'a> {
    let known = instance.logins.values().find(|l| l.name.eq_ignore_ascii_case(login));
    if known.is_some_and(|l| l.sysadmin) {
        return Rights { database, principals: vec![DBO, PUBLIC], all: true };
    }
    let user = known.and_then(|login| {
        database
            .principals
            .values()
            .find(|p| matches!(p.kind, PrincipalKind::User { login: Some(id) } if id == login.principal_id))
    });
    let mut principals = Vec::new();
    if let Some(user) = user {
        principals.push(user.principal_id);
    } else if matches!(database.name.as_str(), "master" | "tempdb" | "msdb") {
        // guest may enter these.
        principals.push(2);
    }
    let mut at = 0;
    while let Some(id) = principals.get(at) {
        for role in database.principals.get(id).map(|p| p.roles.clone()).unwrap_or_default() {
            if !principals.contains(&role) {
                principals.push(role);
            }
        }
        at += 1;
    }
    if !principals.is_empty() {
        principals.push(PUBLIC);
    }
    let all = principals.contains(&DB_OWNER) || principals.first() == Some(&DBO);
    Rights { database, principals, all }
}

impl Rights<'_> {
    /// principal_id of the user; `None` where the login has none in this database.
    pub fn user(&self) -> Option<i32> {
        self.principals.first().copied()
    }

    /// Has it this permission in the database or, with a target, on that object?
    pub fn has(&self, permission: &str, on: Option<ObjectKey>) -> bool {
        if self.all {
            return true;
        }
        let reads = permission == "SELECT";
        let writes = matches!(permission, "INSERT" | "UPDATE" | "DELETE");
        let denied = self.mentions(permission, on, |state| state == Grant::Deny)
            || reads && self.is(DB_DENYDATAREADER)
            || writes && self.is(DB_DENYDATAWRITER);
        let granted = self.mentions(permission, on, |state| state != Grant::Deny)
            || self.mentions("CONTROL", on, |state| state != Grant::Deny)
            || reads && self.is(DB_DATAREADER)
            || writes && self.is(DB_DATAWRITER)
            || self.is(DB_DDLADMIN) && (permission == "ALTER" || permission.starts_with("CREATE"))
            || permission == "VIEW DEFINITION" && self.has("ALTER", on);
        granted && !denied
    }

    /// Metadata visibility: any permission on an object shows it (Microsoft docs, "Metadata visibility
    /// configuration").
    pub fn sees(&self, target: ObjectKey) -> bool {
        let on = Some(target);
        self.all
            || ["SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES", "ALTER", "VIEW DEFINITION"]
                .iter()
                .any(|permission| self.has(permission, on))
    }

    /// Does it see a masked column as it is: by UNMASK in the database, or (since SQL Server 2022) on the schema, the
    /// table or the column?
    pub fn unmasks(&self, table: ObjectKey, column_id: i32) -> bool {
        const UNMASK: &str = "UNMASK";
        let column = Securable::Column(table.object_id, column_id);
        let on_column = |wanted: fn(Grant) -> bool| {
            let own = self.database.permissions.iter().filter(|p| p.securable == column && p.name == UNMASK);
            own.into_iter().any(|p| wanted(p.state) && self.is(p.grantee))
        };
        self.all
            || !on_column(|state| state == Grant::Deny)
                && (on_column(|state| state != Grant::Deny) || self.has(UNMASK, Some(table)))
    }

    /// Is the user that principal, or a member of that role? Those who may do all are members of all.
    pub fn is_member(&self, principal: i32) -> bool {
        self.all || self.is(principal)
    }

    /// Has it been forbidden? For what everyone may do unless it is: reading system views.
    pub fn is_denied(&self, permission: &str, target: ObjectKey) -> bool {
        !self.all && self.mentions(permission, Some(target), |state| state == Grant::Deny)
    }

    fn is(&self, role: i32) -> bool {
        self.principals.contains(&role)
    }

    fn mentions(&self, permission: &str, on: Option<ObjectKey>, state: impl Fn(Grant) -> bool) -> bool {
        self.database.permissions.iter().any(|p| {
            let covers = match (p.securable, on) {
                (Securable::Database, _) => true,
                (Securable::Object(id), Some(target)) => id == target.object_id,
                (Securable::Schema(id), Some(target)) => id == target.schema_id,
                (Securable::Column(..), _) | (_, None) => false,
            };
            covers && state(p.state) && p.name == permission && self.principals.contains(&p.grantee)
        })
    }
}

/// # Errors
/// 229 where the session's user may not do this to the object.
pub fn check(rights: &Rights<'_>, permission: &str, on: ObjectKey, name: &str) -> Result<(), SqlError> {
    if rights.has(permission, Some(on)) {
        return Ok(());
    }
    let text = format!(
        "The {permission} permission was denied on the object '{name}', database '{}', schema '{}'.",
        rights.database.name,
        rights.database.schema_name(on.schema_id)
    );
    Err(SqlError::new(229, 14, 5, text))
}

/// # Errors
/// 262 where the session's user may not do this in the database.
pub fn check_database(rights: &Rights<'_>, permission: &str) -> Result<(), SqlError> {
    if rights.has(permission, None) {
        return Ok(());
    }
    let text = format!("{permission} permission denied in database '{}'.", rights.database.name);
    Err(SqlError::new(262, 14, 1, text))
}

/// What KILL needs (Microsoft docs, "KILL (Transact-SQL)", Permissions).
pub const END_SESSIONS: &str = "ALTER ANY CONNECTION";

/// Permissions of the server that are given here; the first has the second in it (Microsoft docs, "GRANT server
/// permissions").
pub const SERVER_STATE: [&str; 2] = ["VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE"];

/// Has the login this permission of the server? `None`: there is no such permission.
pub fn has_on_server(instance: &Instance, login: &str, permission: &str) -> Option<bool> {
    let enough = match SERVER_STATE.iter().position(|known| *known == permission) {
        Some(place) => &SERVER_STATE[..=place],
        None if permission == END_SESSIONS => &[END_SESSIONS],
        None => return None,
    };
    let known = instance.logins.values().find(|l| l.name.eq_ignore_ascii_case(login));
    let granted = |l: &LoginRecord| enough.iter().any(|name| l.permissions.iter().any(|p| p == name));
    Some(known.is_some_and(|l| l.sysadmin || granted(l)))
}

/// May the login see what the whole server does?
///
/// # Errors
/// 300 where it may not, which SQL Server 2022 follows up with 297, "The user does not have permission to perform this
/// action."
pub fn needs_server_state(instance: &Instance, login: &str) -> Result<(), SqlError> {
    let [_, state] = SERVER_STATE;
    if has_on_server(instance, login, state) == Some(true) {
        return Ok(());
    }
    let text = format!("{state} permission was denied on object 'server', database 'master'.");
    Err(SqlError::new(300, 14, 1, text))
}
