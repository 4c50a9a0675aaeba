//! The lines of TSV and JSON: one for each run that has not ended, each table on record, each version, each disabled index.
use std::time::Duration;

use replica_core::report::{Record, RecordValue};
use replica_core::status::{
    DisabledIndex, EndedRun, KeptVersion, RowsNow, Status, TableStatus, UnendedRun, WindowCounts,
};

use crate::text::moment;

/// What a line tells. Every line has all columns.
#[derive(Default)]
struct StatusLine<'a> {
    table: String,
    what: &'static str,
    state: String,
    tool: Option<&'a str>,
    host: Option<&'a str>,
    pid: Option<i64>,
    run: Option<i64>,
    time: Option<String>,
    since: Option<Duration>,
    last_success: Option<String>,
    rows: Option<u64>,
    estimated_rows: Option<u64>,
    rows_per_second: Option<f64>,
    left: Option<Duration>,
    windows: Option<WindowCounts>,
    oldest: Option<(String, Duration)>,
    index: Option<&'a str>,
    blocked_by: Option<&'a str>,
    error: Option<String>,
}

impl StatusLine<'_> {
    fn record(self) -> Record {
        let text =
            |text: Option<&str>| text.map_or(RecordValue::Missing, |text| RecordValue::Text(text.into()));
        let count = |count: Option<u64>| count.map_or(RecordValue::Missing, RecordValue::Count);
        let seconds = |time: Option<Duration>| time.map_or(RecordValue::Missing, RecordValue::Seconds);
        let number = |number: Option<i64>| text(number.map(|number| number.to_string()).as_deref());
        let of = |of: fn(&WindowCounts) -> u64| count(self.windows.as_ref().map(of));
        Record::new()
            .with("table", text(Some(self.table.as_str()).filter(|table| !table.is_empty())))
            .with("what", text(Some(self.what)))
            .with("state", text(Some(&self.state)))
            .with("tool", text(self.tool))
            .with("host", text(self.host))
            .with("pid", number(self.pid))
            .with("run", number(self.run))
            .with("time", text(self.time.as_deref()))
            .with("seconds", seconds(self.since))
            .with("last_success", text(self.last_success.as_deref()))
            .with("rows", count(self.rows))
            .with("estimated_rows", count(self.estimated_rows))
            .with("rows_per_s", self.rows_per_second.map_or(RecordValue::Missing, RecordValue::Rate))
            .with("eta_seconds", seconds(self.left))
            .with("complete", of(|windows| windows.complete))
            .with("committing", of(|windows| windows.committing))
            .with("loading", of(|windows| windows.loading))
            .with("pending", of(|windows| windows.pending))
            .with("failed", of(|windows| windows.failed))
            .with("oldest_window", text(self.oldest.as_ref().map(|(window, _)| window.as_str())))
            .with("oldest_seconds", seconds(self.oldest.map(|(_, age)| age)))
            .with("index", text(self.index))
            .with("blocked_by", text(self.blocked_by))
            .with("error", text(self.error.as_deref()))
    }
}

/// All lines: what runs, then what ended, then what is disabled; and whether each is as it should be.
pub fn records(status: &Status) -> impl Iterator<Item = (Record, bool)> {
    let runs = status.runs.iter().map(|run| (of_run(status, run), run.is_alive));
    let over_many = status
        .over_many
        .iter()
        .map(|last| (StatusLine { what: over_many(last), ..of_ended(last) }.record(), !last.has_failed()));
    let tables = status.tables.iter().map(|table| (of_table(table), !table.needs_a_look()));
    let versions = status.versions.iter().map(|version| (of_version(version), true));
    runs.chain(over_many)
        .chain(tables)
        .chain(versions)
        .chain(status.indexes.iter().map(|index| (of_index(index), index.is_in_use)))
}

/// Tools that have such a line only where they failed before they knew their tables have none of their own.
fn over_many(last: &EndedRun) -> &'static str {
    match last.tool.as_str() {
        "run-replica-etl" => "etl",
        "replicate-changes" => "changes",
        _ => "tool",
    }
}

fn of_run(status: &Status, run: &UnendedRun) -> Record {
    StatusLine {
        table: run.table.as_ref().map(ToString::to_string).unwrap_or_default(),
        what: "run",
        state: if run.is_alive { "alive" } else { "dead" }.into(),
        tool: Some(&run.tool),
        host: Some(&run.host),
        pid: Some(run.pid),
        run: Some(run.id),
        time: run.started.map(moment),
        since: Some(run.age),
        rows: Some(run.rows),
        estimated_rows: run.estimated_rows,
        rows_per_second: run.pace.rows_per_second,
        left: run.pace.left,
        windows: Some(run.windows).filter(|windows| windows.all() > 0),
        oldest: run.loading.first().map(|one| (one.window.to_string(), one.age)),
        blocked_by: status.blocker(run).map(|blocked| blocked.held_by.as_str()),
        ..StatusLine::default()
    }
    .record()
}

fn of_ended(last: &EndedRun) -> StatusLine<'_> {
    StatusLine {
        state: last.outcome.clone(),
        tool: Some(&last.tool),
        host: Some(&last.host),
        run: Some(last.id),
        time: last.ended.map(moment),
        since: Some(last.age),
        rows: Some(last.rows),
        error: last.error.clone(),
        ..StatusLine::default()
    }
}

/// `seconds` is the lag: since the last success.
fn of_table(table: &TableStatus) -> Record {
    let line = table.last.as_ref().map(of_ended).unwrap_or_default();
    let success = table.last_success.as_ref();
    let failed = table.failed.first().map(|(window, error)| format!("{window}: {error}"));
    StatusLine {
        table: table.table.to_string(),
        what: "table",
        state: match (&table.last, table.rows) {
            (_, RowsNow::Busy) => "busy".into(),
            (Some(last), _) => last.outcome.clone(),
            (None, _) => "not ended".into(),
        },
        since: success.map(|success| success.age),
        last_success: success.and_then(|success| success.ended).map(moment),
        rows: match table.rows {
            RowsNow::Rows(rows) => Some(rows),
            RowsNow::Busy | RowsNow::Unknown => None,
        },
        windows: Some(table.windows).filter(|windows| windows.all() > 0),
        error: failed.or_else(|| line.error.clone()),
        ..line
    }
    .record()
}

/// `time` is the source's time of the version, `seconds` how long ago that is.
fn of_version(kept: &KeptVersion) -> Record {
    StatusLine {
        table: kept.table.to_string(),
        what: "version",
        state: kept.method.clone(),
        tool: Some("replicate-changes"),
        host: Some(&kept.host),
        pid: Some(kept.pid),
        time: kept.as_of.map(moment),
        since: Some(kept.lag),
        ..StatusLine::default()
    }
    .record()
}

fn of_index(index: &DisabledIndex) -> Record {
    StatusLine {
        table: index.table.to_string(),
        what: "index",
        state: if index.is_in_use { "in use" } else { "left behind" }.into(),
        run: Some(index.run),
        since: Some(index.age),
        index: Some(&index.name),
        ..StatusLine::default()
    }
    .record()
}
