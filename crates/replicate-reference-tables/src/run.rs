//! From options to an exit code: look at every table, then replace them, then say how it went.
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use replica_core::catalog::TableName;
use replica_core::cli::{self, Code, Configured, List, Tool};
use replica_core::config::{Config, Endpoint};
use replica_core::copy::{
    self, AskedSides, CopyOptions, Days, Plan, Source, TableJob, UnbegunCopy, UnbegunRun,
};
use replica_core::error::numbers::CONSTRAINT_CONFLICT;
use replica_core::error::{Error, Kind, Result};
use replica_core::lane::LoadOutcome;
use replica_core::notify;
use replica_core::report::{self, ExplainLine, Record, RecordValue, Reporter};
use replica_core::schedule::{self, Parent, keys};
use replica_core::schema::{MissedTable, MissingTables};
use replica_parquet::{Folder, FromParquet, ThroughParquet};

use crate::Args;
use crate::args::{Options, Way};
use crate::passes::after;
use crate::plan::{LookedAtTable, look_at};

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    if options.clean_up {
        return cli::clean_up(&config, reporter);
    }
    let copied = || copy(options, &config, reporter);
    if options.explain { copied() } else { notify::told(&config, Args::NAME, reporter, copied) }
}

fn copy(options: &Options, config: &Config, reporter: &Reporter) -> Result<Code> {
    match &options.way {
        Way::Stream => copy_from(config.source()?.clone(), options, config, reporter),
        Way::ThroughParquet { folder, keep } => {
            let source = config.source()?.clone();
            let source = ThroughParquet { source, folder: Folder::new(folder)?, keep: *keep };
            copy_from(source, options, config, reporter)
        }
        Way::FromParquet(folder) => {
            copy_from(FromParquet { folder: Folder::new(folder)? }, options, config, reporter)
        }
    }
}

fn copy_from<S: Source + Clone + Send + 'static>(
    source: S,
    options: &Options,
    config: &Config,
    reporter: &Reporter,
) -> Result<Code> {
    let target = config.target()?.clone();
    let written = options.selection.written(config, &[List::Reference], io::stdin().lock())?;
    if options.commit_interval.is_some() {
        log::warn!("--commit-interval changes nothing: a whole table is replaced in one transaction");
    }
    let policy = options.creation.policy(config)?;
    cli::block_on(options.max_workers, |stop| async move {
        let copied = stop.or(async {
            let configured =
                Configured::ask_and_meet(config, &written.entries, source.endpoint(), &target).await?;
            reporter.phase("NAMES");
            let mut tables = configured.tables(&written)?;
            options.article.of_one(&tables)?;
            let missing = match policy.zip(source.endpoint()) {
                Some((policy, source)) => {
                    let articles = options.article.articles(&configured, &tables)?;
                    Some(MissingTables::new(source, &target, &tables, policy.with_articles(articles)))
                }
                None => None,
            };
            let mut run = CopyRun { options, reporter, failures: Vec::new() };
            if let Some(missing) = &missing {
                if options.explain {
                    let made = explain_missing(missing, &mut run).await?;
                    tables.retain(|table| !made.contains(table));
                } else {
                    for missed in missing.make().await? {
                        tables.retain(|table| *table != missed.table);
                        let settings = options.article.over(configured.settings(&missed.table));
                        let article = settings.article().unwrap_or_default();
                        let unbegun = UnbegunCopy {
                            tool: Args::NAME,
                            source: source.endpoint(),
                            target: &target,
                            table: &missed.table,
                            article: &article,
                        };
                        unbegun.record(&missed.error).await;
                        run.missed(missed)?;
                    }
                }
                reporter.phase("CREATE");
            }
            let job = |table| job(options, &configured, source.clone(), target.clone(), table);
            let jobs = tables.into_iter().map(job).collect::<Result<_>>()?;
            let code = run.all(jobs).await?;
            match missing {
                Some(missing) if !options.explain => {
                    let finished = missing.finish().await?;
                    reporter.phase("CREATE");
                    Ok(Code::of_all([code, finished]))
                }
                _ => Ok(code),
            }
        });
        if options.explain {
            return copied.await;
        }
        UnbegunRun { tool: Args::NAME, source: source.endpoint(), target: &target }.unless(copied).await
    })
}

/// Says how the tables that are missing would be made; the rest of what would be done is known once they are there. Gives
/// those tables.
async fn explain_missing(missing: &MissingTables, run: &mut CopyRun<'_>) -> Result<Vec<TableName>> {
    let (statements, missed) = missing.statements().await?;
    let mut made = Vec::new();
    for (table, statements) in statements {
        let lines: Vec<_> = statements.into_iter().map(|sql| ExplainLine::new("create", sql)).collect();
        run.reporter.explain(&table.to_string(), lines)?;
        made.push(table);
    }
    for missed in missed {
        made.push(missed.table.clone());
        run.missed(missed)?;
    }
    Ok(made)
}

fn job<S>(
    options: &Options,
    configured: &Configured,
    source: S,
    target: Endpoint,
    table: TableName,
) -> Result<TableJob<S>> {
    let settings = options.article.over(configured.settings(&table));
    let article = settings.article().map_err(|error| error.table(&table))?;
    let replacing = options.guard.copy_options(&settings, options.loading.load_options(&settings));
    let copy_options = match options.way {
        Way::Stream => CopyOptions {
            streams: options.streams.map_or(0, |streams| u32::try_from(streams).unwrap_or(u32::MAX)),
            ..options.apply.copy_options(&settings, replacing)
        },
        // Files are not compared, whatever the configuration says of the table.
        _ => CopyOptions { publish: options.apply.mode.publish.unwrap_or(replacing.publish), ..replacing },
    };
    let days = options.range.map(|range| {
        let date_column = options.date_column.as_deref().or_else(|| configured.date_column(&table));
        Days { window: range.whole(), date_column: date_column.map(str::to_owned) }
    });
    Ok(TableJob {
        tool: Args::NAME,
        source,
        target,
        table,
        article,
        days,
        options: copy_options,
        verify: options.loading.load.verify,
        planned: None,
    })
}

/// A run over tables, and what has failed of it.
pub struct CopyRun<'a> {
    pub options: &'a Options,
    pub reporter: &'a Reporter,
    failures: Vec<(String, Code)>,
}

/// A table that can be replaced.
pub struct PlannedTable<S> {
    pub job: TableJob<S>,
    pub plan: Arc<Plan>,
    pub parent: Parent,
}

impl<S> PlannedTable<S> {
    /// Is it another table, and the same one at the target?
    fn takes_the_target_of(&self, plan: &Plan) -> bool {
        self.plan.target == plan.target && self.plan.source != plan.source
    }
}

impl CopyRun<'_> {
    async fn all<S: Source + Clone + Send + 'static>(mut self, jobs: Vec<TableJob<S>>) -> Result<Code> {
        let planned = self.plan(jobs).await?;
        self.reporter.phase("PLAN");
        let count = planned.len() + self.failures.len();
        if self.options.explain {
            self.explain(&planned).await?;
            self.reporter.phase("PLAN");
            return Ok(self.verdict());
        }
        if self.options.loading.load.preflight {
            self.preflight(&planned).await?;
            self.reporter.phase("PREFLIGHT");
            if !self.failures.is_empty() {
                log::error!("nothing was written: see what failed");
                return Ok(self.verdict());
            }
        }
        let again = self.pass(planned, true).await?;
        if !again.is_empty() {
            let names =
                again.iter().map(|planned| planned.job.table.to_string()).collect::<Vec<_>>().join(", ");
            log::warn!(
                "{names}: once more, now that the tables that their foreign keys tie them to are replaced"
            );
            self.bring_what_is_new(&again).await;
            self.pass(again, false).await?;
        }
        self.reporter.phase("COPY");
        match self.failures.len() {
            0 => log::info!("{count} of {count} tables replaced"),
            failed => {
                let names = self.failures.iter().map(|(table, _)| table.to_string()).collect::<Vec<_>>();
                // That other runs hold tables is no problem.
                let overlap = self.failures.iter().all(|(_, code)| *code == Code::Busy);
                let level = if overlap { log::Level::Info } else { log::Level::Error };
                log::log!(
                    level,
                    "{} of {count} tables replaced; failed: {}",
                    count - failed,
                    names.join(", ")
                );
            }
        }
        let replaced = std::iter::repeat_n(Code::Ok, count - self.failures.len());
        Ok(Code::of_all(self.failures.iter().map(|(_, code)| *code).chain(replaced)))
    }

    /// Plans every table before any is touched, and tells of them in their order.
    async fn plan<S: Source + Clone + Send + 'static>(
        &mut self,
        jobs: Vec<TableJob<S>>,
    ) -> Result<Vec<PlannedTable<S>>> {
        // No load comes after an explanation: a session of its own for each worker would cost more than it saves.
        let workers = if self.options.explain { 1 } else { self.options.max_workers };
        let mut planned: Vec<PlannedTable<S>> = Vec::new();
        for LookedAtTable { job, result, took } in look_at(jobs, workers).await? {
            let allowed = |(plan, parent): (Plan, Parent)| {
                if self.options.explain {
                    Ok((plan, parent))
                } else {
                    plan.allowed().map(|()| (plan, parent))
                }
            };
            match result.and_then(allowed) {
                Ok((plan, _)) if planned.iter().any(|other| other.takes_the_target_of(&plan)) => {
                    return Err(
                        Error::usage("two tables of the source are one at the target").table(&plan.target)
                    );
                }
                Ok((plan, _)) if planned.iter().any(|other| other.plan.target == plan.target) => {
                    log::warn!("{}: named twice, replaced once", plan.target);
                }
                Ok((plan, parent)) => {
                    plan.warnings.iter().for_each(|warning| log::warn!("{}: {warning}", job.table));
                    let plan = Arc::new(plan);
                    let job = TableJob { planned: Some(plan.clone()), ..job };
                    planned.push(PlannedTable { job, plan, parent });
                }
                Err(error) => {
                    if !self.options.explain {
                        job.record_unbegun(&error).await;
                    }
                    let result = Err(job.named(error));
                    self.finish(FinishedTable { table: job.label(), result, took })?;
                }
            }
        }
        Ok(planned)
    }

    /// Says what would be done, and what would be refused.
    async fn explain<S: Source + Clone>(&mut self, planned: &[PlannedTable<S>]) -> Result<()> {
        let after = after(planned, &keys(planned.iter().map(|planned| &planned.parent)));
        let Some(PlannedTable { job: TableJob { source, target, .. }, .. }) = planned.first() else {
            return Ok(());
        };
        let mut asked = AskedSides::new(source.clone(), target.clone());
        for (PlannedTable { job, plan, .. }, after) in planned.iter().zip(after) {
            let mut lines = plan.explain();
            job.source.explain(plan, &mut lines);
            for place in after {
                let parent = &planned[place].job.table;
                lines.push(ExplainLine::new(
                    "after",
                    format!("{parent}, to which a foreign key that is checked points"),
                ));
            }
            let looked = asked.ask(|mut sides, _| async move {
                let looked = copy::look(&mut sides, plan).await;
                (sides, looked)
            });
            let looked = looked.await;
            let refused = match looked {
                Ok(findings) => {
                    lines.extend(findings.explain());
                    findings.refusal
                }
                // Without a connection there is nothing to be said of any table.
                Err(error) if error.kind() == Kind::Connect => return Err(error),
                Err(error) => {
                    let error = job.named(error);
                    lines.push(ExplainLine::failed(&error));
                    Some(error)
                }
            };
            self.reporter.explain(&job.table.to_string(), lines)?;
            let refused = plan.allowed().err().or(refused);
            self.failures.extend(refused.map(|error| (job.label(), error.exit_code())));
        }
        Ok(())
    }

    /// Looks at every table before any is touched. Where one would fail, the others are not replaced either.
    async fn preflight<S: Source + Clone + Send + 'static>(
        &mut self,
        planned: &[PlannedTable<S>],
    ) -> io::Result<()> {
        let jobs = planned.iter().map(|PlannedTable { job, plan, .. }| (job.clone(), plan.clone()));
        let jobs = jobs.map(|job| (schedule::ScheduledJob::default(), job)).collect::<Vec<_>>();
        let work = |(job, plan): (TableJob<S>, Arc<Plan>)| async move {
            let started = Instant::now();
            (copy::preflight(&job, &plan).await, started.elapsed())
        };
        let mut looked: Vec<_> = planned.iter().map(|_| None).collect();
        let done = |place: usize, found| looked[place] = Some(found);
        schedule::run(jobs, self.options.max_workers, work, done).await;
        let mut fine = Vec::new();
        for (PlannedTable { job, .. }, (found, took)) in planned.iter().zip(looked.into_iter().flatten()) {
            let table = job.label();
            match found {
                Ok(()) => {
                    let error = Error::data("not replaced, since another table would fail").table(&job.table);
                    fine.push(FinishedTable { table, result: Err(error), took });
                }
                Err(error) => self.finish(FinishedTable { table, result: Err(error), took })?,
            }
        }
        if self.failures.is_empty() {
            Ok(())
        } else {
            fine.into_iter().try_for_each(|fine| self.finish(fine))
        }
    }

    pub fn finish(&mut self, finished: FinishedTable) -> io::Result<()> {
        if let Err(error) = &finished.result {
            self.failures.push((finished.table.clone(), error.exit_code()));
        }
        self.reporter.ended(&finished.record(), &finished.result)
    }

    /// There is no table to write to.
    fn missed(&mut self, MissedTable { label: table, error, .. }: MissedTable) -> io::Result<()> {
        self.finish(FinishedTable { table, result: Err(error), took: Duration::ZERO })
    }

    /// Nothing was written.
    fn verdict(&self) -> Code {
        Code::of_all(self.failures.iter().map(|(_, code)| *code))
    }
}

/// A table that is done with.
pub struct FinishedTable {
    /// By both names where they differ.
    pub table: String,
    pub result: Result<LoadOutcome>,
    pub took: Duration,
}

impl FinishedTable {
    /// Rows of another table stand against it, or are missing.
    pub fn breaks_a_key(&self) -> bool {
        self.result.as_ref().is_err_and(|error| error.has_number(CONSTRAINT_CONFLICT))
    }

    fn record(&self) -> Record {
        let record = Record::new().with("table", RecordValue::Text(self.table.clone()));
        report::outcome(record, &self.result, self.took)
    }
}
