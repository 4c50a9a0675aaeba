//! `--html`: one page that needs no network. The template has the markup, and escapes all that it is given; here is what
//! goes into it.
use std::path::Path;
use std::time::Duration;

use askama::Template;
use replica_core::error::Result;
use replica_core::report::{human_count, human_duration};
use replica_core::status::{EndedRun, RowsNow, Status, TableStatus, UnendedRun};

use crate::text::{self, ago, headline, moment};

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    answer: String,
    is_well: bool,
    target: String,
    asked: String,
    runs: Vec<RunCard>,
    table_heads: [&'static str; 6],
    tables: Vec<TableLine>,
    versions: Vec<String>,
    indexes: Vec<[String; 4]>,
    notes: Vec<String>,
}

/// A run that has not ended.
struct RunCard {
    title: String,
    is_alive: bool,
    state: String,
    tool: String,
    progress: String,
    /// In percent of the rows; 0 where nothing is expected.
    percent: u64,
    windows: String,
    oldest: String,
    blocked: String,
}

struct TableLine {
    cells: [String; 6],
    needs_a_look: bool,
    errors: Vec<String>,
}

/// Writes the page. `every`: it is written again and again.
///
/// # Errors
/// The file cannot be written.
pub fn write(status: &Status, target: String, every: Option<Duration>, path: &Path) -> Result<()> {
    let page = StatusPage {
        answer: headline(status),
        is_well: !status.needs_a_look(),
        target,
        asked: status.asked.map(moment).unwrap_or_default(),
        runs: status.runs.iter().map(|run| card(status, run)).collect(),
        table_heads: text::HEADS,
        tables: status.over_many.iter().map(over_many).chain(status.tables.iter().map(table)).collect(),
        versions: status.versions.iter().map(text::version).collect(),
        indexes: status
            .indexes
            .iter()
            .map(|index| {
                let state = if index.is_in_use { "in use" } else { "left behind" };
                [
                    index.table.to_string(),
                    index.name.clone(),
                    ago(index.age),
                    format!("{state}, run {}", index.run),
                ]
            })
            .collect(),
        notes: status.notes.clone(),
    };
    replica_page::write("How is the replica?", every, &page, path)
}

fn card(status: &Status, run: &UnendedRun) -> RunCard {
    let all = run.estimated_rows.filter(|all| *all > 0);
    RunCard {
        title: run.table.as_ref().map_or_else(|| "all tables".to_owned(), ToString::to_string),
        is_alive: run.is_alive,
        state: if run.is_alive {
            format!("at work for {}", human_duration(run.age))
        } else {
            format!("no sign of life for {}", ago(run.silent))
        },
        tool: format!("{} on {}, process {}, run {}", run.tool, run.host, run.pid, run.id),
        progress: if run.table.is_some() { text::progress(run) } else { String::new() },
        percent: all.map_or(0, |all| (run.rows.saturating_mul(100) / all).min(100)),
        windows: text::windows(&run.windows),
        oldest: run.loading.first().map_or_else(String::new, |oldest| {
            let rows = human_count(oldest.estimated_rows);
            format!("{}, for {}, about {rows} rows", oldest.window, human_duration(oldest.age))
        }),
        blocked: status.blocker(run).map_or_else(String::new, |blocked| {
            format!("{} for {}, held by {}", blocked.wait, human_duration(blocked.waited), blocked.held_by)
        }),
    }
}

fn over_many(last: &EndedRun) -> TableLine {
    TableLine {
        cells: text::run_cells(last),
        needs_a_look: last.has_failed(),
        errors: last.error.iter().cloned().collect(),
    }
}

fn table(table: &TableStatus) -> TableLine {
    let mut cells = text::table_cells(table);
    if table.rows == RowsNow::Unknown {
        cells[4] = String::new();
    }
    TableLine { cells, needs_a_look: table.needs_a_look(), errors: text::errors(table) }
}
