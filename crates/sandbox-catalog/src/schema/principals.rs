//! Logins, users, roles and what they may do.
use sandbox_sql::terms::Password;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginRecord {
    pub principal_id: i32,
    pub name: String,
    /// None: Windows vouches for whoever has this name.
    pub password: Option<Password>,
    pub default_database: String,
    /// A member of the sysadmin role: no permission is ever checked.
    pub sysadmin: bool,
    pub disabled: bool,
    /// Of the server, in capitals.
    #[serde(default)]
    pub permissions: Vec<String>,
    pub created: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Principal {
    pub principal_id: i32,
    pub name: String,
    pub kind: PrincipalKind,
    /// The roles it is a member of; every principal is a member of public.
    pub roles: Vec<i32>,
    pub default_schema: String,
    pub created: SystemTime,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// The user of a login; None where there is no such login (WITHOUT LOGIN, dbo of a dropped one, guest).
    User {
        login: Option<i32>,
    },
    Role,
}

/// A GRANT or DENY in a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    pub grantee: i32,
    pub securable: Securable,
    /// In capitals: SELECT, INSERT, ALTER, CONTROL, VIEW DEFINITION, CREATE TABLE …
    pub name: String,
    pub state: Grant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Securable {
    Database,
    /// object_id
    Object(i32),
    /// object_id and column_id; only of UNMASK.
    Column(i32, i32),
    /// schema_id
    Schema(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    Grant,
    GrantWithGrantOption,
    Deny,
}
