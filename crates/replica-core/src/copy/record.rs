//! A load without windows, as it is on record while it runs: through all of its attempts.
use std::mem;
use std::time::{Duration, Instant};

use super::{Source, TableJob};
use crate::catalog::{Article, Table, TableName};
use crate::config::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::ledger::{PlainEnd, PlainRun, PlainRunOptions, Replaced, source_name};
use crate::load::LoadOutcome;
use crate::session::{Role, Session};

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

    /// Puts the load on record, once, and says whether windows on record have rows that it replaces.
    ///
    /// # Errors
    /// A lost connection; those of [`Replaced::is_on_record`].
    pub(super) async fn begin<S>(
        &mut self,
        session: &mut Session,
        job: &TableJob<S>,
        replaced: &Replaced<'_>,
        (source, target): (&Table, &Table),
    ) -> Result<bool> {
        if self.begun {
            return replaced.is_on_record(session).await;
        }
        let options = PlainRunOptions {
            tool: job.tool,
            table: Some((&target.object.name, target.object.id)),
            source: &source_name(source),
            alone: true,
        };
        let (run, may_be_on_record) =
            PlainRun::begin_replacing(session, &job.target, &options, replaced).await?;
        self.run = run;
        self.begun = true;
        if may_be_on_record { replaced.is_on_record(session).await } else { Ok(false) }
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
        self.end(Some(session), PlainEnd { result, retries: self.retries, releases: true }).await;
    }

    /// There will be no other attempt.
    pub(super) async fn failed<S: Source>(&mut self, job: &TableJob<S>, error: &Error) {
        if self.begun {
            self.end(None, PlainEnd { result: Err(error), retries: self.retries, releases: false }).await;
        } else {
            job.record_unbegun(error).await;
        }
    }

    async fn end(&mut self, session: Option<&mut Session>, end: PlainEnd<'_>) {
        if let Some(run) = self.run.take() {
            run.end(session, end).await;
        }
    }
}

impl<S: Source> TableJob<S> {
    /// Puts on record that the copy could not begin.
    pub async fn record_unbegun(&self, why: &Error) {
        let Self { tool, target, table, article, .. } = self;
        UnbegunCopy { tool, source: self.source.endpoint(), target, table, article }.record(why).await;
    }
}

/// A copy that failed before it held its table: whoever looks at the ledger would not know that it was tried.
#[derive(Clone, Copy, Debug)]
pub struct UnbegunCopy<'a> {
    /// As the ledger shows it.
    pub tool: &'a str,
    /// Where the rows would have come from, if that is a server.
    pub source: Option<&'a Endpoint>,
    /// The server and database that would have been written to.
    pub target: &'a Endpoint,
    /// As the source calls it.
    pub table: &'a TableName,
    /// What of it would have been copied, and under which name.
    pub article: &'a Article,
}

impl UnbegunCopy<'_> {
    /// Puts it on record, if there is a ledger. `false`: the target cannot be asked.
    ///
    /// A name without a schema is one that the source has no table of: most likely a slip, which would be a failure of
    /// nobody's from then on.
    pub async fn record(&self, why: &Error) -> bool {
        if self.table.schema.is_none() {
            return true;
        }
        note_failed(self.target, &self.options(&self.source()), why).await
    }

    /// Puts on record that it has gone well after all.
    pub(super) async fn record_well(&self, rows: u64) -> bool {
        let end = PlainEnd { result: Ok((rows, 0)), retries: 0, releases: false };
        PlainRun::note_ended(self.target, &self.options(&self.source()), end).await
    }

    fn source(&self) -> String {
        let server = self.source.map_or_else(String::new, |server| format!("{server}/"));
        format!("{server}{}", self.table)
    }

    fn options<'o>(&'o self, source: &'o str) -> PlainRunOptions<'o> {
        let table = Some((self.article.target_of(self.table), 0));
        PlainRunOptions { tool: self.tool, table, source, alone: false }
    }
}

/// A run over tables that failed before it could be on record: where the source is not there, nothing is known of any table.
#[derive(Clone, Copy, Debug)]
pub struct UnbegunRun<'a> {
    /// As the ledger shows it.
    pub tool: &'a str,
    /// Where the rows would have come from, if that is a server.
    pub source: Option<&'a Endpoint>,
    /// The server and database that would have been written to.
    pub target: &'a Endpoint,
}

impl UnbegunRun<'_> {
    /// Puts it on record, if there is a ledger.
    pub async fn record(&self, why: &Error) {
        let source = self.source.map_or_else(String::new, ToString::to_string);
        let options = PlainRunOptions { tool: self.tool, table: None, source: &source, alone: false };
        note_failed(self.target, &options, why).await;
    }

    /// Does what a run does, and puts it on record if it fails.
    ///
    /// # Errors
    /// Those of `run`.
    pub async fn unless<T>(&self, run: impl Future<Output = Result<T>>) -> Result<T> {
        let ended = run.await;
        if let Err(why) = &ended {
            self.record(why).await;
        }
        ended
    }
}

/// Who found another run at work, or was stopped, has failed at nothing. `false`: the target cannot be asked.
async fn note_failed(target: &Endpoint, options: &PlainRunOptions<'_>, why: &Error) -> bool {
    if matches!(why.kind(), Kind::Busy | Kind::Interrupted | Kind::Terminated) {
        return true;
    }
    // A login that was refused is not tried again: servers lock those that are refused too often.
    if why.kind() == Kind::Connect && why.to_string().contains(&format!("{} {target}", Role::Target)) {
        return false;
    }
    PlainRun::note_ended(target, options, PlainEnd { result: Err(why), retries: 0, releases: false }).await
}
