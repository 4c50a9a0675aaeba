//! Progress bars, on a terminal's stderr only.
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{human_bytes, human_count, human_duration};
use crate::load::Progress;

/// A bar is drawn anew so often, whether anything moves or not: a rate that falls is news, too.
const REDRAWN: Duration = Duration::from_secs(1);

/// All bars of a run.
#[derive(Clone)]
pub struct ProgressBars(MultiProgress);

/// One table's or window's bar. It goes away when dropped.
pub struct Bar {
    all: MultiProgress,
    bar: ProgressBar,
    bytes: Arc<AtomicU64>,
}

impl ProgressBars {
    /// Bars on stderr, or none if that is no terminal (indicatif sees to it).
    pub fn on_stderr() -> Self {
        Self(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
    }

    /// No bars.
    pub fn hidden() -> Self {
        Self(MultiProgress::with_draw_target(ProgressDrawTarget::hidden()))
    }

    /// Adds a bar for `what`, of which `rows` are expected.
    pub fn bar(&self, what: &str, rows: Option<u64>) -> Bar {
        let template = match rows {
            Some(_) => "{prefix:30!} {wide_bar} {human_pos} of about {human_len} rows{rate}{left}",
            None => "{prefix:30!} {spinner} {human_pos} rows{rate}",
        };
        let bar = self.0.add(rows.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        let bytes = Arc::new(AtomicU64::new(0));
        // A template that does not parse would be an error in this file; the default style still shows progress.
        if let Ok(style) = ProgressStyle::with_template(template) {
            let moved = bytes.clone();
            let rate = move |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = out.write_str(&rate(state.per_sec(), state.pos(), moved.load(Ordering::Relaxed)));
            };
            let left = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = out.write_str(&left(state.pos(), state.eta()));
            };
            bar.set_style(style.with_key("rate", rate).with_key("left", left));
        }
        bar.set_prefix(what.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(REDRAWN);
        }
        Bar { all: self.0.clone(), bar, bytes }
    }

    /// Runs `write` while the bars are off the screen.
    pub fn suspended<R>(&self, write: impl FnOnce() -> R) -> R {
        self.0.suspend(write)
    }
}

/// `, 8,700 rows/s, 3.1 MB/s`: nothing before the first row.
fn rate(rows_per_second: f64, rows: u64, bytes: u64) -> String {
    if rows == 0 || !rows_per_second.is_finite() {
        return String::new();
    }
    let mut text = format!(", {} rows/s", human_count(rows_per_second.round() as u64));
    if bytes > 0 {
        let bytes_per_second = rows_per_second * bytes as f64 / rows as f64;
        text.push_str(&format!(", {}/s", human_bytes(bytes_per_second.round() as u64)));
    }
    text
}

/// `, ETA 4m12s`: nothing before the first row, and where it would take for ever.
fn left(rows: u64, eta: Duration) -> String {
    const EVER: Duration = Duration::from_secs(100 * 3600);
    if rows == 0 || eta.is_zero() || eta > EVER {
        String::new()
    } else {
        format!(", ETA {}", human_duration(eta))
    }
}

impl Bar {
    /// Rows done so far. The catalog's row count is an estimate: the bar grows with what is beyond it.
    pub fn set(&self, rows: u64) {
        if self.bar.length().is_some_and(|length| rows > length) {
            self.bar.set_length(rows);
        }
        self.bar.set_position(rows);
    }

    /// The same of a load, whose bytes are known, too.
    pub fn loaded(&self, so_far: Progress) {
        self.bytes.store(so_far.bytes, Ordering::Relaxed);
        self.set(so_far.rows);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        // It would stay among the others behind the first one, and nobody draws them where there is no terminal.
        self.all.remove(&self.bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_units() {
        assert_eq!(rate(8_700.2, 100, 35_700), ", 8,700 rows/s, 3.1 MB/s");
        assert_eq!(rate(0.0, 100, 35_700), ", 0 rows/s, 0 B/s", "it stands still");
        assert_eq!(rate(8_700.0, 100, 0), ", 8,700 rows/s", "a comparison knows no bytes");
        assert_eq!(rate(0.0, 0, 0), "");
    }

    #[test]
    fn what_is_left_is_called_eta() {
        assert_eq!(left(5, Duration::from_secs(252)), ", ETA 4m12s");
        assert_eq!(left(0, Duration::from_secs(252)), "");
        assert_eq!(left(5, Duration::MAX), "");
    }
}
