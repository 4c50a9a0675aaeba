//! What every copy has to say: the same words for a table, a window, and what would be done.
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use super::{Format, Record, Value, one_line, stdout};
use crate::error::Result;
use crate::load::Outcome;

/// Adds to a line that nothing was done, and what is on record of the rows instead: the columns of [`outcome`].
pub fn skipped(record: Record, recorded: &Outcome) -> Record {
    record
        .with("outcome", Value::Text("skipped".into()))
        .with("rows", Value::Count(recorded.fingerprint.rows))
        .with("bytes", Value::Bytes(recorded.bytes))
        .with("seconds", Value::Missing)
        .with("rows_per_s", Value::Missing)
        .with("hash", Value::Hash(recorded.fingerprint.hash))
        .with("error", Value::Missing)
}

/// Adds to a line how a copy ended: outcome, rows, bytes, seconds, rows_per_s, hash, error.
pub fn outcome(record: Record, result: &Result<Outcome>, elapsed: Duration) -> Record {
    let word = |word: &str| Value::Text(word.into());
    let (done, rows, bytes, rate, hash, error) = match result {
        Ok(outcome) => {
            let rows = outcome.fingerprint.rows;
            let rate = Value::Rate(rows as f64 / elapsed.as_secs_f64());
            let hash = Value::Hash(outcome.fingerprint.hash);
            (word("ok"), Value::Count(rows), Value::Bytes(outcome.bytes), rate, hash, Value::Missing)
        }
        Err(error) => {
            let error = Value::Text(error.to_string());
            (word("failed"), Value::Missing, Value::Missing, Value::Missing, Value::Missing, error)
        }
    };
    record
        .with("outcome", done)
        .with("rows", rows)
        .with("bytes", bytes)
        .with("seconds", Value::Seconds(elapsed))
        .with("rows_per_s", rate)
        .with("hash", hash)
        .with("error", error)
}

/// Prints what would be done with a table, (topic, text) by (topic, text).
///
/// # Errors
/// Those of stdout: a closed pipe, above all.
pub fn explain(
    table: impl Display,
    lines: impl IntoIterator<Item = (&'static str, String)>,
    format: Format,
) -> io::Result<()> {
    let mut out = stdout();
    if format == Format::Text {
        writeln!(out, "{table}")?;
    }
    for (topic, text) in lines {
        match format {
            Format::Text => writeln!(out, "  {topic:<9} {}", one_line(&text))?,
            Format::Tsv | Format::Json => Record::new()
                .with("table", Value::Text(table.to_string()))
                .with("topic", Value::Text(topic.into()))
                .with("text", Value::Text(text))
                .write(format, &mut out)?,
        }
    }
    Ok(())
}
