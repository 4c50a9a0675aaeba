//! Result sets of procedures, written down as views are.
use crate::engine::api::{Done, Sink};
use crate::engine::failure::Outcome;
use crate::engine::views::definition::{Columns, Row};
use crate::values::CollationId;

/// CurCmd of SELECT.
const SELECT: u16 = 193;

/// Sends one result set.
pub fn rows(columns: Columns, rows: Vec<Row>, collation: CollationId, sink: &mut dyn Sink) -> Outcome {
    let described = columns.describe(collation);
    sink.columns(&described)?;
    let count = rows.len() as u64;
    for row in rows {
        sink.row(&columns.row(row, &described))?;
    }
    Ok(sink.done(Done { command: SELECT, count: Some(count), error: false })?)
}
