//! What a query's columns would be, asked by the engine itself.
use super::api::{Cancelled, Done, EnvChange, OutColumn, Sink};
use super::exec;
use super::failure::{Failure, Outcome};
use super::session::Session;
use crate::error::SqlError;
use crate::values::{SqlType, Value};

/// The columns of a batch's first result. The batch is run: give it a query that has no effect and few rows.
///
/// # Errors
/// The first error of the batch.
pub fn describe(session: &mut Session, sql: &str) -> Outcome<Vec<OutColumn>> {
    let mut heard = Columns::default();
    let last = session.last.clone();
    let ended = exec::batch(session, sql, &mut [], &mut heard);
    session.last = last;
    match (heard.error, ended) {
        (Some(error), _) => Err(error.into()),
        (None, Err(Cancelled)) => Err(Failure::Cancelled),
        (None, Ok(())) => Ok(heard.columns.unwrap_or_default()),
    }
}

/// Keeps the first columns and the first error, and forgets the rest.
#[derive(Default)]
pub struct Columns {
    columns: Option<Vec<OutColumn>>,
    error: Option<SqlError>,
}

impl Sink for Columns {
    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        self.columns.get_or_insert_with(|| columns.to_vec());
        Ok(())
    }

    fn order(&mut self, _: &[u16]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn row(&mut self, _: &[Value]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn done(&mut self, _: Done) -> Result<(), Cancelled> {
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
