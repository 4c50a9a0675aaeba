//! A run from the ledger: when each of its windows was at work, phase by phase.
use std::time::Duration;

use replica_core::ledger::{Past, PastWindow};
use replica_core::report::{human_count, human_duration};
use time::PrimitiveDateTime;

use super::Label;

pub struct Timeline {
    pub title: String,
    pub summary: String,
    pub error: String,
    pub width: usize,
    pub height: usize,
    pub labels: Vec<Label>,
    pub bars: Vec<TimelineBar>,
}

pub struct TimelineBar {
    pub title: String,
    pub class: &'static str,
    pub x: usize,
    pub y: usize,
    pub width: usize,
}

/// Class and name of a phase.
pub const PHASES: [(&str, &str); 5] = [
    ("delete", "delete"),
    ("insert", "insert"),
    ("verify", "verify"),
    ("index", "disable and rebuild indexes"),
    ("rest", "a run whose windows were loaded again since"),
];

const ROW: usize = 18;
const LEFT: usize = 150;
/// The time that a run took.
const WIDTH: usize = 640;
const RIGHT: usize = 90;
/// Windows shown of a run: those that took longest would be worth it, the first ones are what one looks for.
const MOST_WINDOWS: usize = 40;

impl Timeline {
    pub fn of(run: &Past) -> Self {
        let end = run.windows.iter().map(|window| window.started + busy(window));
        let end = end.chain(run.ended).max().unwrap_or(run.started);
        let all = since(run.started, end).max(Duration::from_millis(1));
        let scale = |time: Duration| (time.as_secs_f64() / all.as_secs_f64() * WIDTH as f64).round() as usize;
        let mut drawing = Drawing { labels: Vec::new(), bars: Vec::new(), row: 0, scale: &scale };
        let indexes = run.disabling + run.rebuilding;
        if !indexes.is_zero() {
            drawing.label("indexes", human_duration(indexes));
            drawing.bar("index", "disable indexes", Duration::ZERO, run.disabling);
            drawing.bar("index", "rebuild indexes", all.saturating_sub(run.rebuilding), run.rebuilding);
            drawing.row += 1;
        }
        for window in run.windows.iter().take(MOST_WINDOWS) {
            drawing.window(window, since(run.started, window.started));
        }
        if run.windows.len() > MOST_WINDOWS {
            drawing.label(&format!("and {} more windows", run.windows.len() - MOST_WINDOWS), String::new());
            drawing.row += 1;
        }
        if run.windows.is_empty() {
            drawing.label("the run", human_duration(all));
            drawing.bar("rest", "copying", Duration::ZERO, all);
            drawing.row += 1;
        }
        let Drawing { labels, bars, row, .. } = drawing;
        Self {
            title: format!("run {}, {} UTC", run.id, minute(run.started)),
            summary: summary(run, all),
            error: run.error.clone().unwrap_or_default(),
            width: LEFT + WIDTH + RIGHT,
            height: row * ROW + 4,
            labels,
            bars,
        }
    }
}

struct Drawing<'a> {
    labels: Vec<Label>,
    bars: Vec<TimelineBar>,
    row: usize,
    scale: &'a dyn Fn(Duration) -> usize,
}

impl Drawing<'_> {
    fn label(&mut self, left: &str, right: String) {
        let y = self.row * ROW + 12;
        self.labels.push(Label { x: 0, y, text: left.to_owned() });
        self.labels.push(Label { x: LEFT + WIDTH + 8, y, text: right });
    }

    /// A phase that took no time is not drawn; any other can be seen.
    fn bar(&mut self, class: &'static str, what: &str, from: Duration, took: Duration) {
        if took.is_zero() {
            return;
        }
        let x = LEFT + (self.scale)(from);
        let y = self.row * ROW + 2;
        let title = format!("{what}: {}", human_duration(took));
        self.bars.push(TimelineBar { title, class, x, y, width: (self.scale)(took).max(2) });
    }

    fn window(&mut self, window: &PastWindow, begun: Duration) {
        let retries = window.attempts.saturating_sub(1);
        let more = match retries {
            0 => String::new(),
            1 => ", 1 retry".into(),
            n => format!(", {n} retries"),
        };
        self.label(&window.window.to_string(), format!("{}{more}", human_duration(busy(window))));
        let name = |phase| format!("{} {phase}, {} rows", window.window, human_count(window.rows));
        let mut from = begun;
        for (class, took) in
            [("delete", window.deleting), ("insert", window.loading), ("verify", window.verifying)]
        {
            self.bar(class, &name(class), from, took);
            from += took;
        }
        self.row += 1;
    }
}

fn busy(window: &PastWindow) -> Duration {
    window.deleting + window.loading + window.verifying
}

fn since(begin: PrimitiveDateTime, end: PrimitiveDateTime) -> Duration {
    Duration::try_from(end - begin).unwrap_or_default()
}

fn minute(moment: PrimitiveDateTime) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]");
    moment.format(format).unwrap_or_default()
}

fn summary(run: &Past, all: Duration) -> String {
    let outcome = run.outcome.as_deref().unwrap_or("not ended");
    let mut parts = vec![
        format!("{} on {}: {outcome}", run.tool, run.host),
        human_duration(all),
        format!("{} windows", run.windows_done),
        format!("{} rows", human_count(run.rows)),
    ];
    for (count, what) in
        [(run.windows_failed, "failed"), (run.windows_skipped, "skipped"), (run.retries, "retries")]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}
