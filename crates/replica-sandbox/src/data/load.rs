//! Makes a table and fills it.
use super::TableSpec;
use crate::engine::Session;
use crate::engine::api::{BulkRows, Cancelled, Done, EnvChange, OutColumn, Sink};
use crate::error::SqlError;
use crate::values::{SqlType, Value};

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
    run(session, table, |session, answer| session.batch(&table.ddl, &mut [], answer))?;
    run(session, table, |session, answer| session.batch(&table.insert_bulk(), &mut [], answer))?;
    run(session, table, |session, answer| session.bulk(rows, answer))
}

fn run(
    session: &mut Session,
    table: &TableSpec,
    request: impl FnOnce(&mut Session, &mut Answer) -> Result<(), Cancelled>,
) -> Result<u64, DataError> {
    let mut answer = Answer::default();
    let ran = request(session, &mut answer);
    let error = match (answer.error, ran) {
        (Some(error), _) => error,
        (None, Ok(())) => return Ok(answer.count),
        (None, Err(Cancelled)) => SqlError::new(0, 11, 0, "Operation cancelled."),
    };
    Err(DataError::Refused { table: table.name.clone(), error })
}

/// The first error and the last count of an answer that nobody else hears.
#[derive(Default)]
struct Answer {
    error: Option<SqlError>,
    count: u64,
}

impl Sink for Answer {
    fn columns(&mut self, _: &[OutColumn]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn order(&mut self, _: &[u16]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn row(&mut self, _: &[Value]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn done(&mut self, done: Done) -> Result<(), Cancelled> {
        self.count = done.count.unwrap_or(self.count);
        Ok(())
    }

    fn message(&mut self, message: &SqlError) -> Result<(), Cancelled> {
        if message.class > 10 {
            self.error.get_or_insert_with(|| message.clone());
        }
        Ok(())
    }

    fn env(&mut self, _: EnvChange) -> Result<(), Cancelled> {
        Ok(())
    }

    fn return_status(&mut self, _: i32) -> Result<(), Cancelled> {
        Ok(())
    }

    fn return_value(&mut self, _: &str, _: &SqlType, _: &Value) -> Result<(), Cancelled> {
        Ok(())
    }

    fn cancelled(&self) -> bool {
        false
    }
}
