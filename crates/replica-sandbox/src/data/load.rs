//! Makes a table and fills it.
use super::TableSpec;
use crate::engine::Session;
use crate::engine::api::{BulkRows, Cancelled};
use crate::engine::heard::Heard;
use crate::engine::{batch, bulk};
use crate::error::SqlError;

/// Why sample data could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The engine refused, as it would a client.
    #[error("table {table}: {error}")]
    Refused { table: String, error: SqlError },
    /// The data that comes with the program is not what it should be.
    #[error("the sample data of table {table} is damaged: {reason}")]
    Damaged { table: String, reason: String },
    #[error("there is no sample data {0:?}: only nycflights13")]
    Unknown(String),
}

/// Creates the table in the session's database and loads the rows. Returns how many.
///
/// # Errors
/// [`DataError::Refused`], with 2714 where the table is there already.
pub fn load(session: &mut Session, table: &TableSpec, rows: &mut dyn BulkRows) -> Result<u64, DataError> {
    run(session, table, |session, answer| batch(session, &table.ddl, &mut [], answer))?;
    run(session, table, |session, answer| batch(session, &table.insert_bulk(), &mut [], answer))?;
    run(session, table, |session, answer| bulk(session, rows, answer))
}

fn run(
    session: &mut Session,
    table: &TableSpec,
    request: impl FnOnce(&mut Session, &mut Heard) -> Result<(), Cancelled>,
) -> Result<u64, DataError> {
    let mut answer = Heard::default();
    let ran = request(session, &mut answer);
    let error = match (answer.error, ran) {
        (Some(error), _) => error,
        (None, Ok(())) => return Ok(answer.count),
        (None, Err(Cancelled)) => SqlError::new(0, 11, 0, "Operation cancelled."),
    };
    Err(DataError::Refused { table: table.name.clone(), error })
}
