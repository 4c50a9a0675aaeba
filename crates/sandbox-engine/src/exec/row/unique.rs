//! Unique keys: no two rows that live have the same.
use super::{Names, Pen, Refusal, lookup, position, shown};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, Statement, params_from_iter};
use sandbox_catalog::schema::{Backs, Index, Table};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;

pub struct Unique<'c> {
    pub index: Index,
    /// Positions of its columns in a row.
    columns: Vec<usize>,
    /// Is a row, given whole, in the index?
    filter: Option<Statement<'c>>,
    lookups: Vec<Statement<'c>>,
}

/// Does the row pass the filter, if there is one?
fn in_filter(filter: &mut Option<Statement<'_>>, row: &[Stored]) -> rusqlite::Result<bool> {
    let Some(statement) = filter else { return Ok(true) };
    let used = statement.parameter_count();
    let passes: Option<i64> = statement.query_row(params_from_iter(row.iter().take(used)), |r| r.get(0))?;
    Ok(passes == Some(1))
}

impl<'c> Unique<'c> {
    pub fn new(
        connection: &'c Connection,
        table: &Table,
        index: &Index,
        filter: Option<&String>,
    ) -> rusqlite::Result<Self> {
        let ids: Vec<i32> = index.keys.iter().map(|(id, _)| *id).collect();
        let columns = ids.iter().filter_map(|id| position(table, *id)).collect();
        let mut lookups = Vec::with_capacity(table.storage.len());
        for &storage in &table.storage {
            lookups.push(connection.prepare(&lookup(table, storage, &ids, filter.is_some()))?);
        }
        let filter = filter.map(|sql| connection.prepare(&format!("SELECT {sql}"))).transpose()?;
        Ok(Self { index: index.clone(), columns, filter, lookups })
    }

    pub fn hold(&mut self, pen: &Pen, table: &Table, names: &Names, row: &[Stored]) -> Result<(), Refusal> {
        if !self.contains(row)? {
            return Ok(());
        }
        let keys: Vec<&Stored> = self.columns.iter().filter_map(|&n| row.get(n)).collect();
        let width = if self.filter.is_some() { table.columns.len() } else { 0 };
        for statement in &mut self.lookups {
            for other in pen.found(statement, &keys, width)? {
                if width == 0 || in_filter(&mut self.filter, &other)? {
                    return Err(self.duplicate(table, names, &keys).into());
                }
            }
        }
        Ok(())
    }

    fn contains(&mut self, row: &[Stored]) -> rusqlite::Result<bool> {
        in_filter(&mut self.filter, row)
    }

    fn duplicate(&self, table: &Table, names: &Names, keys: &[&Stored]) -> SqlError {
        let types: Vec<&SqlType> = self.columns.iter().map(|&n| &table.columns[n].sql_type).collect();
        let shown: Vec<String> =
            keys.iter().zip(types).map(|(value, sql_type)| shown(value, sql_type)).collect();
        let (index, object, values) =
            (self.index.name.as_deref().unwrap_or_default(), &names.table, shown.join(", "));
        match self.index.backs {
            Backs::Nothing => SqlError::new(
                2601,
                14,
                1,
                format!(
                    "Cannot insert duplicate key row in object '{object}' with unique index '{index}'. The duplicate key \
                     value is ({values})."
                ),
            ),
            backs => {
                let kind = if backs == Backs::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE KEY" };
                SqlError::new(
                    2627,
                    14,
                    1,
                    format!(
                        "Violation of {kind} constraint '{index}'. Cannot insert duplicate key in object '{object}'. The \
                         duplicate key value is ({values})."
                    ),
                )
            }
        }
    }
}
