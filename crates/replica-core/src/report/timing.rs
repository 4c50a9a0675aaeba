//! The `[TIMING]` line: how long each phase of a window took.
use std::fmt;
use std::time::{Duration, Instant};

use super::human_duration;

/// The phase of attempts that came to nothing, and of the waits between attempts.
pub const LOST: &str = "LOST";
/// The logins.
pub const CONNECT: &str = "CONNECT";
/// What the servers are asked of the tables before anything else.
pub const CATALOG: &str = "CATALOG";
/// What lies between the phases, where it would be seen: the phases' sum is the total.
const OTHER: &str = "OTHER";
/// What is less is written as `0.0s`, or is less than so much of the total.
const SEEN: Duration = Duration::from_millis(50);
const HUNDREDTH: u32 = 100;

/// Measures phase after phase; prints as
/// `[TIMING] APP_4_SALES 2024-01: DELETE 2.3s | INSERT 4m32s | TOTAL 4m34s`.
#[derive(Clone, Debug)]
pub struct Timing {
    what: String,
    phases: Vec<(&'static str, Duration)>,
    begun: Instant,
    last: Instant,
}

impl Timing {
    /// Begins to measure `what`: a table, and its window if there is one.
    pub fn begin(what: impl Into<String>) -> Self {
        let now = Instant::now();
        Self { what: what.into(), phases: Vec::new(), begun: now, last: now }
    }

    /// The same after attempts that came to nothing: the total has their time, as a phase of its own.
    pub fn begin_after(what: impl Into<String>, lost: Duration) -> Self {
        let timing = Self::begin(what);
        if lost.is_zero() { timing } else { timing.after(LOST, lost) }
    }

    /// The same with a phase that came before.
    pub fn after(mut self, name: &'static str, took: Duration) -> Self {
        self.begun = self.begun.checked_sub(took).unwrap_or(self.begun);
        self.add(name, took);
        self
    }

    /// Ends a phase, which began when the one before ended. A phase that comes again adds to its first.
    pub fn phase(&mut self, name: &'static str) {
        let now = Instant::now();
        self.add(name, now - self.last);
        self.last = now;
    }

    /// Phase by phase, how long it took.
    pub fn phases(&self) -> &[(&'static str, Duration)] {
        &self.phases
    }

    /// Adds a phase that was measured elsewhere.
    pub fn add(&mut self, name: &'static str, took: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == name) {
            Some((_, total)) => *total += took,
            None => self.phases.push((name, took)),
        }
    }

    /// Since the beginning.
    pub fn total(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Writes the line to stderr, past the log's prefix and without tearing progress bars.
    pub fn log(&self) {
        log::info!(target: super::logging::BARE, "{self}");
    }

    fn line(&self, total: Duration) -> String {
        let known: Duration = self.phases.iter().map(|(_, took)| *took).sum();
        let other = total.saturating_sub(known);
        let other = (other >= SEEN.max(total / HUNDREDTH)).then_some((OTHER, other));
        let phases = self.phases.iter().copied().chain(other).chain([("TOTAL", total)]);
        let phases: Vec<_> = phases.map(|(name, took)| format!("{name} {}", human_duration(took))).collect();
        format!("[TIMING] {}: {}", self.what, phases.join(" | "))
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(self.total()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_contract() {
        let mut timing = Timing::begin("APP_4_SALES 2024-01");
        for (name, milliseconds) in [
            ("DELETE", 2_300),
            ("DISABLE_IDX", 500),
            ("INSERT", 200_000),
            ("REBUILD_IDX", 45_000),
            ("INSERT", 72_000),
        ] {
            timing.add(name, Duration::from_millis(milliseconds));
        }
        assert_eq!(
            timing.line(Duration::from_secs(320)),
            "[TIMING] APP_4_SALES 2024-01: DELETE 2.3s | DISABLE_IDX 0.5s | INSERT 4m32s | REBUILD_IDX 45s | TOTAL 5m20s"
        );
    }

    #[test]
    fn what_no_phase_has_is_shown() {
        let mut timing = Timing::begin("dbo.t");
        timing.add(CONNECT, Duration::from_millis(500));
        assert_eq!(timing.line(Duration::from_millis(540)), "[TIMING] dbo.t: CONNECT 0.5s | TOTAL 0.5s");
        let line = timing.line(Duration::from_millis(1_500));
        assert_eq!(line, "[TIMING] dbo.t: CONNECT 0.5s | OTHER 1.0s | TOTAL 1.5s");
    }

    #[test]
    fn attempts_that_came_to_nothing_are_in_the_total() {
        let timing = Timing::begin_after("dbo.t", Duration::from_secs(3_600));
        assert_eq!(timing.phases(), [(LOST, Duration::from_secs(3_600))]);
        assert!(timing.total() >= Duration::from_secs(3_600));
        assert!(Timing::begin_after("dbo.t", Duration::ZERO).phases().is_empty());
    }
}
