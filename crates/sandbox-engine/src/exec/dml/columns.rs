//! Which columns an INSERT gives values for, and which it may not.
use super::Target;
use sandbox_catalog::schema::Column;
use sandbox_query::bind::Binder;
use sandbox_query::bind::unknown_column;
use sandbox_sql::parse::{self, InsertRows};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;

/// Positions of the columns that values are given for, in the values' order.
pub fn listed_columns(
    binder: &Binder<'_>,
    insert: &parse::Insert,
    target: &Target,
) -> Result<Vec<usize>, SqlError> {
    let table = &target.table;
    let identity_insert = binder.session.options.identity_insert == Some((target.database, table.object_id));
    let Some(names) = &insert.columns else {
        let given = |c: &Column| {
            c.computed.is_none()
                && c.generated_always == 0
                && c.sql_type != SqlType::RowVersion
                && !c.identity
        };
        if identity_insert && table.identity.is_some() && !matches!(insert.rows, InsertRows::DefaultValues) {
            return Err(SqlError::new(
                8101,
                16,
                1,
                format!(
                    "An explicit value for the identity column in table '{}' can only be specified when a column list is \
                     used and IDENTITY_INSERT is ON.",
                    table.name
                ),
            ));
        }
        return Ok((0..table.columns.len()).filter(|&n| given(&table.columns[n])).collect());
    };
    let mut listed = Vec::with_capacity(names.len());
    for name in names {
        let at = target.position(name).ok_or_else(|| unknown_column(name))?;
        if listed.contains(&at) {
            return Err(twice(name));
        }
        writable(&table.columns[at])?;
        if table.columns[at].identity && !identity_insert {
            return Err(SqlError::new(
                544,
                16,
                1,
                format!(
                    "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                    table.name
                ),
            ));
        }
        listed.push(at);
    }
    if identity_insert && !listed.iter().any(|&n| table.columns[n].identity) {
        return Err(SqlError::new(
            545,
            16,
            1,
            format!(
                "Explicit value must be specified for identity column in table '{}' either when IDENTITY_INSERT is set to ON \
                 or when a replication user is inserting into a NOT FOR REPLICATION identity column.",
                table.name
            ),
        ));
    }
    Ok(listed)
}

/// 264.
pub fn twice(name: &str) -> SqlError {
    SqlError::new(
        264,
        16,
        1,
        format!(
            "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT. A column \
             cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is \
             updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the \
             duplication in your code."
        ),
    )
}

/// # Errors
/// 271 computed, 273 rowversion, 13536 GENERATED ALWAYS.
pub fn writable(column: &Column) -> Result<(), SqlError> {
    if column.computed.is_some() {
        return Err(SqlError::new(
            271,
            16,
            1,
            format!(
                "The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION \
                 operator.",
                column.name
            ),
        ));
    }
    if column.sql_type == SqlType::RowVersion {
        return Err(SqlError::new(
            273,
            16,
            1,
            "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp \
             column, or insert a DEFAULT into the timestamp column.",
        ));
    }
    if column.generated_always != 0 {
        return Err(SqlError::new(
            13536,
            16,
            1,
            "Cannot insert an explicit value into a GENERATED ALWAYS column. Use INSERT with a column list to exclude the \
             GENERATED ALWAYS column, or insert a DEFAULT into GENERATED ALWAYS column.",
        ));
    }
    Ok(())
}
