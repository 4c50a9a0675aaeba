//! A window in the hands of a worker, from its claim to its end.
//!
//! The window goes from state to state, one at a time. docs/LEDGER.md, "A window in the hands of a worker", has the table
//! of them, beside what the ledger says meanwhile.
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::attempt::AttemptError;
use super::{Connected, WorkerPool, locked};
use crate::copy::windows::FinishedWindow;
use crate::error::{Error, Result};
use crate::ledger::{Claim, is_lost};
use crate::load::LoadOutcome;
use crate::plan::Plan;
use crate::report::{Bar, LOST, Timing};
use crate::retry::Retries;
use crate::session::forbids_snapshot;
use crate::window::Window;

/// Where a window stands.
enum WindowState {
    /// It is ours, and to be loaded from its DELETE on.
    Loading(Claim),
    /// An attempt has failed, and another one may succeed: the claim is to be renewed.
    Interrupted(Claim),
    /// Its rows are those of the source.
    Complete(LoadOutcome),
    /// No attempt can succeed, or none is left.
    GivenUp(Claim, Error),
    /// Given up until the other windows are done, which may hold the row that is in its way.
    Postponed(Claim, Error),
    /// Another host has it by now.
    TakenOver,
}

/// The replacement of a window by one worker.
pub(super) struct Replacement<'a> {
    pool: &'a WorkerPool,
    window: Window,
    plan: Plan,
    /// What transient errors leave of the attempts.
    retries: Retries,
    /// Attempts after the first, whatever they were for.
    used: u32,
    /// It was loaded once more, since what was read back was something else.
    reloaded: bool,
    timing: Timing,
    bar: Bar,
    begun: Instant,
}

impl<'a> Replacement<'a> {
    pub(super) fn new(pool: &'a WorkerPool, window: Window) -> Self {
        let what = format!("{} {window}", pool.job.label());
        Self {
            pool,
            plan: pool.plan.limited(window.clone()),
            retries: pool.retries(),
            used: u32::from(locked(&pool.postponed).contains(&window)),
            reloaded: false,
            timing: Timing::begin(what.clone()),
            bar: pool.progress.bar(&what, pool.rows.get(&window).copied()),
            window,
            begun: Instant::now(),
        }
    }

    /// From state to state; `None`: the window has come to no end.
    pub(super) async fn run(mut self, sides: &mut Connected, claim: Claim) -> Option<FinishedWindow> {
        if let Some(cleared) = &claim.cleared {
            self.timing = self.timing.after("DELETE", cleared.took);
            self.begun = self.begun.checked_sub(cleared.took).unwrap_or(self.begun);
        }
        let mut state = WindowState::Loading(claim);
        loop {
            state = match state {
                WindowState::Loading(claim) => self.load(sides, claim).await,
                WindowState::Interrupted(claim) => self.claim_again(sides, claim).await,
                WindowState::Complete(outcome) => return Some(self.finished(Ok(outcome))),
                WindowState::GivenUp(claim, error) => {
                    self.timing.phase(LOST);
                    self.pool.give_up(sides, &claim, &error).await;
                    return Some(self.finished(Err(error)));
                }
                WindowState::Postponed(claim, error) => {
                    self.timing.phase(LOST);
                    self.timing.log();
                    self.pool.give_up(sides, &claim, &error).await;
                    return None;
                }
                WindowState::TakenOver => {
                    let table = &self.pool.job.table;
                    log::warn!("{table} {}: left to the host that has taken it over", self.window);
                    return None;
                }
            }
        }
    }

    /// One attempt, on the connections there are or on new ones. After an error they are not used again.
    async fn load(&mut self, sides: &mut Connected, claim: Claim) -> WindowState {
        self.plan.snapshot &= !self.pool.snapshot_refused.load(Ordering::Relaxed);
        let attempt = self.pool.attempt(sides, &self.plan, &claim, &mut self.timing, &self.bar);
        match attempt.await {
            Ok(outcome) => WindowState::Complete(outcome),
            Err(error) => {
                *sides = None;
                self.after(error, claim).await
            }
        }
    }

    /// What becomes of the window after an attempt that has failed.
    async fn after(&mut self, error: AttemptError, claim: Claim) -> WindowState {
        let error = match error {
            AttemptError::Different(error) if self.reloaded => {
                return WindowState::GivenUp(claim, self.placed(error));
            }
            AttemptError::Different(error) => {
                log::warn!("{}; loading it once more", self.placed(error));
                self.reloaded = true;
                return WindowState::Interrupted(claim);
            }
            AttemptError::Other(error) => error,
        };
        if is_lost(&error) {
            WindowState::TakenOver
        } else if self.plan.snapshot && forbids_snapshot(&error) {
            log::warn!("{}; going on without SNAPSHOT isolation", self.placed(error));
            self.pool.snapshot_refused.store(true, Ordering::Relaxed);
            WindowState::Interrupted(claim)
        } else if error.is_transient() && self.retries.another_after(&error).await {
            WindowState::Interrupted(claim)
        } else if self.pool.postpones(&self.window, &error) {
            WindowState::Postponed(claim, error)
        } else {
            let pinpointed = self.pool.pinpointed(error, &self.plan).await;
            WindowState::GivenUp(claim, self.placed(pinpointed))
        }
    }

    /// The same window for another attempt.
    async fn claim_again(&mut self, sides: &mut Connected, claim: Claim) -> WindowState {
        self.used += 1;
        match self.pool.claim_again(sides, &claim).await {
            Ok(Some(again)) => {
                self.timing.phase(LOST);
                WindowState::Loading(again)
            }
            Ok(None) => WindowState::TakenOver,
            Err(error) => WindowState::GivenUp(claim, self.placed(error)),
        }
    }

    fn placed(&self, error: Error) -> Error {
        self.pool.job.named(error).window(&self.window)
    }

    fn finished(self, result: Result<LoadOutcome>) -> FinishedWindow {
        self.timing.log();
        FinishedWindow {
            window: self.window.clone(),
            skipped: false,
            result,
            retries: self.used,
            phases: self.timing.phases().to_vec(),
            elapsed: self.begun.elapsed(),
        }
    }
}
