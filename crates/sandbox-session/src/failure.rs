//! Why a statement did not end well.
use super::api::Cancelled;
use sandbox_catalog::store::storage_error;
use sandbox_transactions::locks::{LockError, SessionId};
use sandbox_values::error::SqlError;

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
