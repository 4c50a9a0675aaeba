//! Logins and permissions.
use crate::terms::Password;
use crate::tokens::ObjectName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginChange {
    Password(Password),
    Disable(bool),
    DefaultDatabase(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Grant { with_option: bool },
    Deny,
    Revoke,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionChange {
    pub verb: Verb,
    /// In capitals.
    pub permissions: Vec<String>,
    pub on: Option<SecurableName>,
    pub principals: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurableName {
    Object(ObjectName),
    /// A table's column.
    Column(ObjectName, String),
    Schema(String),
    Database(String),
}
