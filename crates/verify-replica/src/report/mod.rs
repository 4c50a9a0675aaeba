//! `--report`: one HTML page that needs no network. The template has the markup, and escapes all that it is given;
//! here is what goes into it.
mod calendar;
mod timeline;

use std::fmt::Display;
use std::path::Path;

use askama::Template;
use replica_core::catalog::TableName;
use replica_core::error::Result;
use replica_core::ledger::Past;
use replica_core::report::{human_count, human_duration, number_of};
use replica_core::verify::{ComparisonOutcome, Differences, DifferingRow, Verdict};
use time::OffsetDateTime;

use crate::finished::FinishedComparison;
use crate::repair::Phases;
use calendar::Calendar;
use timeline::Timeline;

/// Lines of rows that differ, for a table.
const MOST_LINES: usize = 500;

/// Tables that the answer names.
const MOST_NAMES: usize = 5;

/// Everything that the page tells of.
pub struct Report<'a> {
    pub source: &'a dyn Display,
    pub target: &'a dyn Display,
    pub against_ledger: bool,
    pub finished: &'a [FinishedComparison],
    /// What the repair of a table took.
    pub repaired: &'a [(TableName, Phases)],
    /// The last runs on each table, from the ledger.
    pub runs: &'a [(TableName, Vec<Past>)],
    pub made: OffsetDateTime,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    /// The sentence that answers the title.
    answer: String,
    row_heads: [&'static str; 7],
    source: String,
    target: String,
    made: String,
    against_ledger: bool,
    tiles: Vec<Tile>,
    legend: [(&'static str, &'static str); 6],
    phases: [(&'static str, &'static str); 5],
    tables: Vec<ReportTable>,
}

struct Tile {
    class: &'static str,
    number: String,
    text: &'static str,
}

struct ReportTable {
    name: String,
    /// The worst outcome, by which it is coloured, too.
    outcome: &'static str,
    summary: String,
    left_out: String,
    /// Phase by phase, what its repair took; empty: it was not repaired.
    repaired: String,
    errors: Vec<String>,
    /// The command that brings the table in step; empty: there is nothing to be done, or nothing that it could do.
    repair: String,
    calendar: Option<Calendar>,
    rows: Vec<ReportLine>,
    not_shown: String,
    runs: Vec<Timeline>,
}

/// A value that differs, or a row that one side lacks.
#[derive(Default)]
struct ReportLine {
    window: String,
    finding: String,
    key: String,
    column: String,
    source: String,
    target: String,
    note: String,
}

/// Text in an SVG.
struct Label {
    x: usize,
    y: usize,
    text: String,
}

const LEGEND: [(&str, &str); 6] = [
    ("equal", "equal"),
    ("different", "different"),
    ("repaired", "repaired: different before, equal now"),
    ("behind", "behind: the source has newer rows"),
    ("failed", "failed"),
    ("none", "not checked"),
];

impl Report<'_> {
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        replica_page::write("Is the replica equal?", None, &self.page(), path)
    }

    fn page(&self) -> Page {
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let classes: Vec<_> = self.finished.iter().map(class).collect();
        let count = |wanted: &str| classes.iter().filter(|class| **class == wanted).count();
        let mut tiles: Vec<_> = LEGEND[..5]
            .iter()
            .map(|(class, _)| Tile { class, number: count(class).to_string(), text: class })
            .filter(|tile| tile.number != "0" || tile.class == "different")
            .collect();
        let rows = self.verdicts().map(|verdict| verdict.source.rows).sum();
        tiles.push(Tile { class: "", number: human_count(rows), text: "rows" });
        let mut names: Vec<&TableName> = self.finished.iter().map(|finished| &finished.of.name).collect();
        names.sort();
        names.dedup();
        Page {
            answer: self.answer(&classes),
            row_heads: ["window", "finding", "key", "column", "source", "target", "note"],
            source: self.source.to_string(),
            target: self.target.to_string(),
            made: self.made.format(format).unwrap_or_default(),
            against_ledger: self.against_ledger,
            tiles,
            legend: LEGEND,
            phases: timeline::PHASES,
            tables: names.into_iter().map(|name| self.table(name)).collect(),
        }
    }

    fn answer(&self, classes: &[&str]) -> String {
        let count = |wanted: &str| classes.iter().filter(|class| **class == wanted).count() as u64;
        let windowed = |of: &[&FinishedComparison]| of.iter().any(|finished| finished.window.is_some());
        let parts = |of: &[&FinishedComparison]| {
            number_of(of.len() as u64, if windowed(of) { "window" } else { "table" })
        };
        let of_class = |wanted: &[&str]| -> Vec<&FinishedComparison> {
            self.finished
                .iter()
                .zip(classes)
                .filter(|(_, class)| wanted.contains(class))
                .map(|(done, _)| done)
                .collect()
        };
        let names = |of: &[&FinishedComparison]| {
            let mut names: Vec<String> = of.iter().map(|finished| finished.of.name.to_string()).collect();
            names.sort();
            names.dedup();
            let more = names.len().saturating_sub(MOST_NAMES);
            names.truncate(MOST_NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", names.join(", "))
        };
        let all: Vec<&FinishedComparison> = self.finished.iter().collect();
        let (different, failed) = (of_class(&["different"]), of_class(&["failed"]));
        if all.is_empty() {
            return "Nothing was compared.".into();
        }
        if !different.is_empty() {
            let verb = if different.len() == 1 { "differs" } else { "differ" };
            let unknown = if failed.is_empty() {
                String::new()
            } else {
                format!("; {} could not be compared", parts(&failed))
            };
            return format!(
                "No: {} of {} {verb}{} {}{unknown}.",
                different.len(),
                parts(&all),
                if windowed(&all) { ", in" } else { ":" },
                names(&different)
            );
        }
        if !failed.is_empty() {
            return format!(
                "It is not known: {} of {} could not be compared, in {}.",
                failed.len(),
                parts(&all),
                names(&failed)
            );
        }
        let behind = count("behind");
        let newer = if behind > 0 {
            format!(" The source has newer rows in {behind} of them.")
        } else {
            String::new()
        };
        let repaired = count("repaired");
        let mended = if repaired > 0 {
            format!(", {repaired} of them since they were repaired")
        } else {
            String::new()
        };
        let verb = if all.len() == 1 { "is" } else { "are" };
        format!("Yes: {} {verb} equal{mended}.{newer}", parts(&all))
    }

    /// With the days that were asked for, if it was days.
    fn repair(&self, name: &TableName, windows: &[&FinishedComparison]) -> String {
        let different: Vec<_> = windows.iter().filter(|done| class(done) == "different").collect();
        if different.is_empty() {
            return String::new();
        }
        let days = different.iter().filter_map(|done| done.window.as_ref()?.days());
        let (first, last) = (days.clone().map(|days| days.first).min(), days.map(|days| days.last()).max());
        let ranges = different.iter().any(|done| done.window.as_ref().is_some_and(|w| w.keys().is_some()));
        let days = first.zip(last).map(|(first, last)| format!(" --start-date {first} --end-date {last}"));
        // In a shell's quotes: a name may have anything in it.
        let name = name.to_string();
        let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let name = if plain { name } else { format!("'{}'", name.replace('\'', "'\\''")) };
        let keys = if ranges { " --key-ranges" } else { "" };
        format!("verify-replica {name}{}{keys} --repair", days.unwrap_or_default())
    }

    fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.finished.iter().filter_map(|finished| finished.result.as_ref().ok())
    }

    fn table(&self, name: &TableName) -> ReportTable {
        let mut windows: Vec<_> = self.finished.iter().filter(|finished| finished.of.name == *name).collect();
        windows.sort_by(|left, right| left.window.cmp(&right.window));
        let worst = ["failed", "different", "repaired", "behind"];
        let outcome = worst.into_iter().find(|wanted| windows.iter().any(|done| class(done) == *wanted));
        let rows: u64 =
            windows.iter().filter_map(|done| done.result.as_ref().ok()).map(|v| v.source.rows).sum();
        let summary = match windows.len() {
            1 => number_of(rows, "row"),
            count => format!("{} in {}", number_of(rows, "row"), number_of(count as u64, "window")),
        };
        let mut lines = Vec::new();
        let mut rest = 0;
        for finished in &windows {
            let Some(told) = finished.told() else { continue };
            let shown = told.findings.iter().map(|finding| finding.count).sum::<u64>();
            rest += total(&told.differences).saturating_sub(shown);
            lines.extend(told.findings.iter().flat_map(|finding| lines_of(finished, finding)));
        }
        let cut = lines.len().saturating_sub(MOST_LINES);
        lines.truncate(MOST_LINES);
        let not_shown = match (rest, cut) {
            (0, 0) => String::new(),
            (0, _) => format!("{cut} more lines are not shown."),
            (rest, _) => format!("{} more rows that differ are not shown.", human_count(rest)),
        };
        let phases = self.repaired.iter().find(|(table, _)| table == name).map(|(_, phases)| phases);
        let phases = phases.into_iter().flatten();
        let phases: Vec<_> =
            phases.map(|(phase, took)| format!("{phase} {}", human_duration(*took))).collect();
        let runs = self.runs.iter().find(|(table, _)| table == name).map(|(_, runs)| runs.as_slice());
        ReportTable {
            name: name.to_string(),
            outcome: outcome.unwrap_or("equal"),
            summary,
            left_out: windows.first().map(|done| done.of.left_out.clone()).unwrap_or_default(),
            repair: self.repair(name, &windows),
            repaired: phases.join(" | "),
            errors: windows.iter().filter_map(|done| Some(done.result.as_ref().err()?.to_string())).collect(),
            calendar: Calendar::of(&windows),
            rows: lines,
            not_shown,
            runs: runs.unwrap_or_default().iter().map(Timeline::of).collect(),
        }
    }
}

/// The colour of a window.
fn class(finished: &FinishedComparison) -> &'static str {
    match (finished.outcome(), &finished.before) {
        (None, _) => "failed",
        (Some(ComparisonOutcome::Equal | ComparisonOutcome::Behind), Some(_)) => "repaired",
        (Some(outcome), _) => outcome.name(),
    }
}

/// What a window says when the mouse is over it.
fn title(finished: &FinishedComparison) -> String {
    let what = finished.window.as_ref().map_or_else(|| "all rows".to_owned(), |window| window.to_string());
    match &finished.result {
        Err(error) => format!("{what}: failed\n{error}"),
        Ok(verdict) => {
            let side = |name, sum: &replica_core::tds::fingerprint::Fingerprint| {
                format!("{name}: {} rows, hash {sum}", human_count(sum.rows))
            };
            let (source, target) = (side("source", &verdict.source), side("target", &verdict.target));
            let mut text = format!("{what}: {}\n{source}\n{target}", class(finished));
            if let Some(told) = finished.told() {
                text.push_str(&format!("\n{}", counts(&told.differences)));
            }
            text
        }
    }
}

fn counts(differences: &Differences) -> String {
    let Differences { missing, extra, changed, newer, uncounted } = differences;
    if *uncounted {
        return "rows that differ were not counted".into();
    }
    let counts = [(missing, "missing"), (extra, "extra"), (changed, "changed"), (newer, "newer")];
    let counts = counts.iter().filter(|(count, _)| **count > 0);
    counts.map(|(count, what)| format!("{} {what}", human_count(**count))).collect::<Vec<_>>().join(", ")
}

fn total(differences: &Differences) -> u64 {
    differences.missing + differences.extra + differences.changed + differences.newer
}

fn lines_of(finished: &FinishedComparison, finding: &DifferingRow) -> Vec<ReportLine> {
    let times = if finding.count > 1 { format!(" ({} times)", finding.count) } else { String::new() };
    let line = || ReportLine {
        window: finished.window.as_ref().map(|window| window.to_string()).unwrap_or_default(),
        finding: format!("{}{times}", finding.kind.name()),
        key: finding.key.clone(),
        ..ReportLine::default()
    };
    if finding.values.is_empty() {
        return vec![line()];
    }
    let values = finding.values.iter().map(|values| ReportLine {
        column: values.column.clone(),
        source: values.source.clone(),
        target: values.target.clone(),
        note: values.note.clone(),
        ..line()
    });
    values.collect()
}
