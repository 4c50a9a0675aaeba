//! A table's line on stdout.
use std::time::Duration;

use replica_core::copy::changes::{AppliedChanges, TableRound};
use replica_core::error::{Error, Result};
use replica_core::report::{Record, RecordValue};

/// How a round ended for a table.
pub fn of(table: String, round: &TableRound) -> Record {
    line(table, &round.result, round.elapsed)
}

fn line(table: String, result: &Result<AppliedChanges>, elapsed: Duration) -> Record {
    let text = |text: &str| RecordValue::Text(text.to_owned());
    let applied = result.as_ref().ok();
    let or_missing = |value: Option<RecordValue>| value.unwrap_or(RecordValue::Missing);
    let count = |of: fn(&AppliedChanges) -> u64| or_missing(applied.map(of).map(RecordValue::Count));
    let error = result.as_ref().err().map(Error::to_string);
    Record::new()
        .with("table", RecordValue::Text(table))
        .with("outcome", text(if applied.is_some() { "ok" } else { "failed" }))
        .with("came", or_missing(applied.map(|applied| RecordValue::Text(applied.came.to_string()))))
        .with("inserted", count(|applied| applied.written.inserted))
        .with("updated", count(|applied| applied.written.updated))
        .with("deleted", count(|applied| applied.written.deleted))
        .with("method", or_missing(applied.map(|applied| text(applied.method.name()))))
        .with("version", or_missing(applied.map(|applied| RecordValue::Number(applied.version))))
        .with("as_of", or_missing(applied.map(|applied| text(&applied.as_of))))
        .with("lag", or_missing(applied.map(|applied| RecordValue::Seconds(applied.lag))))
        .with("deletes", or_missing(applied.map(|applied| text(deletes(applied)))))
        .with("seconds", RecordValue::Seconds(elapsed))
        .with("error", error.map_or(RecordValue::Missing, RecordValue::Text))
}

fn deletes(applied: &AppliedChanges) -> &'static str {
    if applied.deletes { "deletes sought" } else { "deletes not sought" }
}
