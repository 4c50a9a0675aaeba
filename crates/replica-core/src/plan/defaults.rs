//! Columns that take their default.
use super::Plan;
use crate::catalog::{Column, Table};
use crate::types::mapping::MappedColumn;
use crate::types::{convert, plain_value};

impl Plan {
    /// The target's columns that a load does not list and that take their default, as it would list them: with a value
    /// that can hardly be refused. A default need not fit its own column: nothing asks before it is used.
    pub fn defaults(&self, target: &Table) -> Vec<MappedColumn> {
        let is_listed = |column: &&Column| self.mapping.columns.iter().any(|c| c.target.id == column.id);
        let left = target.columns.iter().filter(|column| !is_listed(column));
        left.filter(|column| column.has_default && column.filled_by_server().is_none())
            .filter_map(listed)
            .collect()
    }
}

fn listed(column: &Column) -> Option<MappedColumn> {
    let mut conversion = convert(column, column).ok()?;
    // The source has no such column.
    conversion.expression = format!("CAST(NULL AS {})", column.sql_type);
    let mut listed = MappedColumn { source: column.clone(), target: column.clone(), conversion };
    listed.conversion.expression = plain_value(&listed)?;
    Some(listed)
}
