//! From options to an exit code: look at every table, compare window by window, repair what is to be repaired, say how
//! it went.
use std::io;
use std::path::Path;
use std::time::Instant;

use replica_core::catalog::TableName;
use replica_core::cli::{self, Code, Configured, List, Stop, Tool};
use replica_core::config::Config;
use replica_core::error::{Kind, Result};
use replica_core::ledger::{self, Past};
use replica_core::notify;
use replica_core::report::{Format, ProgressBars, Reporter, about};
use replica_core::retry::Backoff;
use replica_core::schedule::pool;
use replica_core::verify::{ComparisonOutcome, Connections, Throttle};
use replica_core::window::Window;
use time::OffsetDateTime;

use crate::Args;
use crate::args::Options;
use crate::finished::FinishedComparison;
use crate::jobs::{self, PlannedComparison, PlannedComparisons, Planner};
use crate::line;
use crate::repair::{DifferingTable, Phases, Repair, is_stop};
use crate::report::Report;

/// Runs of a table that a report shows.
const MOST_RUNS: u16 = 10;

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    notify::told(&config, Args::NAME, reporter, || verify(options, &config, reporter))
}

fn verify(options: &Options, config: &Config, reporter: &Reporter) -> Result<Code> {
    let connections = Connections::new(config.source()?.clone(), config.target()?.clone());
    let lists = match options {
        // Only windows are on record, and versions of tables whose changes are carried over.
        Options { against_ledger: true, .. } => &[List::Dated][..],
        Options { as_of_ledger: true, .. } => &[List::Changing],
        _ => &List::ALL,
    };
    let written = options.selection.written(config, lists, io::stdin().lock())?;
    cli::block_on(options.max_workers, |stop| async move {
        let throttle = Throttle::new(options.bytes_per_second);
        let configured = Configured::ask(config, &written.entries, Some(config.source()?), config.target()?);
        let configured = stop.or(configured).await?;
        reporter.phase("NAMES");
        let tables = configured.tables(&written)?;
        options.article.of_one(&tables)?;
        let (finished, repaired) = (Vec::new(), Vec::new());
        let run =
            VerifyRun { options, reporter, config, configured, connections, throttle, finished, repaired };
        run.all(tables, stop).await
    })
}

struct VerifyRun<'a> {
    options: &'a Options,
    reporter: &'a Reporter,
    config: &'a Config,
    configured: Configured,
    connections: Connections,
    throttle: Throttle,
    finished: Vec<FinishedComparison>,
    /// What the repair of a table took.
    repaired: Vec<(TableName, Phases)>,
}

impl VerifyRun<'_> {
    async fn all(mut self, names: Vec<TableName>, stop: Stop) -> Result<Code> {
        stop.or(async {
            let jobs = self.plan(names).await?;
            self.reporter.phase("PLAN");
            self.compare(jobs).await
        })
        .await?;
        self.reporter.phase("COMPARE");
        if self.options.repair.is_some() {
            self.repair(&stop).await?;
            self.reporter.phase("REPAIR");
        }
        self.sum_up();
        if let Some(file) = &self.options.report {
            stop.or(self.report(file)).await?;
            self.reporter.phase("REPORT");
        }
        Ok(Code::of_all(self.finished.iter().map(|finished| finished.failure().unwrap_or(Code::Ok))))
    }

    fn planner(&self) -> Planner<'_> {
        Planner {
            options: self.options,
            configured: &self.configured,
            connections: &self.connections,
            throttle: self.throttle.clone(),
        }
    }

    /// Looks at every table before any is read.
    async fn plan(&mut self, names: Vec<TableName>) -> Result<Vec<PlannedComparison>> {
        let mut jobs: Vec<PlannedComparison> = Vec::new();
        self.planner().look_ahead(&names).await;
        for table in names {
            let started = Instant::now();
            let planned = self.planner().plan(&table).await;
            match planned {
                Ok(planned) if is_planned(&jobs, &planned) => {
                    log::warn!("{table}: named twice, compared once");
                }
                Ok(planned) => {
                    jobs.extend(planned.jobs);
                    planned.failed.into_iter().try_for_each(|finished| self.finish(finished))?;
                }
                // Without a connection there is nothing to be said of any table.
                Err(error) if error.kind() == Kind::Connect => return Err(error),
                Err(error) => {
                    let article = self.planner().article(&table);
                    self.finish(jobs::failed(table, article, error, started))?;
                }
            }
        }
        Ok(jobs)
    }

    async fn compare(&mut self, jobs: Vec<PlannedComparison>) -> Result<()> {
        let (progress, connections) = (self.reporter.progress().clone(), self.connections.clone());
        let work = move |planned| compare(planned, connections.clone(), progress.clone());
        let workers = self.options.max_workers;
        let mut broken = Ok(());
        let done = |finished: FinishedComparison| {
            let written = self.finish(finished);
            broken = std::mem::replace(&mut broken, Ok(())).and(written);
        };
        pool::run(jobs, workers, |planned| planned.job.comparison.rows.unwrap_or(u64::MAX), work, done).await;
        Ok(broken?)
    }

    /// Loads every window that differs again, and compares it once more.
    async fn repair(&mut self, stop: &Stop) -> Result<()> {
        for broken in self.broken() {
            let options = self.options;
            let config = self.config;
            let progress = self.reporter.progress();
            let repair = Repair { options, config, configured: &self.configured, progress, stop };
            match repair.table(&broken).await {
                Ok(phases) => {
                    self.repaired.push((broken.table.clone(), phases));
                    stop.or(self.compare_again(&broken)).await?;
                }
                Err(error) if is_stop(&error) => return Err(error),
                // What is different stays so, and is on record as such.
                Err(error) => log::error!("{}", error.within("not repaired").table(&broken.table)),
            }
        }
        Ok(())
    }

    fn broken(&self) -> Vec<DifferingTable> {
        let mut tables: Vec<DifferingTable> = Vec::new();
        for finished in self.finished.iter().filter(|done| done.rows_differ()) {
            let windows = finished.window.clone().into_iter();
            match tables.iter_mut().find(|broken| broken.table == finished.of.name) {
                Some(broken) => broken.windows.extend(windows),
                None => tables.push(DifferingTable {
                    table: finished.of.name.clone(),
                    windows: windows.collect(),
                    cut_by: finished.of.cut_by.clone(),
                }),
            }
        }
        tables.iter_mut().for_each(|broken| broken.windows.sort_unstable());
        tables
    }

    async fn compare_again(&mut self, broken: &DifferingTable) -> Result<()> {
        // The ledger has other hashes now.
        let PlannedComparisons { jobs, failed } = self.planner().plan(&broken.table).await?;
        let was_broken = |window: &Option<Window>| match window {
            Some(window) => broken.windows.contains(window),
            None => broken.windows.is_empty(),
        };
        let is_again =
            |done: &mut FinishedComparison| done.of.name == broken.table && was_broken(&done.window);
        let before: Vec<FinishedComparison> = self.finished.extract_if(.., is_again).collect();
        let at = self.finished.len();
        let mut failed = failed.into_iter().filter(|done| was_broken(&done.window));
        failed.try_for_each(|done| self.finish(done))?;
        self.compare(jobs.into_iter().filter(|planned| was_broken(&planned.job.window)).collect()).await?;
        for was in before {
            if let Some(is) = self.finished[at..].iter_mut().find(|is| is.window == was.window) {
                is.before = was.result.ok().map(Box::new);
            }
        }
        Ok(())
    }

    fn finish(&mut self, finished: FinishedComparison) -> io::Result<()> {
        let shown =
            || finished.result.iter().flat_map(|verdict| &verdict.findings).take(self.options.show_rows);
        let is_text = self.reporter.format() == Format::Text;
        let details = shown().filter(|_| is_text).flat_map(line::details);
        let record = line::record(&finished).with_details(details);
        let written = match &finished.result {
            Err(error) => self.reporter.failed(&record, error),
            Ok(_) if finished.failure().is_none() => self.reporter.result(&record),
            Ok(_) => self.reporter.problem(&record),
        };
        let written = written.and_then(|()| {
            let lines = shown().filter(|_| !is_text).flat_map(|row| line::finding(&finished, row));
            lines.into_iter().try_for_each(|line| self.reporter.problem(&line))
        });
        self.finished.push(finished);
        written
    }

    async fn report(&self, file: &Path) -> Result<()> {
        let mut runs = Vec::new();
        let mut tables: Vec<&TableName> = self.finished.iter().map(|done| &done.of.name).collect();
        tables.sort();
        tables.dedup();
        for table in tables {
            match self.past(table).await {
                Ok(past) => runs.push((table.clone(), past)),
                // The page is worth having without them.
                Err(error) => log::warn!("{table}: the report lacks its runs: {error}"),
            }
        }
        let source = self.config.source()?;
        let target = self.config.target()?;
        let against_ledger = self.options.against_ledger;
        let (finished, repaired) = (&self.finished, &self.repaired);
        let made = OffsetDateTime::now_utc();
        Report { source, target, against_ledger, finished, repaired, runs: &runs, made }.write(file)?;
        log::info!("the report is in {}", file.display());
        Ok(())
    }

    /// The last runs on a table.
    async fn past(&self, table: &TableName) -> Result<Vec<Past>> {
        let article = self.options.article.over(self.configured.settings(table)).article()?;
        let table = article.target_of(table);
        let mut retries = Backoff::default().retries();
        loop {
            let past = async {
                let mut sides = self.connections.take().await?;
                let past = if ledger::exists(&mut sides.target).await? {
                    ledger::history(&mut sides.target, table, MOST_RUNS).await?
                } else {
                    Vec::new()
                };
                self.connections.give_back(sides);
                Ok(past)
            };
            if let Some(settled) = retries.settled(past.await).await {
                return settled;
            }
        }
    }

    fn sum_up(&self) {
        let count = |wanted: fn(&FinishedComparison) -> bool| {
            self.finished.iter().filter(|done| wanted(done)).count()
        };
        let failed = count(|done| done.result.is_err());
        let different = count(|done| done.outcome() == Some(ComparisonOutcome::Different));
        let all = self.finished.len();
        let equal = self.finished.len() - failed - different;
        let windowed = self.finished.iter().any(|done| done.window.is_some());
        let what = if windowed { "windows" } else { "tables" };
        let text = format!("{equal} of {all} {what} equal, {different} different, {failed} failed");
        if failed + different == 0 { log::info!("{text}") } else { log::error!("{text}") }
    }
}

fn is_planned(jobs: &[PlannedComparison], planned: &PlannedComparisons) -> bool {
    let tables = |PlannedComparison { job, .. }: &PlannedComparison| {
        [job.comparison.source.clone(), job.comparison.target.clone()]
    };
    planned.jobs.first().is_some_and(|planned| jobs.iter().any(|job| tables(job) == tables(planned)))
}

async fn compare(
    planned: PlannedComparison,
    connections: Connections,
    progress: ProgressBars,
) -> FinishedComparison {
    let started = Instant::now();
    let PlannedComparison { of, job } = planned;
    let window = job.window.clone();
    let name = window.as_ref().map_or_else(|| of.name.to_string(), |window| format!("{} {window}", of.name));
    let bar = progress.bar(&name, job.comparison.rows.filter(|_| window.is_none()));
    let mut progress = |rows| bar.set(rows);
    let compared = job.run(&connections, &mut progress);
    let result = about(of.name.to_string(), window.as_ref().map(|window| window.to_string()), compared).await;
    FinishedComparison { of, window, result, took: started.elapsed(), before: None }
}
