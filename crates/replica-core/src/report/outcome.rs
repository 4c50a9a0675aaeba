//! What every copy has to say: the same words for a table, a window, and what would be done.
use std::time::Duration;

use super::{Record, RecordValue};
use crate::copy::changes::AppliedChanges;
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
    let LoadOutcome { fingerprint, bytes, .. } = match result {
        Ok(outcome) => outcome,
        Err(error) => return failed(record, error, Some(elapsed)),
    };
    record
        .with("outcome", RecordValue::Text("ok".into()))
        .with("rows", RecordValue::Count(fingerprint.rows))
        .with("bytes", RecordValue::Bytes(*bytes))
        .with("seconds", RecordValue::Seconds(elapsed))
        .with("rows_per_s", RecordValue::Rate(fingerprint.rows as f64 / elapsed.as_secs_f64()))
        .with("hash", RecordValue::Hash(fingerprint.hash))
        .with("error", RecordValue::Missing)
}

/// Adds to a line what was carried over: the columns of [`outcome`]. The rows are those that were written.
pub fn carried(record: Record, applied: &AppliedChanges, elapsed: Duration) -> Record {
    record
        .with("outcome", RecordValue::Text("ok".into()))
        .with("rows", RecordValue::Count(applied.written.all()))
        .with("bytes", RecordValue::Missing)
        .with("seconds", RecordValue::Seconds(elapsed))
        .with("rows_per_s", RecordValue::Missing)
        .with("hash", RecordValue::Missing)
        .with("error", RecordValue::Missing)
}

/// Adds to a line that a copy has failed, after this time, or could not be started: the columns of [`outcome`].
pub fn failed(record: Record, error: &Error, elapsed: Option<Duration>) -> Record {
    record
        .with("outcome", RecordValue::Text("failed".into()))
        .with("rows", RecordValue::Missing)
        .with("bytes", RecordValue::Missing)
        .with("seconds", elapsed.map_or(RecordValue::Missing, RecordValue::Seconds))
        .with("rows_per_s", RecordValue::Missing)
        .with("hash", RecordValue::Missing)
        .with("error", RecordValue::Text(error.to_string()))
}

/// The error of a run over `all` tables of which some failed; `None`: none did.
pub fn tables_failed(failed: &[&str], all: usize) -> Option<Error> {
    (!failed.is_empty())
        .then(|| Error::data(format!("{} of {all} tables failed: {}", failed.len(), failed.join(", "))))
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

    /// What kept the tool from looking at the table.
    pub fn failed(error: &Error) -> Self {
        Self::new("failed", error.to_string())
    }

    /// Does it say that a copy would not be made?
    pub(super) fn is_problem(&self) -> bool {
        matches!(self.topic, "refused" | "failed")
    }
}
