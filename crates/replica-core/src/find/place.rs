//! Rows by their place in an order that a table's own values give.
use std::ops::{ControlFlow, Range};

use super::each_row;
use super::naming::Naming;
use super::{RowKey, RowName};
use crate::catalog::{Column, SqlType, Table};
use crate::error::{Error, Result};
use crate::plan::RowSelection;
use crate::session::Session;
use crate::window::Filter;

/// The rows of a table, or those that a filter leaves, in an order that stays the same from query to query: that of the
/// key, or that of all values that can be sorted.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    source: &'a Table,
    filter: Option<Filter>,
    order_by: Vec<String>,
}

/// A sort takes no more bytes of a row (Microsoft docs, ORDER BY: 8,060 bytes in a worktable).
const MOST_SORTED: u32 = 8000;

impl<'a> Places<'a> {
    /// The rows of `source` that the filter lets through.
    pub fn of(source: &'a Table, filter: Option<Filter>) -> Self {
        let columns = match RowKey::of(source) {
            Some(key) => key.columns,
            None => sortable(&source.columns),
        };
        Self { source, filter, order_by: columns.into_iter().map(|column| column.name).collect() }
    }

    /// Some of them; all with `None`.
    pub fn part(&self, rows: Option<Range<u64>>) -> RowSelection {
        RowSelection { filter: self.filter.clone(), order_by: self.order_by.clone(), rows }
    }

    /// What the row at a place is called.
    ///
    /// # Errors
    /// The server's; a lost connection; no such row.
    pub async fn name(&self, session: &mut Session, place: u64) -> Result<RowName> {
        let naming = Naming::of(self.source);
        let items = match &naming {
            Naming::Key(_) => naming.items(),
            // The place is known: only the values are asked for.
            Naming::Place { .. } => {
                let place = format!("CAST({} AS bigint)", place + 1);
                std::iter::once(place).chain(naming.items().into_iter().skip(1)).collect()
            }
        };
        let select = format!("SELECT {} FROM {}", items.join(", "), self.source.rows_from().unnamed());
        let mut name = None;
        each_row(session, self.part(Some(place..place + 1)).query(&select), |row| {
            name = Some(naming.name(row)?);
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        name.ok_or_else(|| Error::data("the row is gone"))
    }
}

fn sortable(columns: &[Column]) -> Vec<Column> {
    let mut left = MOST_SORTED;
    let fits = |column: &&Column| {
        let bytes = column.sql_type.row_bytes();
        let sorts = !matches!(
            column.sql_type,
            SqlType::Text
                | SqlType::NText
                | SqlType::Image
                | SqlType::Xml
                | SqlType::Json
                | SqlType::Vector(_)
                | SqlType::Clr(_)
                | SqlType::Other(_)
        );
        let fits = sorts && bytes <= left;
        left -= if fits { bytes } else { 0 };
        fits
    };
    columns.iter().filter(fits).cloned().collect()
}
