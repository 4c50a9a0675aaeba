//! How a run of windows goes, and how it went.
use std::time::Duration;

use super::WindowsJob;
use crate::error::{Error, Kind, Result};
use crate::exit::Code;
use crate::ledger::{Complete, Ended, RecordedLoad};
use crate::load::LoadOutcome;
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;

/// A window that is done with.
#[derive(Debug)]
pub struct FinishedWindow {
    /// Which one is done with.
    pub window: Window,
    /// It was complete before: nothing was done, and the result is what is on record.
    pub skipped: bool,
    /// What was loaded, or what is on record of it; why it failed after the last attempt.
    pub result: Result<LoadOutcome>,
    /// Attempts after the first.
    pub retries: u32,
    /// Phase by phase, as \[TIMING\] names them.
    pub phases: Vec<(&'static str, Duration)>,
    /// From the claim to the commit, all attempts together.
    pub elapsed: Duration,
}

impl FinishedWindow {
    pub(super) fn skipped(complete: &Complete) -> Self {
        let Complete { window, fingerprint, bytes } = complete.clone();
        let result = Ok(LoadOutcome { fingerprint, bytes, differing: None, elapsed: Duration::ZERO });
        Self { window, skipped: true, result, retries: 0, phases: Vec::new(), elapsed: Duration::ZERO }
    }
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Summary {
    /// All that were asked for, those of other hosts among them.
    pub windows: u64,
    /// Loaded by this run.
    pub done: u64,
    /// On record as complete, and left as they are.
    pub skipped: Vec<Window>,
    /// Not loaded, and why.
    pub failed: Vec<FailedWindow>,
    /// What failed beside windows: indexes left disabled, workers that could not connect.
    pub problems: Vec<Error>,
    /// What ended the run before its last window: a signal, or another run that has taken it over.
    pub stopped: Option<Error>,
    /// Loaded by this run.
    pub rows: u64,
    /// How many of these rows had changed since the windows were last complete, or more.
    pub changed: u64,
    /// Of these rows, as the bulk loads have them.
    pub bytes: u64,
    /// Attempts after the first, of all windows.
    pub retries: u64,
    /// How long each phase took, all workers together.
    pub phases: Vec<(&'static str, Duration)>,
    /// From the first claim to the last window's end.
    pub elapsed: Duration,
}

/// A window that was given up.
#[derive(Debug)]
pub struct FailedWindow {
    /// Which one failed.
    pub window: Window,
    /// What a run with this failure alone would end with.
    pub code: Code,
    /// The error, as the user reads it.
    pub why: String,
}

impl Summary {
    /// What to tell the shell.
    pub fn code(&self) -> Code {
        if let Some(stopped) = &self.stopped {
            return stopped.exit_code();
        }
        let windows = self.failed.iter().map(|failed| failed.code);
        Code::of_all(windows.chain(self.problems.iter().map(Error::exit_code)))
    }

    /// The phase that took the longest, over all windows.
    pub fn slowest(&self) -> Option<(&'static str, Duration)> {
        self.phases.iter().copied().max_by_key(|(_, took)| *took)
    }

    /// `before`: what the window was when it was last complete, if that is known.
    pub(super) fn add(&mut self, finished: &FinishedWindow, before: Option<Fingerprint>) {
        self.retries += u64::from(finished.retries);
        match &finished.result {
            Ok(outcome) => {
                self.done += 1;
                let rows = outcome.fingerprint;
                let is_same = before == Some(rows);
                self.rows += rows.rows;
                self.changed += outcome.differing.unwrap_or(if is_same { 0 } else { rows.rows });
                self.bytes += outcome.bytes;
            }
            Err(error) => {
                let window = finished.window.clone();
                let code = error.exit_code();
                let why = error.to_string();
                self.failed.push(FailedWindow { window, code, why });
            }
        }
        finished.phases.iter().for_each(|(phase, took)| self.spent(phase, *took));
    }

    /// A run that has the table to itself and met no problem has an answer for every window.
    pub(super) fn account_for_all(&mut self, job: &WindowsJob) {
        let answered = self.done + (self.skipped.len() + self.failed.len()) as u64;
        if !job.shared && self.stopped.is_none() && self.problems.is_empty() && answered < self.windows {
            let missing = self.windows - answered;
            self.problems
                .push(job.named(Error::busy(format!("{missing} windows were taken over by another run"))));
        }
    }

    /// For the next run's choice; `None`: nothing was loaded.
    pub(super) fn load(&self) -> Option<RecordedLoad> {
        (self.done > 0).then_some(RecordedLoad { rows: self.rows, changed: self.changed, hash: None })
    }

    pub(super) fn spent(&mut self, phase: &'static str, took: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, total)) => *total += took,
            None => self.phases.push((phase, took)),
        }
    }
}

/// The run's last word for the ledger.
pub(super) fn ended(summary: &Summary, disabling: Duration, rebuilding: Duration) -> Ended {
    let outcome = match summary.stopped.as_ref().map(Error::kind) {
        Some(Kind::Interrupted) => "interrupted",
        Some(Kind::Terminated) => "terminated",
        Some(_) => "failed",
        None if summary.code() == Code::Ok => "ok",
        None => "failed",
    };
    let first = summary.stopped.iter().chain(&summary.problems).map(ToString::to_string);
    Ended {
        outcome,
        windows_done: summary.done,
        windows_failed: summary.failed.len() as u64,
        windows_skipped: summary.skipped.len() as u64,
        rows: summary.rows,
        bytes: summary.bytes,
        retries: summary.retries,
        disabling,
        rebuilding,
        error: first.chain(summary.failed.iter().map(|failed| failed.why.clone())).next(),
    }
}
