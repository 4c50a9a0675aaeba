//! From options to an exit code: the day, the steps, the lock, the copies, and how it went.
use std::sync::Arc;
use std::time::Duration;

use replica_core::applock::{self, Mode};
use replica_core::cli;
use replica_core::config::Config;
use replica_core::error::{Error, Result};
use replica_core::exit::Code;
use replica_core::report::{self, Progress};
use replica_core::session::{Role, Session};

use crate::agenda::Agenda;
use crate::args::Options;
use crate::record::{Book, Run};
use crate::refresh::{Done, Sides, refresh};
use crate::schedule::{self, Job};
use crate::steps::{Step, Wishes, steps};
use crate::tally::Tally;

/// Two writers keep source and target busy; more contend on one server.
const DEFAULT_WORKERS: usize = 2;

/// Held in the target's database from the first table to the last: it keeps other hosts' runs off, too, and goes with
/// its session, however the run ends.
const LOCK: &str = "replica run";

pub fn run(options: &Options) -> Result<Code> {
    let progress = if options.quiet { Progress::hidden() } else { Progress::on_stderr() };
    report::init_from(&progress, if options.quiet { "warn" } else { "info" });
    let config = Config::load(options.config.as_deref())?;
    let day = options.asked.day(config.etl.time_zone.as_deref())?;
    let steps = steps(&config, day, &Wishes { only: &options.only, look_back: options.look_back })?;
    let workers = cli::workers(options.max_workers.or(config.etl.max_workers), DEFAULT_WORKERS)?;
    let sides = Arc::new(Sides {
        source: config.source()?.clone(),
        target: config.target()?.clone(),
        verify: cli::verify(config.etl.verify.as_deref()).map_err(|error| error.within("[etl]"))?,
        progress,
    });
    if options.explain {
        return cli::block_on(1, |stop| async move {
            let mut target = Session::connect(&sides.target, Role::Target).await?;
            let agenda = stop.or(Agenda::new(&mut target, &steps)).await?;
            agenda.explain(options.format).await
        });
    }
    let run = Run::begin(options.asked.name(), day);
    let mut tally = Tally::new(options, &config, Book::open(config.etl.record_dir.as_deref(), run)?);
    let all = All { sides, workers, tally: &mut tally };
    let result = cli::block_on(workers, |stop| async move { stop.or(all.run(&steps)).await });
    tally.end(result)
}

/// Everything that a run refreshes.
struct All<'a> {
    sides: Arc<Sides>,
    workers: usize,
    tally: &'a mut Tally,
}

impl All<'_> {
    async fn run(mut self, steps: &[Step]) -> Result<Code> {
        let mut target = Session::connect(&self.sides.target, Role::Target).await?;
        if !applock::take(&mut target, LOCK, Mode::Exclusive, Duration::ZERO).await? {
            return Err(Error::busy("another run of run-replica-etl is at work on this replica"));
        }
        let agenda = Agenda::new(&mut target, steps).await?;
        for (step, error) in agenda.refused {
            self.tally.add(&step, vec![Done::failed(error)])?;
        }
        let again = self.pass(&agenda.steps, &agenda.jobs, true).await?;
        if !again.is_empty() {
            let steps: Vec<Step> = again.iter().map(|&place| agenda.steps[place].clone()).collect();
            let names = steps.iter().map(|step| step.table.to_string()).collect::<Vec<_>>().join(", ");
            log::warn!(
                "{names}: once more, now that the tables that their foreign keys tie them to are refreshed"
            );
            self.pass(&steps, &vec![Job::default(); steps.len()], false).await?;
        }
        Ok(self.tally.verdict())
    }

    /// Runs every step. Those that break a foreign key come back while there is `another` pass to come: the rows at the
    /// key's other end may be replaced by then.
    async fn pass(&mut self, steps: &[Step], jobs: &[Job], another: bool) -> Result<Vec<usize>> {
        let (mut again, mut broken) = (Vec::new(), Ok(()));
        let work = |place: usize| {
            let (sides, step) = (self.sides.clone(), steps[place].clone());
            async move { refresh(&sides, &step).await }
        };
        let done = |place: usize, done: Vec<Done>| {
            if another && done.iter().any(Done::breaks_a_key) {
                again.push(place);
                return;
            }
            let added = self.tally.add(&steps[place], done);
            broken = std::mem::replace(&mut broken, Ok(())).and(added);
        };
        schedule::run(jobs, self.workers, work, done).await;
        broken.map(|()| again)
    }
}
