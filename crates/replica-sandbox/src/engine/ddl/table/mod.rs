//! Tables: CREATE, ALTER, DROP, TRUNCATE.
mod add;
pub mod alter;
mod alter_column;
mod build;
mod cascade;
mod columns;
mod constraints;
pub mod create;
pub mod drop_item;
pub mod keys;
pub mod locks;
mod range;
pub mod remove;
mod switch;
pub mod validate;

use crate::engine::ddl::ast::Placement;
use crate::engine::schema::{Database, Instance, Table};
use crate::engine::session::Session;
use crate::error::SqlError;

/// Errors after which SQL Server adds 1750: of constraints that could not be made.
pub fn adds_1750(error: &SqlError) -> bool {
    matches!(
        (error.number, error.state),
        (1505 | 1767 | 1769 | 1770 | 1773 | 1776 | 1778 | 1779 | 1781 | 1911 | 8110 | 8111 | 8112, _)
            | (2714, 5)
    )
}

pub fn could_not_create() -> SqlError {
    SqlError::new(1750, 16, 0, "Could not create constraint or index. See previous errors.")
}

/// The partition scheme and column that an ON names; `None` for a filegroup.
///
/// # Errors
/// 1921 for a scheme or filegroup that is not there, 1911 for the column, 7726 for its type.
pub fn placed(
    database: &Database,
    table: &Table,
    placement: &Placement,
) -> Result<Option<(i32, i32)>, SqlError> {
    let scheme = database.partition_schemes.values().find(|s| database.same_name(&s.name, &placement.space));
    let (Some(scheme), Some(column)) = (scheme, &placement.column) else {
        let filegroup = ["PRIMARY", "DEFAULT"].iter().any(|f| placement.space.eq_ignore_ascii_case(f));
        if filegroup && placement.column.is_none() {
            return Ok(None);
        }
        let what = if placement.column.is_some() { "partition scheme" } else { "filegroup" };
        return Err(SqlError::new(1921, 16, 1, format!("Invalid {what} '{}' specified.", placement.space)));
    };
    let column = keys::column(database, table, column).ok_or_else(|| {
        let text = format!("Column name '{column}' does not exist in the target table or view.");
        SqlError::new(1911, 16, 1, text)
    })?;
    let function = database.partition_functions.get(&scheme.function_id);
    if function.is_some_and(|f| {
        f.sql_type.max_length() != column.sql_type.max_length() || f.sql_type.name() != column.sql_type.name()
    }) {
        let text = format!(
            "Partition column '{}' has data type {} which is different from the partition function '{}' parameter data type {}.",
            column.name,
            column.sql_type.name(),
            function.map_or("", |f| f.name.as_str()),
            function.map_or("", |f| f.sql_type.name())
        );
        return Err(SqlError::new(7726, 16, 1, text));
    }
    Ok(Some((scheme.id, column.column_id)))
}

/// May the session's user change this table's definition?
///
/// # Errors
/// `denied`: SQL Server does not tell a table that may not be altered from one that is not there.
pub fn may_alter(
    session: &Session,
    instance: &Instance,
    database: &Database,
    table: &Table,
    denied: impl FnOnce() -> SqlError,
) -> Result<(), SqlError> {
    let own = table.owner_session == Some(session.id);
    if own || session.rights(instance, database).has("ALTER", Some(table.into())) {
        Ok(())
    } else {
        Err(denied())
    }
}

#[cfg(test)]
mod tests;
