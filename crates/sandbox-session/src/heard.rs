//! An answer that goes to no client: what is left of it for whoever asked.
use super::api::{Cancelled, Done, EnvChange, OutColumn, ReadFrom, Sink};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

/// Keeps the first result's columns, all rows, the first error and the last count.
#[derive(Debug, Default)]
pub struct Heard {
    pub columns: Option<Vec<OutColumn>>,
    pub rows: Vec<Vec<Value>>,
    pub error: Option<SqlError>,
    /// Of the last DONE that had one.
    pub count: u64,
}

impl Sink for Heard {
    fn reading(&mut self, _: ReadFrom<'_>) {}

    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        self.columns.get_or_insert_with(|| columns.to_vec());
        Ok(())
    }

    fn order(&mut self, _: &[u16]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), Cancelled> {
        self.rows.push(values.to_vec());
        Ok(())
    }

    fn has_rows(&self) -> bool {
        false
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
