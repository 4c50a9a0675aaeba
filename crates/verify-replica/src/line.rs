//! What is written on stdout: a line for each window, and one for each value that differs.
use replica_core::report::{Record, RecordValue};
use replica_core::verify::{ComparisonOutcome, Differences, DifferingColumn, DifferingRow, Verdict};

use crate::finished::FinishedComparison;

/// A window's line.
pub fn record(finished: &FinishedComparison) -> Record {
    let verdict = finished.result.as_ref().ok();
    let count = |count: fn(&Verdict) -> Option<u64>| {
        verdict.and_then(count).map_or(RecordValue::Missing, RecordValue::Count)
    };
    let hash = |hash: fn(&Verdict) -> u128| {
        verdict.map_or(RecordValue::Missing, |verdict| RecordValue::Hash(hash(verdict)))
    };
    let text =
        |text: &str| if text.is_empty() { RecordValue::Missing } else { RecordValue::Text(text.to_owned()) };
    Record::new()
        .with("table", RecordValue::Text(finished.label()))
        .with_window(finished.window.as_ref())
        .with(
            "outcome",
            RecordValue::Text(finished.outcome().map_or("failed", ComparisonOutcome::name).into()),
        )
        .with("source_rows", count(|verdict| Some(verdict.source.rows)))
        .with("target_rows", count(|verdict| Some(verdict.target.rows)))
        .with("missing", count(|verdict| counted(verdict, |differences| differences.missing)))
        .with("extra", count(|verdict| counted(verdict, |differences| differences.extra)))
        .with("changed", count(|verdict| counted(verdict, |differences| differences.changed)))
        .with("newer", count(|verdict| counted(verdict, |differences| differences.newer)))
        .with("seconds", RecordValue::Seconds(finished.took))
        .with("source_hash", hash(|verdict| verdict.source.hash))
        .with("target_hash", hash(|verdict| verdict.target.hash))
        .with("left_out", text(&finished.of.left_out))
        .with(
            "error",
            finished.result.as_ref().err().map_or(RecordValue::Missing, |e| RecordValue::Text(e.to_string())),
        )
}

/// Equal windows have nothing to count, and some that differ have too much.
fn counted(verdict: &Verdict, count: impl Fn(&Differences) -> u64) -> Option<u64> {
    let told = verdict.outcome != ComparisonOutcome::Equal && !verdict.differences.uncounted;
    told.then(|| count(&verdict.differences))
}

/// The lines of a row that differs: one for each of its values that do.
pub fn finding(finished: &FinishedComparison, finding: &DifferingRow) -> Vec<Record> {
    let line = |values: Option<&DifferingColumn>| {
        let text = |text: fn(&DifferingColumn) -> &String| {
            values
                .map(text)
                .filter(|text| !text.is_empty())
                .map_or(RecordValue::Missing, |text| RecordValue::Text(text.clone()))
        };
        Record::new()
            .with("table", RecordValue::Text(finished.label()))
            .with_window(finished.window.as_ref())
            .with("finding", RecordValue::Text(finding.kind.name().into()))
            .with("key", RecordValue::Text(finding.key.clone()))
            .with("count", RecordValue::Count(finding.count))
            .with("column", text(|values| &values.column))
            .with("source", text(|values| &values.source))
            .with("target", text(|values| &values.target))
            .with("note", text(|values| &values.note))
    };
    if finding.values.is_empty() {
        return vec![line(None)];
    }
    finding.values.iter().map(|values| line(Some(values))).collect()
}

/// The same for people.
pub fn details(finding: &DifferingRow) -> Vec<String> {
    let times = if finding.count > 1 { format!(" ({} times)", finding.count) } else { String::new() };
    let row = format!("{}{times}: {}", finding.kind.name(), finding.key);
    let values = finding.values.iter().map(|DifferingColumn { column, source, target, note }| {
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        format!("  {column}: {source} at the source, {target} at the target{note}")
    });
    std::iter::once(row).chain(values).collect()
}
