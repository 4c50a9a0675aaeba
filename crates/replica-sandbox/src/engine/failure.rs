//! Why a statement did not end well.
use super::api::Cancelled;
use super::locks::{LockError, SessionId};
use crate::error::SqlError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Error(SqlError),
    /// The client is gone or has sent an attention.
    Cancelled,
}

pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn from_lock(error: LockError, session: SessionId) -> Self {
        error.to_sql_error(session).map_or(Failure::Cancelled, Failure::Error)
    }
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Failure::Error(error)
    }
}

impl From<Cancelled> for Failure {
    fn from(_: Cancelled) -> Self {
        Failure::Cancelled
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Error(storage_error(&error))
    }
}

/// What SQLite refuses on its own account. Errors of our functions inside SQLite never come this way: the
/// session keeps them aside, since SQLite only carries text.
pub fn storage_error(error: &rusqlite::Error) -> SqlError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return SqlError::new(
            9002,
            17,
            4,
            "The transaction log of the sandbox is full due to 'ACTIVE_TRANSACTION'.",
        );
    }
    SqlError::new(50000, 16, 1, format!("replica-sandbox: storage: {error}"))
}
