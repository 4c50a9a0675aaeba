//! Who may come in.
use crate::engine::schema::Instance;
use crate::engine::session::Login;
use crate::error::SqlError;

/// The database_id that the login lands in.
///
/// # Errors
/// 18456, 4060.
pub fn authenticate(instance: &Instance, login: &Login) -> Result<i16, SqlError> {
    let known = instance.logins.values().find(|l| l.name.eq_ignore_ascii_case(&login.user));
    let Some(known) = known.filter(|l| l.password.0 == login.password && !l.disabled) else {
        return Err(SqlError::new(18456, 14, 1, format!("Login failed for user '{}'.", login.user)));
    };
    let wanted = if login.database.is_empty() { &known.default_database } else { &login.database };
    let found = instance.databases.values().find(|d| d.same_name(&d.name, wanted));
    found.map(|d| d.id).ok_or_else(|| {
        SqlError::new(
            4060,
            11,
            1,
            format!("Cannot open database \"{wanted}\" requested by the login. The login failed."),
        )
    })
}
