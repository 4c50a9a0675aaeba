//! Where a table or index lies: on a filegroup or a partition scheme.
use super::keys;
use sandbox_catalog::schema::{Database, Table};
use sandbox_sql::ddl::ast::Placement;
use sandbox_values::error::SqlError;

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
