//! Result sets of procedures, written down as views are.
use sandbox_session::api::{Done, Sink};
use sandbox_session::failure::Outcome;
use sandbox_values::CollationId;
use sandbox_views::definition::{Columns, Row};

/// CurCmd of SELECT.
const SELECT: u16 = 193;

/// Sends one result set.
pub fn rows(columns: Columns, rows: Vec<Row>, collation: CollationId, sink: &mut dyn Sink) -> Outcome {
    rows_named(columns, &[], rows, collation, sink)
}

/// The same, with names that no declaration can have.
pub fn rows_named(
    columns: Columns,
    names: &[&str],
    rows: Vec<Row>,
    collation: CollationId,
    sink: &mut dyn Sink,
) -> Outcome {
    let mut described = columns.describe(collation);
    for (column, name) in described.iter_mut().zip(names) {
        (*name).clone_into(&mut column.name);
    }
    sink.columns(&described)?;
    let count = rows.len() as u64;
    for row in columns.rows(rows, &described) {
        sink.row(&row)?;
    }
    Ok(sink.done(Done { command: SELECT, count: Some(count), error: false })?)
}
