//! INSERT ... EXEC: the rows of the results that a call gives.
use crate::exec::Run;
use sandbox_session::api::{Cancelled, Done, EnvChange, OutColumn, ReadFrom, Sink};
use sandbox_session::failure::Outcome;
use sandbox_sql::parse::{self, CallStatement, InsertRows};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

/// Keeps rows for a table. Messages go on to the client, the ends of statements go nowhere.
struct Results<'a> {
    sink: &'a mut dyn Sink,
    results: Vec<(Vec<OutColumn>, Vec<Vec<Value>>)>,
}

impl Run<'_> {
    /// For each result of the call the INSERT with its rows.
    ///
    /// # Errors
    /// 8164 inside another, 483 with OUTPUT; whatever ends the call.
    pub fn with_results(
        &mut self,
        insert: &parse::Insert,
        call: &CallStatement,
    ) -> Outcome<Vec<parse::Insert>> {
        if insert.output.is_some() {
            let text = "The OUTPUT clause cannot be used in an INSERT...EXEC statement.";
            return Err(SqlError::new(483, 16, 2, text).into());
        }
        if std::mem::replace(&mut self.session.collecting, true) {
            return Err(SqlError::new(8164, 16, 1, "An INSERT EXEC statement cannot be nested.").into());
        }
        let mut results = Results { sink: self.sink, results: Vec::new() };
        let called = Run { session: self.session, frame: self.frame, sink: &mut results }.call(call);
        let results = results.results;
        self.session.collecting = false;
        called?;
        let given =
            |(columns, rows)| parse::Insert { rows: InsertRows::Given(columns, rows), ..insert.clone() };
        Ok(results.into_iter().map(given).collect())
    }
}

impl Sink for Results<'_> {
    fn reading(&mut self, _: ReadFrom<'_>) {}

    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        self.results.push((columns.to_vec(), Vec::new()));
        Ok(())
    }

    fn order(&mut self, _: &[u16]) -> Result<(), Cancelled> {
        Ok(())
    }

    fn row(&mut self, values: &[Value]) -> Result<(), Cancelled> {
        if let Some((_, rows)) = self.results.last_mut() {
            rows.push(values.to_vec());
        }
        Ok(())
    }

    fn has_rows(&self) -> bool {
        false
    }

    fn done(&mut self, _: Done) -> Result<(), Cancelled> {
        Ok(())
    }

    fn message(&mut self, message: &SqlError) -> Result<(), Cancelled> {
        self.sink.message(message)
    }

    fn env(&mut self, change: EnvChange) -> Result<(), Cancelled> {
        self.sink.env(change)
    }

    fn return_status(&mut self, _: i32) -> Result<(), Cancelled> {
        Ok(())
    }

    fn return_value(&mut self, _: &str, _: &SqlType, _: &Value) -> Result<(), Cancelled> {
        Ok(())
    }

    fn cancelled(&self) -> bool {
        self.sink.cancelled()
    }
}
