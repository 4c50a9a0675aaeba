//! ORDER (column, ...): rows that come sorted by the clustered key, and are held to it.
use crate::exec::row::shown;
use rusqlite::types::Value as Stored;
use sandbox_catalog::schema::{Column, IndexKind, Table};
use sandbox_sql::parse::Hint;
use sandbox_values::Value;
use sandbox_values::compare::compare;
use sandbox_values::error::SqlError;
use sandbox_values::storage::{from_stored, to_stored};
use std::cmp::Ordering;

/// The order that a load has promised, and how far it has come.
pub struct Promise {
    /// Positions in the table, descending. None where nothing that matters was promised.
    by: Vec<(usize, bool)>,
    last: Option<Vec<Value>>,
}

impl Promise {
    pub fn of(table: &Table, hints: &[Hint]) -> Self {
        Self { by: promised_order(table, hints), last: None }
    }

    /// Data that ORDER calls sorted must be so, where the clustered index is sorted that way.
    ///
    /// # Errors
    /// 4819.
    pub fn hold(&mut self, columns: &[Column], row: &[Stored]) -> Result<(), SqlError> {
        if self.by.is_empty() {
            return Ok(());
        }
        let key: Vec<Value> = self
            .by
            .iter()
            .map(|(at, _)| from_stored((&row[*at]).into(), &columns[*at].sql_type).unwrap_or(Value::Null))
            .collect();
        if let Some(last) = &self.last {
            let mut order = Ordering::Equal;
            for ((before, now), (at, descending)) in last.iter().zip(&key).zip(&self.by) {
                let one = compare(before, now, &columns[*at].sql_type);
                order = order.then(if *descending { one.reverse() } else { one });
            }
            if order == Ordering::Greater {
                return Err(self.broken(columns, last, &key));
            }
        }
        self.last = Some(key);
        Ok(())
    }

    fn broken(&self, columns: &[Column], last: &[Value], now: &[Value]) -> SqlError {
        let text = |key: &[Value]| -> String {
            let one = |(value, (at, _)): (&Value, &(usize, bool))| {
                shown(&to_stored(value.clone()), &columns[*at].sql_type)
            };
            key.iter().zip(&self.by).map(one).collect::<Vec<_>>().join(", ")
        };
        SqlError::new(
            4819,
            16,
            1,
            format!(
                "Cannot bulk load. The bulk data stream was incorrectly specified as sorted or the data violates a \
                 uniqueness constraint imposed by the target table. Sort order incorrect for the following two rows: \
                 primary key of first row: ({}), primary key of second row: ({}).",
                text(last),
                text(now)
            ),
        )
    }
}

/// The columns of ORDER where they are the clustered key, or begin it.
fn promised_order(table: &Table, hints: &[Hint]) -> Vec<(usize, bool)> {
    let order = hints.iter().find_map(|h| if let Hint::Order(keys) = h { Some(keys) } else { None });
    let clustered = table.indexes.iter().find(|i| i.kind == IndexKind::Clustered && !i.disabled);
    let (Some(order), Some(clustered)) = (order, clustered) else { return Vec::new() };
    let mut sorted = Vec::new();
    for ((id, descending), (name, promised)) in clustered.keys.iter().zip(order) {
        let at = table.columns.iter().position(|c| c.column_id == *id);
        match at.filter(|&at| {
            table.columns[at].name.to_lowercase() == name.to_lowercase() && descending == promised
        }) {
            Some(at) => sorted.push((at, *descending)),
            // A hint for another order than the index's is passed over.
            None => return Vec::new(),
        }
    }
    sorted
}
