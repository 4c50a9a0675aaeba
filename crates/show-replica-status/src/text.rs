//! What people read: the runs, the tables, the disabled indexes.
use std::fmt::{Display, Write as _};
use std::time::Duration;

use replica_core::report::{human_count, human_duration, number_of, one_line};
use replica_core::status::{EndedRun, KeptVersion, RowsNow, Status, TableStatus, UnendedRun, WindowCounts};
use time::PrimitiveDateTime;

/// `2024-03-02 05:15:00`.
pub fn moment(moment: PrimitiveDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    moment.format(format).unwrap_or_default()
}

/// `45s`, `4m32s`, `3h12m`, `2 days`: how long ago, which nobody wants to the second.
pub fn ago(age: Duration) -> String {
    const HOUR: u64 = 3600;
    const DAY: u64 = 24 * HOUR;
    match age.as_secs() {
        seconds if seconds >= 2 * DAY => format!("{} days", seconds / DAY),
        seconds if seconds >= HOUR => format!("{}h{:02}m", seconds / HOUR, seconds / 60 % 60),
        _ => human_duration(age),
    }
}

/// The sentence that answers how the replica stands.
pub fn headline(status: &Status) -> String {
    if !status.has_ledger {
        let etl =
            if status.etl_at_work == Some(true) { ". A run of run-replica-etl holds it now" } else { "" };
        return format!("There is no ledger: no tool that keeps one has run here{etl}.");
    }
    let (alive, dead): (Vec<_>, Vec<_>) = status.runs.iter().partition(|run| run.is_alive);
    let mut parts = vec![match alive.len() as u64 {
        0 if status.etl_at_work == Some(true) => "run-replica-etl holds the replica".to_owned(),
        0 => "Nothing runs".to_owned(),
        1 => "1 run is at work".to_owned(),
        count => format!("{count} runs are at work"),
    }];
    if !dead.is_empty() {
        parts.push(format!("{} died", number_of(dead.len() as u64, "run")));
    }
    let failed: u64 = status.tables.iter().map(|table| table.windows.failed).sum();
    if failed > 0 {
        parts.push(format!("{} failed", number_of(failed, "window")));
    }
    let last_failed = |table: &&TableStatus| table.last.as_ref().is_some_and(EndedRun::has_failed);
    let tables = status.tables.iter().filter(last_failed).count() as u64;
    if tables > 0 {
        parts.push(format!("the last run of {} failed", number_of(tables, "table")));
    }
    for last in status.over_many.iter().filter(|last| last.has_failed()) {
        parts.push(format!("the last run of {} failed", last.tool));
    }
    let left = status.indexes.iter().filter(|index| !index.is_in_use).count() as u64;
    match left {
        0 => {}
        1 => parts.push("1 index was left disabled".into()),
        _ => parts.push(format!("{left} indexes were left disabled")),
    }
    format!("{}.", parts.join(", "))
}

/// All of it.
pub fn status(target: impl Display, status: &Status) -> String {
    let mut out = String::new();
    let asked = status.asked.map(|asked| format!(" at {} UTC", moment(asked))).unwrap_or_default();
    line(&mut out, format_args!("{target}{asked}"));
    line(&mut out, headline(status));
    if !status.runs.is_empty() {
        line(&mut out, "\nRuns");
        status.runs.iter().for_each(|run| of_run(&mut out, status, run));
    }
    if !status.tables.is_empty() || !status.over_many.is_empty() {
        line(&mut out, "\nTables");
        tables(&mut out, status);
    }
    if !status.versions.is_empty() {
        line(&mut out, "\nChanges");
        status.versions.iter().for_each(|kept| line(&mut out, format_args!("  {}", version(kept))));
    }
    if !status.indexes.is_empty() {
        line(&mut out, "\nDisabled indexes");
        for index in &status.indexes {
            let who = if index.is_in_use {
                "at work".to_owned()
            } else {
                format!(
                    "which has ended: replicate-monthly-parallel-streaming {} --repair-indexes rebuilds it",
                    index.table
                )
            };
            let age = ago(index.age);
            line(
                &mut out,
                format_args!("  {}: {}, for {age}, by run {}, {who}", index.table, index.name, index.run),
            );
        }
    }
    for blocked in status.blocked.iter().filter(|blocked| blocked.run.is_none()) {
        line(
            &mut out,
            format_args!(
                "\nSession {} of {} waits for {}, held by {}",
                blocked.session, blocked.host, blocked.wait, blocked.held_by
            ),
        );
    }
    for note in &status.notes {
        line(&mut out, format_args!("\nNote: {note}"));
    }
    out
}

fn line(out: &mut String, text: impl Display) {
    // What comes from a server must not move a terminal's cursor; our own line breaks lead.
    let text = text.to_string();
    let (breaks, rest) = text.split_at(text.len() - text.trim_start_matches('\n').len());
    let _ = writeln!(out, "{breaks}{}", one_line(rest));
}

fn of_run(out: &mut String, status: &Status, run: &UnendedRun) {
    let what = run.table.as_ref().map_or_else(|| "all tables".to_owned(), ToString::to_string);
    let state = if run.is_alive {
        format!("at work for {}", human_duration(run.age))
    } else {
        format!("dead: no sign of life for {}", ago(run.silent))
    };
    line(
        out,
        format_args!("  {what}: {}, {state}; run {}, process {} on {}", run.tool, run.id, run.pid, run.host),
    );
    if run.windows.all() > 0 {
        line(out, format_args!("    windows  {}", windows(&run.windows)));
    }
    if run.table.is_some() {
        line(out, format_args!("    rows     {}", progress(run)));
    }
    if let Some(oldest) = run.loading.first() {
        let again =
            if oldest.attempts > 1 { format!(", attempt {}", oldest.attempts) } else { String::new() };
        let rows = human_count(oldest.estimated_rows);
        line(
            out,
            format_args!(
                "    oldest   {}, for {}{again}, about {rows} rows",
                oldest.window,
                human_duration(oldest.age)
            ),
        );
    }
    if let Some(blocked) = status.blocker(run) {
        let waited = human_duration(blocked.waited);
        line(
            out,
            format_args!("    waits    for {} since {waited}, held by {}", blocked.wait, blocked.held_by),
        );
    }
}

/// Rows done, of how many, how fast, and how long it will take.
pub fn progress(run: &UnendedRun) -> String {
    let mut text = human_count(run.rows);
    if let Some(all) = run.estimated_rows.filter(|all| *all > 0) {
        let percent = (run.rows as f64 / all as f64 * 100.0).min(100.0);
        text.push_str(&format!(" of about {} ({percent:.0} %)", human_count(all)));
    }
    if let Some(rate) = run.pace.rows_per_second {
        text.push_str(&format!(", {} rows/s", human_count(rate.round() as u64)));
    }
    if let Some(left) = run.pace.left {
        text.push_str(&format!(", about {} left", human_duration(left)));
    }
    text
}

/// Those states that windows are in.
pub fn windows(windows: &WindowCounts) -> String {
    let WindowCounts { complete, committing, loading, pending, failed } = *windows;
    let states = [
        (complete, "complete"),
        (committing, "committing"),
        (loading, "loading"),
        (pending, "pending"),
        (failed, "failed"),
    ];
    let states = states.iter().filter(|(count, _)| *count > 0);
    states.map(|(count, state)| format!("{} {state}", human_count(*count))).collect::<Vec<_>>().join(", ")
}

/// What is told of each table.
pub const HEADS: [&str; 6] = ["table", "last success (UTC)", "lag", "last run", "rows now", "windows"];

/// Aligned, with the heads of the columns.
fn tables(out: &mut String, status: &Status) {
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(status.over_many.iter().map(run_cells));
    rows.extend(status.tables.iter().map(table_cells));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        line(out, format_args!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
    for error in status.tables.iter().flat_map(errors) {
        line(out, format_args!("  {error}"));
    }
    for last in &status.over_many {
        if let Some(error) = &last.error {
            line(out, format_args!("  {}: {error}", last.tool));
        }
    }
}

/// How far a table is whose changes are carried over.
pub fn version(kept: &KeptVersion) -> String {
    let KeptVersion { table, method, version, as_of, lag, host, pid } = kept;
    let as_of = as_of.map(moment).unwrap_or_default();
    let ago = ago(*lag);
    format!("{table}: as of {as_of} UTC, {ago} ago; version {version} ({method}), by process {pid} on {host}")
}

/// The last run over many tables, in a table's columns.
pub fn run_cells(last: &EndedRun) -> [String; 6] {
    let (time, lag) = if last.is_ok() { (last.ended.map(moment), Some(ago(last.age))) } else { (None, None) };
    let [time, lag] = [time, lag].map(Option::unwrap_or_default);
    [format!("({})", last.tool), time, lag, ended(last), String::new(), String::new()]
}

/// Why windows were given up, or else why the last run failed.
pub fn errors(table: &TableStatus) -> Vec<String> {
    if table.failed.is_empty() {
        let error = table.last.as_ref().and_then(|last| last.error.as_ref());
        // Most name the table themselves.
        let named = |error: &String| {
            let name = format!("{}: ", table.table);
            if error.starts_with(&name) { error.clone() } else { name + error }
        };
        return error.map(named).into_iter().collect();
    }
    table.failed.iter().map(|(window, error)| format!("{} {window} failed: {error}", table.table)).collect()
}

pub fn table_cells(table: &TableStatus) -> [String; 6] {
    let success = table.last_success.as_ref();
    [
        table.table.to_string(),
        success.and_then(|success| success.ended).map_or_else(|| "never".to_owned(), moment),
        success.map(|success| ago(success.age)).unwrap_or_default(),
        table.last.as_ref().map(ended).unwrap_or_default(),
        match table.rows {
            RowsNow::Rows(rows) => human_count(rows),
            RowsNow::Busy => "busy".into(),
            RowsNow::Unknown => "?".into(),
        },
        windows(&table.windows),
    ]
}

fn ended(last: &EndedRun) -> String {
    format!("{} {} ago", last.outcome, ago(last.age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_as_coarse_as_they_are_long() {
        for (seconds, text) in
            [(4, "4.0s"), (272, "4m32s"), (11_520, "3h12m"), (47 * 3600, "47h00m"), (200_000, "2 days")]
        {
            assert_eq!(ago(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn nothing_from_a_server_moves_the_cursor() {
        let mut out = String::new();
        line(&mut out, "\na\u{1b}[2Jb\nc");
        assert_eq!(out, "\na [2Jb c\n");
    }
}
