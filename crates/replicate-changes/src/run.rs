//! From options to an exit code: which tables, then round after round.
use std::io;
use std::time::{Duration, Instant};

use replica_core::cli::{self, Code, Configured, List, Stop, Tool};
use replica_core::config::{Allowance, Config};
use replica_core::copy::changes::{self, Came, ChangesJob, Keeper, KeptTable, TableRound};
use replica_core::copy::{CopyOptions, LoadOptions};
use replica_core::error::{Error, Kind, Result};
use replica_core::report::{Reporter, human_count, human_duration};

use crate::args::{Args, Options};
use crate::line;

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    let written = options.selection.written(&config, &[List::Changing], io::stdin().lock())?;
    cli::block_on(options.max_workers, |stop| async move {
        let (source, target) = (config.source()?.clone(), config.target()?.clone());
        let configured = stop.or(Configured::ask(&config, &written.entries, Some(&source), &target)).await?;
        let tables = configured.tables(&written)?;
        let kept = |table| {
            let settings = configured.settings(&table);
            let load = LoadOptions { fire_triggers: options.fire_triggers, ..LoadOptions::default() };
            let copied = options.guard.copy_options(&settings, load);
            let cascade = options.allow_cascade || copied.allowance.cascade;
            let allowance = Allowance { cascade, ..copied.allowance };
            let article = settings.article().map_err(|error| error.table(&table))?;
            Ok(KeptTable { table, article, options: CopyOptions { allowance, ..copied } })
        };
        let job = ChangesJob {
            tool: Args::NAME,
            source,
            target,
            tables: tables.into_iter().map(kept).collect::<Result<_>>()?,
            method: options.method.0,
            deletes: options.deletes,
            on_reset: options.on_reset,
            workers: options.max_workers,
        };
        if options.explain {
            return explain(&job, reporter, &stop).await;
        }
        match options.every {
            None => Ok(Rounds::new(&job, reporter).one(&stop, true).await?),
            Some(every) => Rounds::new(&job, reporter).all(every, &stop).await,
        }
    })
}

async fn explain(job: &ChangesJob, reporter: &Reporter, stop: &Stop) -> Result<Code> {
    let mut code = Code::Ok;
    for explained in stop.or(changes::explain(job)).await? {
        reporter.explain(&job.tables[explained.place].label(), explained.lines)?;
        if let Some(error) = explained.refused {
            code = Code::of_all([code, error.exit_code()]);
        }
    }
    Ok(code)
}

/// A keeper, and what is told of its rounds.
struct Rounds<'a> {
    keeper: Keeper<'a>,
    job: &'a ChangesJob,
    reporter: &'a Reporter,
}

/// After a round that failed as a whole: no longer than this to the next, and half as long at first.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl<'a> Rounds<'a> {
    fn new(job: &'a ChangesJob, reporter: &'a Reporter) -> Self {
        Self { keeper: Keeper::new(job), job, reporter }
    }

    /// One round; `all`: tables without changes have their line, too.
    async fn one(&mut self, stop: &Stop, all: bool) -> Result<Code> {
        let begun = Instant::now();
        let mut told: Result<()> = Ok(());
        let (mut codes, mut changed, mut rows) = (Vec::new(), 0u64, 0u64);
        let (job, reporter) = (self.job, self.reporter);
        let mut tell = |round: TableRound| {
            codes.push(round.result.as_ref().map_or_else(Error::exit_code, |_| Code::Ok));
            let quiet = round.result.as_ref().is_ok_and(|applied| applied.came == Came::Quiet);
            if let Ok(applied) = &round.result {
                let written = applied.written;
                changed += u64::from(applied.came != Came::Quiet);
                rows += written.inserted + written.updated + written.deleted;
            }
            if all || !quiet {
                let label = job.tables[round.place].label();
                let line = line::of(label, &round);
                let written = reporter.ended(&line, &round.result).map_err(Error::from);
                told = std::mem::replace(&mut told, Ok(())).and(written);
            }
        };
        let ended = stop.or(self.keeper.round(&mut tell)).await;
        self.reporter.end()?;
        ended?;
        told?;
        let failed = codes.iter().filter(|code| **code != Code::Ok).count();
        if all || changed > 0 || failed > 0 {
            log::info!(
                "{} of {} tables in step in {}: {changed} had changes, {} rows; {failed} failed",
                codes.len() - failed,
                codes.len(),
                human_duration(begun.elapsed()),
                human_count(rows),
            );
        }
        Ok(Code::of_all(codes))
    }

    /// Round after round, each a while after the one before began, until a signal comes. Servers that are away for a while
    /// are waited for.
    async fn all(&mut self, every: Duration, stop: &Stop) -> Result<Code> {
        let (mut first, mut failures) = (true, 0u32);
        loop {
            let begun = Instant::now();
            let wait = match self.one(stop, first).await {
                Ok(_) => {
                    (first, failures) = (false, 0);
                    every.saturating_sub(begun.elapsed())
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

fn is_final(error: &Error) -> bool {
    matches!(error.kind(), Kind::Usage | Kind::Busy | Kind::Interrupted | Kind::Terminated)
}
