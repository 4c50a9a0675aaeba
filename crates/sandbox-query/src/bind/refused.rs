//! What several parts of a statement are refused with.
use sandbox_values::error::SqlError;

/// What the sandbox does not know of T-SQL.
pub fn unsupported(what: &str) -> SqlError {
    SqlError::new(50000, 16, 1, format!("replica-sandbox does not support {what}."))
}

/// 102.
pub fn near(text: &str) -> SqlError {
    SqlError::new(102, 15, 1, format!("Incorrect syntax near '{text}'."))
}
