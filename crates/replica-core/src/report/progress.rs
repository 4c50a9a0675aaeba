//! Progress bars, on a terminal's stderr only.
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// All bars of a run.
#[derive(Clone)]
pub struct ProgressBars(MultiProgress);

/// One table's or window's bar. It goes away when dropped.
pub struct Bar(ProgressBar);

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
            Some(_) => "{prefix:30!} {wide_bar} {human_pos}/{human_len} rows {per_sec} {eta}",
            None => "{prefix:30!} {spinner} {human_pos} rows {per_sec}",
        };
        let bar = self.0.add(rows.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        // A template that does not parse would be an error in this file; the default style still shows progress.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        Bar(bar)
    }

    /// Runs `write` while the bars are off the screen.
    pub fn suspended<R>(&self, write: impl FnOnce() -> R) -> R {
        self.0.suspend(write)
    }
}

impl Bar {
    /// Rows done so far. The catalog's row count is an estimate: the bar grows with what is beyond it.
    pub fn set(&self, rows: u64) {
        if self.0.length().is_some_and(|length| rows > length) {
            self.0.set_length(rows);
        }
        self.0.set_position(rows);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
