//! What every copy has to say: the same words for a table, a window, and what would be done.
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use super::{Format, Record, RecordValue, one_line, stdout};
use crate::error::{Error, Result};
use crate::load::LoadOutcome;
use crate::refusal::Refusal;

/// Adds to a line that nothing was done, and what is on record of the rows instead: the columns of [`outcome`].
pub fn skipped(record: Record, recorded: &LoadOutcome) -> Record {
    record
        .with("outcome", RecordValue::Text("skipped".into()))
        .with("rows", RecordValue::Count(recorded.fingerprint.rows))
        .with("bytes", RecordValue::Bytes(recorded.bytes))
        .with("seconds", RecordValue::Missing)
        .with("rows_per_s", RecordValue::Missing)
        .with("hash", RecordValue::Hash(recorded.fingerprint.hash))
        .with("error", RecordValue::Missing)
}

/// Adds to a line how a copy ended: outcome, rows, bytes, seconds, rows_per_s, hash, error.
pub fn outcome(record: Record, result: &Result<LoadOutcome>, elapsed: Duration) -> Record {
    let word = |word: &str| RecordValue::Text(word.into());
    let (done, rows, bytes, rate, hash, error) = match result {
        Ok(outcome) => {
            let rows = outcome.fingerprint.rows;
            let rate = RecordValue::Rate(rows as f64 / elapsed.as_secs_f64());
            let hash = RecordValue::Hash(outcome.fingerprint.hash);
            (
                word("ok"),
                RecordValue::Count(rows),
                RecordValue::Bytes(outcome.bytes),
                rate,
                hash,
                RecordValue::Missing,
            )
        }
        Err(error) => {
            let error = RecordValue::Text(error.to_string());
            (
                word("failed"),
                RecordValue::Missing,
                RecordValue::Missing,
                RecordValue::Missing,
                RecordValue::Missing,
                error,
            )
        }
    };
    record
        .with("outcome", done)
        .with("rows", rows)
        .with("bytes", bytes)
        .with("seconds", RecordValue::Seconds(elapsed))
        .with("rows_per_s", rate)
        .with("hash", hash)
        .with("error", error)
}

/// What `--explain` says of a table, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainLine {
    /// What the line is about, such as `column`, `strategy`, `refused`.
    pub topic: &'static str,
    /// What programs tell the sentence by, if it has a code. It does not change.
    pub code: Option<&'static str>,
    /// The sentence, or the statement.
    pub text: String,
}

impl ExplainLine {
    /// A line without a code.
    pub fn new(topic: &'static str, text: impl Into<String>) -> Self {
        Self { topic, code: None, text: text.into() }
    }

    /// A refusal.
    pub fn refused(error: &Error) -> Self {
        Self { topic: "refused", code: error.refusal().map(Refusal::code), text: error.to_string() }
    }
}

/// Prints what would be done with a table. Only JSON has the codes.
///
/// # Errors
/// Those of stdout: a closed pipe, above all.
pub fn explain(
    table: impl Display,
    lines: impl IntoIterator<Item = ExplainLine>,
    format: Format,
) -> io::Result<()> {
    let mut out = stdout();
    if format == Format::Text {
        writeln!(out, "{table}")?;
    }
    for ExplainLine { topic, code, text } in lines {
        match format {
            Format::Text => writeln!(out, "  {topic:<9} {}", one_line(&text))?,
            Format::Tsv | Format::Json => Record::new()
                .with("table", RecordValue::Text(table.to_string()))
                .with("topic", RecordValue::Text(topic.into()))
                .with("text", RecordValue::Text(text))
                .with_code(format, code)
                .write(format, &mut out)?,
        }
    }
    Ok(())
}
