//! Round after round, and what is told of each.
use std::time::Duration;

use replica_core::cli::{Code, Stop};
use replica_core::copy::changes::{Came, ChangesJob, Keeper, TableRound};
use replica_core::error::{Error, Kind, Result};
use replica_core::notify::{Began, NotifiedRounds};
use replica_core::report::{Reporter, human_count, human_duration};

use crate::books::Books;
use crate::line;

/// A keeper, and who hears of its rounds.
pub struct Rounds<'a> {
    keeper: Keeper<'a>,
    job: &'a ChangesJob,
    reporter: &'a Reporter,
    books: Books,
    listener: NotifiedRounds<'a>,
}

/// After a round that failed as a whole: no longer than this to the next, and half as long at first.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl<'a> Rounds<'a> {
    pub fn new(
        job: &'a ChangesJob,
        reporter: &'a Reporter,
        books: Books,
        listener: NotifiedRounds<'a>,
    ) -> Self {
        Self { keeper: Keeper::new(job), job, reporter, books, listener }
    }

    /// One round, or as many as there is time for until a signal comes.
    ///
    /// # Errors
    /// What keeps all tables from being looked at; a signal.
    pub async fn until_done(mut self, every: Option<Duration>, stop: &Stop) -> Result<Code> {
        let ended = match every {
            None => self.one(stop, true).await,
            Some(every) => self.all(every, stop).await,
        };
        let failure = match &ended {
            // A signal ends what is on record of the process in its own way.
            Err(error) if is_signal(error) => return ended,
            Err(error) => Some(error.clone()),
            Ok(_) => self.books.failure(),
        };
        self.keeper.end(failure.as_ref().map_or(Ok(()), Err)).await;
        ended
    }

    /// One round; `all`: tables without changes have their line, too.
    async fn one(&mut self, stop: &Stop, all: bool) -> Result<Code> {
        let began = Began::now();
        self.books.begin(all);
        let mut told: Result<()> = Ok(());
        let Self { job, reporter, books, keeper, .. } = &mut *self;
        let mut tell = |round: TableRound| {
            let kept = &job.tables[round.place];
            let is_quiet = round.result.as_ref().is_ok_and(|applied| applied.came == Came::Quiet);
            let mut written = books.add(kept, &round);
            if all || !is_quiet {
                let line = line::of(kept.label(), &round);
                written = written.and(reporter.ended(&line, &round.result).map_err(Error::from));
            }
            told = std::mem::replace(&mut told, Ok(())).and(written);
        };
        let ended = stop.or(keeper.round(&mut tell)).await;
        self.reporter.end()?;
        let ended = ended.and(told).map(|()| self.books.code());
        if ended.is_ok() {
            self.sum_up(all);
        }
        let written = self.books.end(&ended);
        let failed = self.books.failed().map(str::to_owned).collect();
        self.listener.ended(began, &ended, failed).await;
        ended.and_then(|code| written.map(|()| code))
    }

    fn sum_up(&self, all: bool) {
        let books = &self.books;
        let (failed, tables) = (books.failed().count(), books.tables());
        if all || books.changed() > 0 || failed > 0 {
            log::info!(
                "{} of {tables} tables in step in {}: {} had changes, {} rows; {failed} failed",
                tables - failed,
                human_duration(books.elapsed()),
                books.changed(),
                human_count(books.rows()),
            );
        }
    }

    /// Round after round, each a while after the one before began, until a signal comes. Servers that are away for a while
    /// are waited for.
    async fn all(&mut self, every: Duration, stop: &Stop) -> Result<Code> {
        let (mut first, mut failures) = (true, 0u32);
        loop {
            let wait = match self.one(stop, first).await {
                Ok(_) => {
                    (first, failures) = (false, 0);
                    every.saturating_sub(self.books.elapsed())
                }
                // Nothing to wait for: it was never otherwise, or somebody else is at it.
                Err(error) if first || is_final(&error) => return Err(error),
                Err(error) => {
                    let wait = Duration::from_secs(1 << failures.min(6)).min(every).min(LONGEST_WAIT);
                    failures += 1;
                    log::error!("{error}; another round in {}", human_duration(wait));
                    self.keeper.disconnect();
                    wait
                }
            };
            stop.pause(wait).await?;
        }
    }
}

fn is_signal(error: &Error) -> bool {
    matches!(error.kind(), Kind::Interrupted | Kind::Terminated)
}

fn is_final(error: &Error) -> bool {
    is_signal(error) || matches!(error.kind(), Kind::Usage | Kind::Busy)
}
