//! A load without windows, as it is on record while it runs: through all of its attempts.
use std::mem;
use std::time::{Duration, Instant};

use super::TableJob;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::ledger::{PlainEnd, PlainRun, PlainRunOptions, source_name};
use crate::load::LoadOutcome;
use crate::session::Session;

/// The record, once the table is held.
pub(super) struct LoadRecord {
    run: Option<PlainRun>,
    /// It was tried, well or not.
    begun: bool,
    /// The first attempt.
    started: Instant,
    is_again: bool,
    /// Attempts after the first.
    pub retries: u32,
}

impl LoadRecord {
    pub(super) fn new() -> Self {
        Self { run: None, begun: false, started: Instant::now(), is_again: false, retries: 0 }
    }

    /// The time that attempts before the one that begins now have taken, and the waits between them.
    pub(super) fn lost(&mut self) -> Duration {
        if mem::replace(&mut self.is_again, true) { self.started.elapsed() } else { Duration::ZERO }
    }

    /// Puts the load on record, once.
    ///
    /// # Errors
    /// A lost connection.
    pub(super) async fn begin<S>(
        &mut self,
        session: &mut Session,
        job: &TableJob<S>,
        (source, target): (&Table, &Table),
    ) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        let options = PlainRunOptions {
            tool: job.tool,
            table: Some((&target.object.name, target.object.id)),
            source: &source_name(source),
            alone: true,
        };
        self.run = PlainRun::begin(session, &job.target, &options).await?;
        self.begun = true;
        Ok(())
    }

    /// The run's number in the ledger; `None`: it is not on record.
    pub(super) fn run(&self) -> Option<i64> {
        self.run.as_ref().map(PlainRun::id)
    }

    /// Rows that have come so far.
    pub(super) fn progress(&self, rows: u64) {
        if let Some(run) = &self.run {
            run.progress(rows);
        }
    }

    /// The rows are committed.
    pub(super) async fn loaded(&mut self, session: &mut Session, outcome: &LoadOutcome) {
        let result = Ok((outcome.fingerprint.rows, outcome.bytes));
        self.end(Some(session), PlainEnd { result, retries: self.retries }).await;
    }

    /// There will be no other attempt.
    pub(super) async fn failed(&mut self, error: &Error) {
        self.end(None, PlainEnd { result: Err(error), retries: self.retries }).await;
    }

    async fn end(&mut self, session: Option<&mut Session>, end: PlainEnd<'_>) {
        if let Some(run) = self.run.take() {
            run.end(session, end).await;
        }
    }
}
