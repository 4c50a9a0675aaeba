//! OUTPUT: rows of what was inserted and deleted.
use super::Target;
use crate::engine::api::{OutColumn, Sink};
use crate::engine::bind::{Binder, Scope, unsupported};
use crate::engine::failure::Outcome;
use crate::engine::parse;
use crate::error::SqlError;
use crate::values::Value;
use crate::values::storage::from_stored;
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params_from_iter};

/// An OUTPUT clause, bound over a row's parameters: the inserted values first, then the deleted ones.
pub struct Output {
    sql: String,
    columns: Vec<OutColumn>,
}

/// The rows that an OUTPUT clause has to send once the statement has succeeded.
pub struct Returned {
    columns: Vec<OutColumn>,
    pub rows: Vec<Vec<Value>>,
}

impl Output {
    /// # Errors
    /// 207 and the like; OUTPUT INTO is not supported.
    pub fn bind(
        binder: &Binder<'_>,
        output: Option<&parse::Output>,
        target: &Target,
        (inserted, deleted): (bool, bool),
    ) -> Result<Option<Self>, SqlError> {
        let Some(output) = output else { return Ok(None) };
        if output.into.is_some() {
            return Err(unsupported("OUTPUT INTO"));
        }
        let mut scope = Scope::default();
        if inserted {
            scope.sources.push(target.as_parameters(binder, Some("inserted"), 1)?);
        }
        if deleted {
            scope.sources.push(target.as_parameters(
                binder,
                Some("deleted"),
                target.table.columns.len() + 1,
            )?);
        }
        let outputs = binder.projection(&output.items, &scope)?;
        let items: Vec<&str> = outputs.iter().map(|o| o.typed.sql.as_str()).collect();
        let columns = outputs.iter().map(|o| o.described()).collect();
        Ok(Some(Self { sql: format!("SELECT {}", items.join(", ")), columns }))
    }

    pub fn returned(&self) -> Returned {
        Returned { columns: self.columns.clone(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn keep(
        &self,
        connection: &Connection,
        inserted: &[Stored],
        deleted: &[Stored],
        to: &mut Returned,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let used = statement.parameter_count();
        let params = inserted.iter().chain(deleted).take(used);
        let columns = &self.columns;
        let row = statement.query_row(params_from_iter(params), |row| {
            let value = |(n, c): (usize, &OutColumn)| {
                Ok(from_stored(row.get_ref(n)?, &c.sql_type).unwrap_or(Value::Null))
            };
            columns.iter().enumerate().map(value).collect::<rusqlite::Result<Vec<Value>>>()
        })?;
        to.rows.push(row);
        Ok(())
    }
}

impl Returned {
    pub fn send(&self, sink: &mut dyn Sink) -> Outcome {
        sink.columns(&self.columns)?;
        for row in &self.rows {
            sink.row(row)?;
        }
        Ok(())
    }
}
