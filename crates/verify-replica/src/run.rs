//! From options to an exit code: look at every table, compare window by window, say how it went.
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use replica_core::catalog::TableName;
use replica_core::cli;
use replica_core::config::Config;
use replica_core::error::{Kind, Result};
use replica_core::exit::Code;
use replica_core::pool;
use replica_core::report::{self, Progress};
use replica_core::verify::{Comparison, Connections, Job, Outcome, Request, Throttle, Verdict};
use replica_core::window::Window;

use crate::args::Options;
use crate::line;

pub fn run(options: &Options) -> Result<Code> {
    let progress = Progress::on_stderr();
    report::init(&progress);
    let config = Config::load(options.config.as_deref())?;
    let connections = Connections::new(config.source()?.clone(), config.target()?.clone());
    let names = options.selection.names(&config.reference_tables, io::stdin().lock())?;
    cli::block_on(options.max_workers, |stop| async move {
        let run = Run { options, config: &config, connections, progress, finished: Vec::new() };
        stop.or(run.all(names)).await
    })
}

struct Run<'a> {
    options: &'a Options,
    config: &'a Config,
    connections: Connections,
    progress: Progress,
    finished: Vec<Finished>,
}

/// A window, or a whole table, that is done with.
pub struct Finished {
    pub table: TableName,
    pub window: Option<Window>,
    pub result: Result<Verdict>,
    pub took: Duration,
    /// Columns that were not compared, and why.
    pub left_out: String,
}

impl Run<'_> {
    async fn all(mut self, names: Vec<TableName>) -> Result<Code> {
        let jobs = self.plan(names).await?;
        let (progress, connections) = (self.progress.clone(), self.connections.clone());
        let work = move |job: Job| compare(job, connections.clone(), progress.clone());
        let workers = self.options.max_workers;
        let mut broken = Ok(());
        let done = |finished: Finished| {
            let written = self.finish(finished);
            broken = std::mem::replace(&mut broken, Ok(())).and(written);
        };
        let size = |job: &Job| job.comparison.rows.unwrap_or(u64::MAX);
        pool::run(jobs, workers, size, work, done).await;
        broken?;
        self.sum_up();
        Ok(Code::of_failures(self.finished.iter().filter_map(Finished::failure)))
    }

    /// Looks at every table before any is read.
    async fn plan(&mut self, names: Vec<TableName>) -> Result<Vec<Job>> {
        let throttle = Throttle::new(self.options.bytes_per_second);
        let mut jobs: Vec<Job> = Vec::new();
        let mut connected = false;
        for table in names {
            let started = Instant::now();
            match self.comparison(&table).await {
                Ok(comparison) if jobs.iter().any(|job| job.comparison.target == comparison.target) => {
                    log::warn!("{}: named twice, compared once", comparison.target);
                    connected = true;
                }
                Ok(comparison) => {
                    connected = true;
                    let comparison = Arc::new(comparison);
                    let windows = match &self.options.windows {
                        Some(windows) => windows.iter().copied().map(Some).collect(),
                        None => vec![None],
                    };
                    jobs.extend(windows.into_iter().map(|window| Job {
                        comparison: comparison.clone(),
                        window,
                        throttle: throttle.clone(),
                        show_rows: self.options.show_rows,
                    }));
                }
                // Without a connection there is nothing to be said of any table.
                Err(error) if !connected && error.kind() == Kind::Connect => return Err(error),
                Err(error) => {
                    let (result, took) = (Err(error.table(&table)), started.elapsed());
                    self.finish(Finished { table, window: None, result, took, left_out: String::new() })?;
                }
            }
        }
        Ok(jobs)
    }

    async fn comparison(&self, table: &TableName) -> Result<Comparison> {
        let mut sides = self.connections.take().await?;
        let (source, target) = sides.tables(table).await?;
        self.connections.give_back(sides);
        let date_column =
            self.options.date_column.as_deref().or_else(|| cli::date_column(self.config, table));
        let settings = cli::settings(self.config, table);
        let request = Request {
            ignore_extra_columns: self.options.ignore_extra_columns || settings.ignore_extra_columns,
            date_column,
            windowed: self.options.windows.is_some(),
            as_of: self.options.as_of.as_ref(),
        };
        let comparison = Comparison::new(&source, &target, request)?;
        for column in left_out(&comparison) {
            log::info!("{}: left out, as by the copy: {column}", comparison.target);
        }
        Ok(comparison)
    }

    fn finish(&mut self, finished: Finished) -> io::Result<()> {
        if let Err(error) = &finished.result {
            log::error!("{error}");
        }
        let format = self.options.format;
        let written = self.progress.suspended(|| {
            let mut out = io::stdout().lock();
            line::record(&finished).write(format, &mut out)?;
            let findings = finished.result.iter().flat_map(|verdict| &verdict.findings);
            findings
                .take(self.options.show_rows)
                .try_for_each(|found| line::finding(&finished, found, format, &mut out))
        });
        self.finished.push(finished);
        written
    }

    fn sum_up(&self) {
        let count = |wanted: fn(&Finished) -> bool| self.finished.iter().filter(|done| wanted(done)).count();
        let failed = count(|done| done.result.is_err());
        let different = count(|done| done.outcome() == Some(Outcome::Different));
        let equal = self.finished.len() - failed - different;
        let what = if self.options.windows.is_some() { "windows" } else { "tables" };
        let text = format!(
            "{equal} of {} {what} equal, {different} different, {failed} failed",
            self.finished.len()
        );
        if failed + different == 0 { log::info!("{text}") } else { log::error!("{text}") }
    }
}

impl Finished {
    fn outcome(&self) -> Option<Outcome> {
        self.result.as_ref().ok().map(|verdict| verdict.outcome)
    }

    fn failure(&self) -> Option<Code> {
        match &self.result {
            Err(error) => Some(error.exit_code()),
            Ok(Verdict { outcome: Outcome::Different, .. }) => Some(Code::Failed),
            Ok(_) => None,
        }
    }
}

async fn compare(job: Job, connections: Connections, progress: Progress) -> Finished {
    let started = Instant::now();
    let (table, window) = (job.comparison.target.clone(), job.window);
    let name = window.map_or_else(|| table.to_string(), |window| format!("{table} {window}"));
    let bar = progress.bar(&name, job.comparison.rows.filter(|_| window.is_none()));
    let result = job.run(&connections, &mut |rows| bar.set(rows)).await;
    let left_out = left_out(&job.comparison).collect::<Vec<_>>().join(", ");
    Finished { table, window, result, took: started.elapsed(), left_out }
}

fn left_out(comparison: &Comparison) -> impl Iterator<Item = String> {
    let mapping = &comparison.mapping;
    let columns = mapping.left_out.iter().map(|(name, filler)| format!("{name} ({filler})"));
    columns.chain(mapping.ignored.iter().map(|name| format!("{name} (in the source only)")))
}
