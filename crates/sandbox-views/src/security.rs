//! Principals and permissions.
use super::definition::{Cell, Columns, Definition, Row, row};
use super::scope::ViewScope;
use sandbox_catalog::schema::{Grant, PrincipalKind, Securable};
use sandbox_session::failure::Outcome;
use sandbox_values::Value;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "database_principals",
        columns: Columns(&[
            "name sysname, principal_id int, type char(1), type_desc nvarchar(60) null",
            "default_schema_name sysname null, create_date datetime, modify_date datetime",
            "owning_principal_id int null, sid varbinary(85) null, is_fixed_role bit, authentication_type int",
            "authentication_type_desc nvarchar(60) null, default_language_name sysname null = null",
            "default_language_lcid int null = null, allow_encrypted_value_modifications bit null = 0",
        ]),
        rows: database_principals,
    },
    Definition {
        schema: "sys",
        name: "database_role_members",
        columns: Columns(&["role_principal_id int, member_principal_id int"]),
        rows: role_members,
    },
    Definition {
        schema: "sys",
        name: "database_permissions",
        columns: Columns(&[
            "class tinyint, class_desc nvarchar(60) null, major_id int, minor_id int",
            "grantee_principal_id int, grantor_principal_id int = 1, type char(4)",
            "permission_name nvarchar(128) null, state char(1), state_desc nvarchar(60) null",
        ]),
        rows: permissions,
    },
    Definition {
        schema: "sys",
        name: "server_principals",
        columns: Columns(&[
            "name sysname, principal_id int, sid varbinary(85) null, type char(1), type_desc nvarchar(60) null",
            "is_disabled bit null, create_date datetime, modify_date datetime",
            "default_database_name sysname null, default_language_name sysname null",
            "credential_id int null = null, owning_principal_id int null, is_fixed_role bit",
        ]),
        rows: server_principals,
    },
    Definition {
        schema: "sys",
        name: "sql_logins",
        columns: Columns(&[
            "name sysname, principal_id int, sid varbinary(85) null, type char(1), type_desc nvarchar(60) null",
            "is_disabled bit null, create_date datetime, modify_date datetime",
            "default_database_name sysname null, default_language_name sysname null",
            "credential_id int null = null, is_policy_checked bit null = 0, is_expiration_checked bit null = 0",
            "password_hash varbinary(256) null = null",
        ]),
        rows: sql_logins,
    },
    Definition {
        schema: "sys",
        name: "server_role_members",
        columns: Columns(&["role_principal_id int, member_principal_id int"]),
        rows: server_role_members,
    },
];

/// A login's security id: sa's is 01, others have sixteen bytes.
pub fn login_sid(principal_id: i32) -> Vec<u8> {
    if principal_id == 1 {
        return vec![1];
    }
    let mut sid = vec![0x5a; 12];
    sid.extend(principal_id.to_le_bytes());
    sid
}

fn database_principals(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let all = scope.rights.has("ALTER", None);
    let seen = scope.database.principals.values().filter(|p| {
        // Others' users are not for everyone's eyes.
        all || p.principal_id <= 4
            || p.kind == PrincipalKind::Role
            || scope.rights.user() == Some(p.principal_id)
    });
    Ok(seen
        .map(|p| {
            let role = p.kind == PrincipalKind::Role;
            let login = match p.kind {
                PrincipalKind::User { login } => login,
                PrincipalKind::Role => None,
            };
            let logins = &scope.instance.logins;
            let windows = login.and_then(|id| logins.get(&id)).is_some_and(|login| login.password.is_none());
            let (authentication, described) = match login {
                Some(_) if windows => (3, "WINDOWS"),
                Some(_) => (1, "INSTANCE"),
                None => (0, "NONE"),
            };
            let (kind, kind_described) = match p.kind {
                PrincipalKind::Role => ("R", "DATABASE_ROLE"),
                PrincipalKind::User { .. } if windows => ("U", "WINDOWS_USER"),
                PrincipalKind::User { .. } => ("S", "SQL_USER"),
            };
            row![
                &p.name,
                p.principal_id,
                kind,
                kind_described,
                (!role && login.is_some()).then_some(&p.default_schema),
                p.created,
                p.created,
                role.then_some(1),
                login.map(|id| Value::Bytes(login_sid(id))),
                p.principal_id >= 16384 && role,
                authentication,
                described,
            ]
        })
        .collect())
}

fn role_members(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let principals = scope.database.principals.values();
    let mut rows: Vec<Row> =
        principals.flat_map(|p| p.roles.iter().map(|role| row![*role, p.principal_id])).collect();
    rows.push(row![16384, 1]);
    Ok(rows)
}

/// sys.database_permissions.type, four characters (Microsoft docs).
fn code(permission: &str) -> &'static str {
    match permission {
        "ALTER" => "AL  ",
        "ALTER ANY DATASPACE" => "ALDS",
        "ALTER ANY MASK" => "AAMK",
        "ALTER ANY SCHEMA" => "ALSM",
        "ALTER ANY SECURITY POLICY" => "ALSP",
        "ADMINISTER DATABASE BULK OPERATIONS" => "DABO",
        "CONNECT" => "CO  ",
        "CONTROL" => "CL  ",
        "CREATE DATABASE" => "CRDB",
        "CREATE FUNCTION" => "CRFN",
        "CREATE SCHEMA" => "CRSM",
        "CREATE SYNONYM" => "CRSN",
        "CREATE TABLE" => "CRTB",
        "CREATE VIEW" => "CRVW",
        "DELETE" => "DL  ",
        "EXECUTE" => "EX  ",
        "INSERT" => "IN  ",
        "REFERENCES" => "RF  ",
        "SELECT" => "SL  ",
        "SHOWPLAN" => "SPLN",
        "TAKE OWNERSHIP" => "TO  ",
        "UNMASK" => "UMSK",
        "UPDATE" => "UP  ",
        "VIEW CHANGE TRACKING" => "VWCT",
        "VIEW DATABASE PERFORMANCE STATE" => "VDP ",
        "VIEW DATABASE STATE" => "VWDS",
        "VIEW DEFINITION" => "VW  ",
        _ => "    ",
    }
}

fn permissions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(scope
        .database
        .permissions
        .iter()
        .map(|p| {
            let (class, described, major, minor) = match p.securable {
                Securable::Database => (0, "DATABASE", 0, 0),
                Securable::Object(id) => (1, "OBJECT_OR_COLUMN", id, 0),
                Securable::Column(id, column) => (1, "OBJECT_OR_COLUMN", id, column),
                Securable::Schema(id) => (3, "SCHEMA", id, 0),
            };
            let (state, state_desc) = match p.state {
                Grant::Grant => ("G", "GRANT"),
                Grant::GrantWithGrantOption => ("W", "GRANT_WITH_GRANT_OPTION"),
                Grant::Deny => ("D", "DENY"),
            };
            row![class, described, major, minor, p.grantee, code(&p.name), &p.name, state, state_desc]
        })
        .collect())
}

/// principal_id of the fixed server role sysadmin.
const SYSADMIN: i32 = 3;

fn server_principals(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let all = scope.needs_server_state().is_ok();
    let role = |name: &str, id: i32| {
        let at = scope.instance.started;
        let none = Cell::Null;
        row![name, id, none, "R", "SERVER_ROLE", false, at, at, Cell::Null, Cell::Null, 1, id != 2]
    };
    let mut rows = vec![role("public", 2), role("sysadmin", SYSADMIN)];
    for l in scope.instance.logins.values() {
        if all || l.principal_id == 1 || l.name.eq_ignore_ascii_case(&scope.session.login.user) {
            let (kind, described) =
                if l.password.is_some() { ("S", "SQL_LOGIN") } else { ("U", "WINDOWS_LOGIN") };
            rows.push(row![
                &l.name,
                l.principal_id,
                Value::Bytes(login_sid(l.principal_id)),
                kind,
                described,
                l.disabled,
                l.created,
                l.created,
                &l.default_database,
                "us_english",
                Cell::Null,
                false,
            ]);
        }
    }
    Ok(rows)
}

/// Those of sys.server_principals that log in by a password.
fn sql_logins(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let is_login = |row: &Row| row.get(3) == Some(&Cell::from("S"));
    let logins = server_principals(scope)?.into_iter().filter(is_login);
    Ok(logins.map(|row| row.into_iter().take(10).collect()).collect())
}

fn server_role_members(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let admins = scope.instance.logins.values().filter(|l| l.sysadmin);
    Ok(admins.map(|l| row![SYSADMIN, l.principal_id]).collect())
}
