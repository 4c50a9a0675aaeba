//! From options to an exit code: look at every table, then replace them, then say how it went.
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use replica_core::catalog::TableName;
use replica_core::cli::{self, Code, Configured, List, Tool};
use replica_core::config::{Config, Endpoint};
use replica_core::copy::{
    self, AskedSides, CopyOptions, Days, Findings, Plan, Source, TableJob, UnbegunCopy, UnbegunRun,
};
use replica_core::error::numbers::CONSTRAINT_CONFLICT;
use replica_core::error::{Error, Kind, Result};
use replica_core::lane::LoadOutcome;
use replica_core::notify;
use replica_core::report::{self, ExplainLine, ProgressBars, Record, RecordValue, Reporter};
use replica_core::retry::Backoff;
use replica_core::schedule::{self, Parent, TableReference, keys, order};
use replica_core::schema::{MissedTable, MissingTables};
use replica_parquet::{Folder, FromParquet, ThroughParquet};

use crate::Args;
use crate::args::{Options, Way};
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
            let configured = Configured::ask(config, &written.entries, source.endpoint(), &target).await?;
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

struct CopyRun<'a> {
    options: &'a Options,
    reporter: &'a Reporter,
    failures: Vec<(String, Code)>,
}

/// A table that can be replaced.
struct PlannedTable<S> {
    job: TableJob<S>,
    plan: Arc<Plan>,
    parent: Parent,
}

impl<S> PlannedTable<S> {
    /// Is it another table, and the same one at the target?
    fn takes_the_target_of(&self, plan: &Plan) -> bool {
        self.plan.target == plan.target && self.plan.source != plan.source
    }
}

/// For each table those that come before it: what checks foreign keys wants the rows that they point at.
fn after<S>(planned: &[PlannedTable<S>], keys: &[TableReference]) -> Vec<Vec<usize>> {
    let checked = keys.iter().filter(|key| planned[key.child].plan.strategy.check_constraints);
    let order = order(&vec![0; planned.len()], &checked.copied().collect::<Vec<_>>());
    for key in &order.ignored {
        let (child, parent) = (&planned[key.child].plan.target, &planned[key.parent].plan.target);
        log::warn!(
            "{child} does not wait for {parent}, to which its foreign key points: each would wait for the other"
        );
    }
    order.after
}

/// As [`after`], and where rows are deleted that are gone at the source, a table waits for those that point at it: no row
/// of theirs may stand against it.
fn after_deletes<S>(planned: &[PlannedTable<S>], keys: &[TableReference]) -> Vec<Vec<usize>> {
    if planned.iter().all(|planned| planned.plan.difference.is_none()) {
        return after(planned, keys);
    }
    let turned = |key: &TableReference| TableReference { child: key.parent, parent: key.child };
    order(&vec![0; planned.len()], &keys.iter().map(turned).collect::<Vec<_>>()).after
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

    /// Replaces every table. Those that break a foreign key to or from another one of the run come back while there is
    /// `another` pass to come: the rows at the key's other end may be replaced by then.
    async fn pass<S: Source + Clone + Send + 'static>(
        &mut self,
        planned: Vec<PlannedTable<S>>,
        another: bool,
    ) -> io::Result<Vec<PlannedTable<S>>> {
        let keys = keys(planned.iter().map(|planned| &planned.parent));
        let after = if another { after(&planned, &keys) } else { after_deletes(&planned, &keys) };
        let jobs: Vec<_> = planned
            .iter()
            .zip(after)
            .map(|(planned, after)| {
                let size = planned.plan.source_rows.unwrap_or(u64::MAX);
                (
                    schedule::ScheduledJob { after, weight: 1, size },
                    (planned.job.clone(), planned.plan.source_rows),
                )
            })
            .collect();
        let is_tied = |place: usize| {
            keys.iter().any(|key| key.child != key.parent && (key.child == place || key.parent == place))
        };
        let progress = self.reporter.progress().clone();
        let workers = self.options.max_workers;
        let work = move |(job, rows): (TableJob<S>, Option<u64>)| replace(job, rows, progress.clone());
        let mut again = vec![false; planned.len()];
        let mut broken = Ok(());
        let done = |place: usize, finished: FinishedTable| {
            if another && is_tied(place) && finished.breaks_a_key() {
                again[place] = true;
                return;
            }
            let written = self.finish(finished);
            broken = std::mem::replace(&mut broken, Ok(())).and(written);
        };
        schedule::run(jobs, workers, work, done).await;
        broken?;
        Ok(planned.into_iter().zip(again).filter(|(_, again)| *again).map(|(planned, _)| planned).collect())
    }

    /// New and changed rows of tables that are written by their differences, parents first: so that rows can go in the
    /// pass that follows, children first. What fails here fails there, too.
    async fn bring_what_is_new<S: Source + Clone + Send + 'static>(&self, planned: &[PlannedTable<S>]) {
        let after = after(planned, &keys(planned.iter().map(|planned| &planned.parent)));
        let jobs = planned.iter().zip(after).map(|(planned, after)| {
            let mut job = planned.job.clone();
            job.options.keep_gone = true;
            let job = planned.plan.difference.is_some().then_some(job);
            (schedule::ScheduledJob { after, ..schedule::ScheduledJob::default() }, job)
        });
        let work = |job: Option<TableJob<S>>| async move {
            match job {
                Some(job) => copy::table(&job, &mut |_| {}).await.map(drop),
                None => Ok(()),
            }
        };
        let done = |place: usize, brought: Result<()>| {
            if let Err(error) = brought {
                log::debug!("{}: {error}", planned[place].job.table);
            }
        };
        schedule::run(jobs.collect::<Vec<_>>(), 1, work, done).await;
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
            let looked = look(&mut asked, plan).await;
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

    fn finish(&mut self, finished: FinishedTable) -> io::Result<()> {
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

/// What a plan would destroy.
async fn look<S: Source>(asked: &mut AskedSides<S>, plan: &Plan) -> Result<Findings> {
    let mut retries = Backoff::default().retries();
    loop {
        let looked = async {
            let (mut sides, _) = asked.take().await?;
            let looked = copy::look(&mut sides, plan).await;
            asked.keep(sides, &looked);
            looked
        };
        if let Some(settled) = retries.settled(looked.await).await {
            return settled;
        }
    }
}

async fn replace<S: Source>(job: TableJob<S>, rows: Option<u64>, progress: ProgressBars) -> FinishedTable {
    let started = Instant::now();
    let bar = progress.bar(&job.table.to_string(), rows);
    let result = copy::table(&job, &mut |so_far| bar.loaded(so_far)).await;
    FinishedTable { table: job.label(), result, took: started.elapsed() }
}

/// A table that is done with.
struct FinishedTable {
    /// By both names where they differ.
    table: String,
    result: Result<LoadOutcome>,
    took: Duration,
}

impl FinishedTable {
    /// Rows of another table stand against it, or are missing.
    fn breaks_a_key(&self) -> bool {
        self.result.as_ref().is_err_and(|error| error.has_number(CONSTRAINT_CONFLICT))
    }

    fn record(&self) -> Record {
        let record = Record::new().with("table", RecordValue::Text(self.table.clone()));
        report::outcome(record, &self.result, self.took)
    }
}
