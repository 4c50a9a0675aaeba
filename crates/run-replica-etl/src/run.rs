//! From options to an exit code: the day, the steps, the lock, the copies, and how it went.
use std::sync::Arc;
use std::time::Duration;

use replica_core::catalog::{ListEntry, TableName};
use replica_core::cli::{self, Code, Configured, Stop};
use replica_core::config::Config;
use replica_core::copy::{UnbegunRun, Verify};
use replica_core::error::{Error, Result};
use replica_core::ledger::{PlainEnd, PlainRun, PlainRunOptions};
use replica_core::notify;
use replica_core::report::run_log::{RunHeader, RunLog};
use replica_core::report::{CONNECT, Reporter};
use replica_core::retry::Backoff;
use replica_core::schedule::{self, ScheduledJob};
use replica_core::session::{
    Role, Session,
    applock::{self, LockMode},
};
use time::Date;

use crate::agenda::Agenda;
use crate::args::Options;
use crate::explain::explain;
use crate::planned::streams;
use crate::refresh::{FinishedPart, StepContext, record_unbegun, refresh, refresh_all};
use crate::schema_check;
use crate::steps::{PROGRAM, Step, StepOptions, StepPart, listed, steps, written};
use crate::tally::Tally;

/// Held in the target's database from the first table to the last: it keeps other hosts' runs off, too, and goes with
/// its session, however the run ends.
const LOCK: &str = replica_core::status::ETL_LOCK;

/// How long a lock may outlive the connection that held it.
const LOST_LOCK: Duration = Duration::from_secs(10);

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    let day = options.asked.day(config.etl.time_zone.as_deref())?;
    let written = written(&config, &options.only)?;
    let workers = workers(options, &config)?;
    let sides = Arc::new(StepContext {
        source: config.source()?.clone(),
        target: config.target()?.clone(),
        verify: verify(&config)?,
        progress: reporter.progress().clone(),
    });
    let plan = EtlPlan { config: &config, written, day, options, workers };
    if options.explain {
        return cli::block_on(1, |stop| async move {
            let explained = async {
                let steps = plan.steps(&sides).await?.1;
                reporter.phase("NAMES");
                // No load comes after it: more sessions would cost more than they save.
                let (agenda, target) = begin(&sides, &steps, (false, 1), reporter).await?;
                target.give_back().await;
                let explained = explain(&sides, plan.config, agenda, reporter).await;
                reporter.phase("PLAN");
                explained
            };
            stop.or(explained).await
        });
    }
    notify::told(&config, PROGRAM, reporter, || {
        let run = RunHeader::begin(options.asked.name(), Some(day));
        let book = RunLog::open(config.etl.record_dir.as_deref(), run)?;
        let mut tally = Tally::new(options, &config, reporter.clone(), book)?;
        let result = cli::block_on(workers, |stop| {
            let all = All { sides, workers, stop, reporter, tally: &mut tally };
            async move { all.run(&plan).await }
        });
        tally.end(result)
    })
}

/// Streams at once.
fn workers(options: &Options, config: &Config) -> Result<usize> {
    options.max_workers.map_or_else(|| streams(config), Ok)
}

/// What is read back before each commit.
fn verify(config: &Config) -> Result<Verify> {
    let Some(verify) = &config.etl.verify else { return Ok(Verify::Nothing) };
    verify.parse().map_err(|error: Error| error.within(format!("[etl] verify = \"{verify}\"")))
}

/// What there is to do, as far as it is known without a server.
struct EtlPlan<'a> {
    config: &'a Config,
    written: Vec<ListEntry>,
    day: Date,
    options: &'a Options,
    workers: usize,
}

impl EtlPlan<'_> {
    /// The tables of the configuration, and the steps of this run.
    async fn steps(&self, sides: &StepContext) -> Result<(Vec<TableName>, Vec<Step>)> {
        let Self { config, written, day, options, workers } = self;
        let configured =
            Configured::ask_and_meet(config, written, Some(&sides.source), &sides.target).await?;
        let step_options = StepOptions {
            only: &options.only,
            look_back: options.look_back,
            allow_shrink: options.allow_shrink,
            changes: options.asked.carries_changes(),
        };
        let mut steps = steps(config, &configured, *day, &step_options)?;
        steps.iter_mut().for_each(|step| step.workers = step.workers.min(*workers));
        Ok((listed(&configured)?, steps))
    }
}

/// Everything that a run refreshes.
struct All<'a> {
    sides: Arc<StepContext>,
    workers: usize,
    stop: Stop,
    reporter: &'a Reporter,
    tally: &'a mut Tally,
}

impl All<'_> {
    async fn run(mut self, plan: &EtlPlan<'_>) -> Result<Code> {
        let stop = self.stop.clone();
        let sides = self.sides.clone();
        let unbegun = UnbegunRun { tool: PROGRAM, source: Some(&sides.source), target: &sides.target };
        let (listed, steps) = unbegun.unless(stop.or(plan.steps(&sides))).await?;
        self.reporter.phase("NAMES");
        self.tally.know(&listed);
        // Nothing is changed yet: a signal may end it anywhere. The lock is kept until the session goes.
        let begun = begin(&sides, &steps, (true, self.workers), self.reporter);
        let (agenda, mut locked) = unbegun.unless(stop.or(begun)).await?;
        let record = self.on_record(&mut locked).await?;
        self.reporter.phase("RECORD");
        let refreshed = self.refresh(plan, agenda).await;
        self.reporter.phase("COPY");
        if let Some(record) = record {
            let failed = self.tally.failure();
            let result = match (&refreshed, &failed) {
                (Err(error), _) | (Ok(_), Some(error)) => Err(error),
                (Ok(_), None) => Ok(self.tally.loaded()),
            };
            record
                .end(Some(&mut locked), PlainEnd { result, retries: self.tally.retries(), releases: false })
                .await;
            self.reporter.phase("RECORD");
        }
        refreshed
    }

    /// The run as a whole, for those who look; each table has a row of its own.
    async fn on_record(&self, locked: &mut Session) -> Result<Option<PlainRun>> {
        let source = self.sides.source.to_string();
        let options = PlainRunOptions { tool: PROGRAM, table: None, source: &source, alone: true };
        PlainRun::begin(locked, &self.sides.target, &options).await
    }

    async fn refresh(&mut self, plan: &EtlPlan<'_>, mut agenda: Agenda) -> Result<Code> {
        let stop = self.stop.clone();
        stop.or(schema_check::run(&self.sides, plan.config, &agenda.steps)).await?;
        self.reporter.phase("SCHEMA");
        for (step, error) in std::mem::take(&mut agenda.refused) {
            record_unbegun(&self.sides, &step, &error).await;
            self.tally.add(&step, vec![FinishedPart::failed(error)])?;
        }
        let jobs = agenda.scheduled.iter().cloned().zip(agenda.jobs.iter().map(|job| agenda.of(job)));
        let again = self.pass(jobs.collect(), true).await?;
        if !again.is_empty() {
            let in_order = agenda.in_order().await.into_iter().map(|place| &agenda.steps[place]);
            let mut steps: Vec<Step> = in_order.filter(|step| again.contains(&step.table)).cloned().collect();
            let names = steps.iter().map(|step| step.table.to_string()).collect::<Vec<_>>().join(", ");
            log::warn!(
                "{names}: once more, now that the tables that their foreign keys tie them to are refreshed"
            );
            let differ = steps.iter().any(Step::may_differ);
            if differ {
                self.bring_what_is_new(&steps).await?;
                // Children first, one after the other.
                steps.reverse();
            }
            let carried: Vec<Step> = steps.extract_if(.., |step| step.part == StepPart::Changes).collect();
            let mut jobs: Vec<Vec<Step>> = steps.into_iter().map(|step| vec![step]).collect();
            let others = jobs.len();
            jobs.extend(Some(carried).filter(|carried| !carried.is_empty()));
            let scheduled = (0..jobs.len()).map(|place: usize| {
                let after = if differ { place.checked_sub(1).into_iter().collect() } else { Vec::new() };
                // Their foreign keys may be tied to any of the others.
                let after = if place == others { (0..others).collect() } else { after };
                ScheduledJob { after, ..ScheduledJob::default() }
            });
            self.pass(scheduled.zip(jobs).collect(), false).await?;
        }
        Ok(self.tally.verdict())
    }

    /// New and changed rows of tables that are written by their differences, parents first: so that rows can go in the
    /// pass that follows, children first. What fails here fails there, too.
    async fn bring_what_is_new(&self, steps: &[Step]) -> Result<()> {
        for step in steps.iter().filter(|step| step.may_differ()) {
            let step = Step { keep_gone: true, planned: None, ..step.clone() };
            let done = refresh(&self.sides, &step, &self.stop).await;
            if done.iter().any(FinishedPart::is_stopped) {
                return Err(self.stop.requested().await.error());
            }
        }
        Ok(())
    }

    /// Runs every step, until the last or the first signal. Those that break a foreign key come back while there is `another` pass to come: the rows at the
    /// key's other end may be replaced by then.
    async fn pass(&mut self, jobs: Vec<(ScheduledJob, Vec<Step>)>, another: bool) -> Result<Vec<TableName>> {
        let mut again = Vec::new();
        let mut broken = Ok(());
        let work = |steps: Vec<Step>| {
            let (sides, stop) = (self.sides.clone(), self.stop.clone());
            async move { refresh_all(&sides, steps, &stop).await }
        };
        let mut stopped = false;
        let done = |_, done: Vec<(Step, Vec<FinishedPart>)>| {
            for (step, done) in done {
                stopped |= done.iter().any(FinishedPart::is_stopped);
                if another && done.iter().any(FinishedPart::breaks_a_key) {
                    again.push(step.table);
                    continue;
                }
                let added = self.tally.add(&step, done);
                broken = std::mem::replace(&mut broken, Ok(())).and(added);
            }
        };
        schedule::run(jobs, self.workers, work, done).await;
        if stopped {
            return Err(self.stop.requested().await.error());
        }
        broken.map(|()| again)
    }
}

/// Keeps other runs off if it is `alone`, and looks at the tables.
async fn begin(
    sides: &StepContext,
    steps: &[Step],
    (alone, workers): (bool, usize),
    reporter: &Reporter,
) -> Result<(Agenda, Session)> {
    let mut retries = Backoff::default().retries();
    loop {
        // The server may not have noticed yet that the connection before this one is gone, and its lock with it.
        let wait = if retries.used() == 0 { Duration::ZERO } else { LOST_LOCK };
        let begun = async {
            let mut target = Session::take(&sides.target, Role::Target).await?;
            reporter.phase(CONNECT);
            if alone && !applock::take(&mut target, LOCK, LockMode::Exclusive, wait).await? {
                let busy = "another run of run-replica-etl is at work on this replica";
                return Err(applock::held_by_others(&mut target, LOCK, busy).await);
            }
            reporter.phase("WAIT");
            let agenda = Agenda::new(sides, &mut target, steps, workers).await?;
            reporter.phase("PLAN");
            Ok((agenda, target))
        };
        if let Some(settled) = retries.settled(begun.await).await {
            return settled;
        }
    }
}
