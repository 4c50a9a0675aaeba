//! A load without windows, as it is on record while it runs: through all of its attempts.
use std::mem;
use std::time::{Duration, Instant};

use super::job::{TableJob, table_lock_of};
use super::source::Source;
use crate::catalog::{Article, TableName};
use crate::config::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::ledger::{BegunPlainRun, PlainEnd, PlainRun, PlainRunOptions, Replaced};
use crate::load::{LoadOutcome, Progress};
use crate::plan::Plan;
use crate::read::SmallResults;
use crate::session::{Role, Session, applock};
use crate::tds::rpc::Query;

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
        plan: &Plan,
    ) -> Result<bool> {
        if self.begun {
            return replaced.is_on_record(session).await;
        }
        let begun = PlainRun::begin_replacing(session, &job.target, &options(job, plan), replaced).await?;
        Ok(self.has_begun(session, replaced, begun).await?.0)
    }

    /// What [`Self::begin`] sends first, for a request that does more before it ([`PlainRun::beginning`]). `None`: the load is
    /// on record.
    pub(super) fn beginning<S>(
        &self,
        job: &TableJob<S>,
        plan: &Plan,
        first: usize,
        condition: impl FnOnce(&str) -> String,
    ) -> Option<Query> {
        (!self.begun).then(|| PlainRun::beginning(&options(job, plan), &job.replaced(plan), first, condition))
    }

    /// As [`Self::begin`], once the request with [`Self::beginning`] is answered. Says as well for how long no other run has
    /// ended on the table, as the record has it.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(super) async fn begun<S>(
        &mut self,
        session: &mut Session,
        job: &TableJob<S>,
        plan: &Plan,
        answers: SmallResults,
    ) -> Result<(bool, Duration)> {
        let replaced = job.replaced(plan);
        if self.begun {
            return Ok((replaced.is_on_record(session).await?, Duration::ZERO));
        }
        let begun = PlainRun::has_begun(session, &job.target, &options(job, plan), answers).await?;
        self.has_begun(session, &replaced, begun).await
    }

    async fn has_begun(
        &mut self,
        session: &mut Session,
        replaced: &Replaced<'_>,
        BegunPlainRun { run, may_be_on_record, quiet }: BegunPlainRun,
    ) -> Result<(bool, Duration)> {
        self.run = run;
        self.begun = true;
        Ok((may_be_on_record && replaced.is_on_record(session).await?, quiet))
    }

    /// Commits the transaction with the load's last rows, notes its end and gives its table back, in one round trip.
    ///
    /// # Errors
    /// Those of [`PlainRun::commit`].
    pub(super) async fn commit(
        &self,
        session: &mut Session,
        plan: &Plan,
        outcome: &LoadOutcome,
    ) -> Result<()> {
        let lock = table_lock_of(plan.target_id);
        let lock = applock::holds(session, &lock.name()).then_some(&lock);
        let loaded = (outcome.fingerprint.rows, outcome.bytes);
        PlainRun::commit(session, self.run.as_ref(), lock, loaded, self.retries).await
    }

    /// The run's number in the ledger; `None`: it is not on record.
    pub(super) fn run(&self) -> Option<i64> {
        self.run.as_ref().map(PlainRun::id)
    }

    /// Tells the record of rows that have come so far, and then `progress`.
    pub(super) fn counted<'a>(
        &'a self,
        progress: &'a mut (dyn FnMut(Progress) + Send),
    ) -> impl FnMut(Progress) + Send + 'a {
        move |so_far| {
            if let Some(run) = &self.run {
                run.progress(so_far.rows);
            }
            progress(so_far);
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

fn options<'a, S>(job: &TableJob<S>, plan: &'a Plan) -> PlainRunOptions<'a> {
    PlainRunOptions {
        tool: job.tool,
        table: Some((&plan.target, plan.target_id)),
        source: &plan.from,
        alone: true,
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
    if why.unreached() == Some(&Role::Target.at(target)) {
        return false;
    }
    PlainRun::note_ended(target, options, PlainEnd { result: Err(why), retries: 0, releases: false }).await
}
