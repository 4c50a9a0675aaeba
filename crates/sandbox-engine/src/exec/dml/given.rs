//! The rows that an INSERT is given: VALUES, a query, or what a call gave.
use super::Target;
use sandbox_query::bind::{Binder, Scope, Typed, unsupported};
use sandbox_sql::parse::{self, InsertRows};
use sandbox_values::error::SqlError;
use sqlparser::ast::Expr;

/// The SQL that gives all columns of the table, and where the server numbers rows.
pub fn source(
    binder: &Binder<'_>,
    insert: &parse::Insert,
    target: &Target,
    listed: &[usize],
) -> Result<(String, Option<usize>), SqlError> {
    let table = &target.table;
    let numbered = table.columns.iter().position(|c| c.identity).filter(|n| !listed.contains(n));
    let (given, from) = match &insert.rows {
        InsertRows::DefaultValues => (vec![None; table.columns.len()], String::new()),
        InsertRows::Values(rows) => {
            (by_position(table.columns.len(), listed), values(binder, target, listed, rows)?)
        }
        InsertRows::Query(query) => {
            let emitted = binder.shown_rows(binder.query(query, None)?);
            count_columns(insert, listed.len(), emitted.columns.len())?;
            let columns = emitted.columns.into_iter().map(|column| column.typed);
            let items = converted(binder, target, listed, columns)?;
            (by_position(table.columns.len(), listed), format!("SELECT {items} FROM ({})", emitted.sql))
        }
        InsertRows::Given(columns, rows) => {
            count_columns(insert, listed.len(), columns.len())?;
            let given = binder.materialise(columns.len(), rows.clone())?;
            let columns =
                columns.iter().map(|c| Typed::expression(String::new(), c.sql_type.clone(), c.nullable));
            let items = converted(binder, target, listed, columns)?;
            (by_position(table.columns.len(), listed), format!("SELECT {items} FROM {given}"))
        }
        InsertRows::Call(_) => return Err(unsupported("INSERT ... EXEC in this place")),
    };
    let mut items = Vec::with_capacity(table.columns.len());
    for (n, column) in table.columns.iter().enumerate() {
        items.push(match given[n] {
            Some(at) => format!("s.c{}", at + 1),
            None if column.computed.is_some() || Some(n) == numbered => "NULL".to_owned(),
            None => target.default(binder, column)?.sql,
        });
    }
    let sql = format!("SELECT {}", items.join(", "));
    Ok((if from.is_empty() { sql } else { format!("{sql} FROM ({from}) AS s") }, numbered))
}

/// The columns `c1`, `c2`, ... of a query, each as the listed column keeps it.
fn converted(
    binder: &Binder<'_>,
    target: &Target,
    listed: &[usize],
    columns: impl Iterator<Item = Typed>,
) -> Result<String, SqlError> {
    let mut items = Vec::with_capacity(listed.len());
    for (n, (column, &at)) in (1..).zip(columns.zip(listed)) {
        let typed = Typed { sql: format!("c{n}"), ..column };
        let stored = target.stored(binder, typed, &target.table.columns[at])?;
        items.push(format!("{} AS c{n}", stored.sql));
    }
    Ok(items.join(", "))
}

/// For each column of the table the position of its value, if one is given.
fn by_position(width: usize, listed: &[usize]) -> Vec<Option<usize>> {
    (0..width).map(|n| listed.iter().position(|&at| at == n)).collect()
}

/// The rows of VALUES, each value as its column keeps it.
fn values(
    binder: &Binder<'_>,
    target: &Target,
    listed: &[usize],
    rows: &[Vec<Option<Expr>>],
) -> Result<String, SqlError> {
    let scope = Scope::default();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        if row.len() != listed.len() {
            return Err(row_width(row.len() > listed.len()));
        }
        let mut cells = Vec::with_capacity(row.len());
        for (value, &at) in row.iter().zip(listed) {
            let column = &target.table.columns[at];
            cells.push(match value {
                Some(expr) => {
                    let value = binder.shown(binder.scalar(expr, &scope)?);
                    target.stored(binder, value, column)?.sql
                }
                None => target.default(binder, column)?.sql,
            });
        }
        lines.push(format!("({})", cells.join(", ")));
    }
    let names: Vec<String> = (1..=listed.len()).map(|n| format!("column{n} AS c{n}")).collect();
    Ok(format!("SELECT {} FROM (VALUES {})", names.join(", "), lines.join(", ")))
}

fn row_width(more: bool) -> SqlError {
    if more {
        SqlError::new(
            110,
            15,
            1,
            "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values \
             in the VALUES clause must match the number of columns specified in the INSERT statement.",
        )
    } else {
        SqlError::new(
            109,
            15,
            1,
            "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values \
             in the VALUES clause must match the number of columns specified in the INSERT statement.",
        )
    }
}

fn count_columns(insert: &parse::Insert, columns: usize, values: usize) -> Result<(), SqlError> {
    if columns == values {
        return Ok(());
    }
    Err(match (&insert.columns, values > columns) {
        (None, _) => SqlError::new(
            213,
            16,
            1,
            "Column name or number of supplied values does not match table definition.",
        ),
        (Some(_), true) => SqlError::new(
            121,
            15,
            1,
            "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values \
             must match the number of INSERT columns.",
        ),
        (Some(_), false) => SqlError::new(
            120,
            15,
            1,
            "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values \
             must match the number of INSERT columns.",
        ),
    })
}
