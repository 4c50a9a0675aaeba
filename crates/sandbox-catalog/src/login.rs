//! Who may come in.
use crate::permissions::{Rights, rights};
use crate::schema::{Database, Instance, Password};
use sandbox_values::error::SqlError;

/// The database_id that the login lands in. Without a password somebody else has made sure who it is.
///
/// # Errors
/// 18456, 4060.
pub fn authenticate(
    instance: &Instance,
    user: &str,
    password: Option<&Password>,
    database: &str,
) -> Result<i16, SqlError> {
    let known = instance.logins.values().find(|l| l.name.eq_ignore_ascii_case(user));
    let Some(known) =
        known.filter(|l| password.is_none_or(|given| l.password.as_ref() == Some(given)) && !l.disabled)
    else {
        return Err(SqlError::new(18456, 14, 1, format!("Login failed for user '{}'.", user)));
    };
    let wanted = if database.is_empty() { &known.default_database } else { database };
    let found = instance.database(wanted);
    // Without a user of the login there, the database is as good as missing.
    let found = found.filter(|d| rights(instance, d, &known.name).user().is_some());
    found.map(|d| d.id).ok_or_else(|| {
        SqlError::new(
            4060,
            11,
            1,
            format!("Cannot open database \"{wanted}\" requested by the login. The login failed."),
        )
    })
}

/// schema_id where names without a schema are looked for first, and made: the user's default schema, or dbo.
pub fn default_schema(rights: &Rights<'_>, database: &Database) -> i32 {
    let user = rights.user().and_then(|id| database.principals.get(&id));
    user.and_then(|user| database.schema_id(&user.default_schema)).unwrap_or(1)
}
