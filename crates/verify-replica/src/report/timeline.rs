//! A run from the ledger: when each of its windows was at work, phase by phase.
use std::time::Duration;

use replica_core::ledger::{Past, PastWindow};
use replica_core::report::{human_duration, number_of};
use time::PrimitiveDateTime;

pub struct Timeline {
    pub title: String,
    pub summary: String,
    pub error: String,
    pub width: usize,
    pub lanes: Vec<TimelineLane>,
    /// The times of day at the beginning, in the middle and at the end.
    pub axis: [String; 3],
}

/// A row of the picture.
pub struct TimelineLane {
    pub left: String,
    pub bars: Vec<TimelineBar>,
    pub right: String,
}

pub struct TimelineBar {
    pub title: String,
    pub class: &'static str,
    pub x: usize,
    pub width: usize,
}

/// Class and name of a phase.
pub const PHASES: [(&str, &str); 5] = [
    ("delete", "delete"),
    ("insert", "insert"),
    ("verify", "verify"),
    ("index", "disable and rebuild indexes"),
    ("rest", "a whole table, or windows that were loaded again since"),
];

/// The time that a run took, in steps that are finer than a screen's.
const WIDTH: usize = 1000;
/// Windows shown of a run: those that took longest would be worth it, the first ones are what one looks for.
const MOST_WINDOWS: usize = 40;

impl Timeline {
    pub fn of(run: &Past) -> Self {
        let end = run.windows.iter().map(|window| window.started + busy(window));
        let end = end.chain(run.ended).max().unwrap_or(run.started);
        let all = since(run.started, end).max(Duration::from_millis(1));
        let drawing = Drawing { all };
        let mut lanes = Vec::new();
        let indexes = run.disabling + run.rebuilding;
        if !indexes.is_zero() {
            let bars = [
                drawing.bar("index", "disable indexes", Duration::ZERO, run.disabling),
                drawing.bar("index", "rebuild indexes", all.saturating_sub(run.rebuilding), run.rebuilding),
            ];
            lanes.push(TimelineLane::new("indexes", bars, human_duration(indexes)));
        }
        let shown = run.windows.iter().take(MOST_WINDOWS);
        lanes.extend(shown.map(|window| drawing.window(window, since(run.started, window.started))));
        let more = run.windows.len().saturating_sub(MOST_WINDOWS) as u64;
        if more > 0 {
            lanes.push(TimelineLane::new(
                &format!("and {} more", number_of(more, "window")),
                [],
                String::new(),
            ));
        }
        if run.windows.is_empty() {
            let what = if run.is_plain { "the table" } else { "the run" };
            let bars = [drawing.bar("rest", "copying", Duration::ZERO, all)];
            lanes.push(TimelineLane::new(what, bars, human_duration(all)));
        }
        Self {
            title: format!("run {}, {} UTC", run.id, minute(run.started)),
            summary: summary(run, all),
            error: run.error.clone().unwrap_or_default(),
            width: WIDTH,
            lanes,
            axis: [Duration::ZERO, all / 2, all].map(|after| clock(run.started + after)),
        }
    }
}

impl TimelineLane {
    /// A phase that took no time has no bar.
    fn new(left: &str, bars: impl IntoIterator<Item = Option<TimelineBar>>, right: String) -> Self {
        Self { left: left.to_owned(), bars: bars.into_iter().flatten().collect(), right }
    }
}

/// Brings a run's time to its width.
struct Drawing {
    all: Duration,
}

impl Drawing {
    fn scale(&self, time: Duration) -> usize {
        (time.as_secs_f64() / self.all.as_secs_f64() * WIDTH as f64).round() as usize
    }

    /// Any phase that took some time can be seen.
    fn bar(&self, class: &'static str, what: &str, from: Duration, took: Duration) -> Option<TimelineBar> {
        let title = format!("{what}: {}", human_duration(took));
        let (x, width) = (self.scale(from), self.scale(took).max(3));
        (!took.is_zero()).then_some(TimelineBar { title, class, x, width })
    }

    fn window(&self, window: &PastWindow, begun: Duration) -> TimelineLane {
        let more = match window.attempts.saturating_sub(1) {
            0 => String::new(),
            1 => ", 1 retry".into(),
            n => format!(", {n} retries"),
        };
        let name = |phase| format!("{} {phase}, {}", window.window, number_of(window.rows, "row"));
        let mut from = begun;
        let phases = [("delete", window.deleting), ("insert", window.loading), ("verify", window.verifying)];
        let bars: Vec<_> = phases
            .into_iter()
            .map(|(class, took)| {
                let bar = self.bar(class, &name(class), from, took);
                from += took;
                bar
            })
            .collect();
        TimelineLane::new(&window.window.to_string(), bars, format!("{}{more}", human_duration(busy(window))))
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

fn clock(moment: PrimitiveDateTime) -> String {
    let format = time::macros::format_description!("[hour]:[minute]:[second]");
    moment.format(format).unwrap_or_default()
}

fn summary(run: &Past, all: Duration) -> String {
    let outcome = run.outcome.as_deref().unwrap_or("not ended");
    let mut parts = vec![
        format!("{} on {}: {outcome}", run.tool, run.host),
        human_duration(all),
        if run.is_plain { "without windows".to_owned() } else { number_of(run.windows_done, "window") },
        number_of(run.rows, "row"),
    ];
    let retries = if run.retries == 1 { "retry" } else { "retries" };
    for (count, what) in
        [(run.windows_failed, "failed"), (run.windows_skipped, "skipped"), (run.retries, retries)]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}
