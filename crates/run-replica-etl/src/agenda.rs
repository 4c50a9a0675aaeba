//! What runs, in which order: the steps, and what the target knows of their tables.

use replica_core::error::{Error, Result};
use replica_core::ledger::TableVersion;
use replica_core::schedule::{self, ScheduledJob, TableReference, keys, order};
use replica_core::session::Session;

use crate::refresh::StepContext;
use crate::steps::{Step, StepPart};
use crate::survey;

pub struct Agenda {
    pub steps: Vec<Step>,
    /// The places of the steps that are one job: those whose changes are carried over are, any other is one by itself.
    pub jobs: Vec<Vec<usize>>,
    /// For each job what the schedule has to know.
    pub scheduled: Vec<ScheduledJob>,
    /// What cannot run, and why.
    pub refused: Vec<(Step, Error)>,
    /// For each step what the target has on record of it, if its changes are carried over.
    pub recorded: Vec<Option<TableVersion>>,
}

impl Agenda {
    /// Reference tables before date-based ones, and parents before their children.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn new(
        sides: &StepContext,
        target: &mut Session,
        steps: &[Step],
        workers: usize,
    ) -> Result<Self> {
        let mut ready = Vec::new();
        let mut known = Vec::new();
        let mut refused = Vec::new();
        for (step, found) in steps.iter().zip(survey::survey(sides, steps, workers).await?) {
            match found {
                Ok(table) => {
                    ready.push(Step { planned: table.plan.clone(), ..step.clone() });
                    known.push(table);
                }
                Err(error) => refused.push((step.clone(), error)),
            }
        }
        let jobs = jobs(&ready);
        let job_of = |place: usize| jobs.iter().position(|job| job.contains(&place)).unwrap_or_default();
        let stages: Vec<_> = jobs
            .iter()
            .map(|job| {
                usize::from(job.iter().any(|place| matches!(ready[*place].part, StepPart::Days { .. })))
            })
            .collect();
        let keys = keys(known.iter().map(|table| &table.parent)).into_iter();
        let keys = keys.map(|key| TableReference { child: job_of(key.child), parent: job_of(key.parent) });
        let order = order(&stages, &keys.collect::<Vec<_>>());
        for key in &order.ignored {
            let [child, parent] = [key.child, key.parent].map(|job| names(&ready, &jobs[job]));
            log::warn!(
                "{child} does not wait for {parent}, to which its foreign key points: each would wait for the other"
            );
        }
        let scheduled = jobs.iter().zip(order.after).map(|(job, after)| ScheduledJob {
            after,
            weight: job.iter().map(|place| ready[*place].workers).max().unwrap_or(1),
            size: job.iter().map(|place| known[*place].rows).sum(),
        });
        let scheduled = scheduled.collect();
        let recorded = survey::versions(target, &ready, &known).await?;
        Ok(Self { scheduled, jobs, steps: ready, refused, recorded })
    }

    /// The steps of a job.
    pub fn of(&self, job: &[usize]) -> Vec<Step> {
        job.iter().map(|place| self.steps[*place].clone()).collect()
    }

    /// The jobs in the order in which they would begin if they ran one by one: parents first.
    pub async fn in_sequence(&self) -> Vec<usize> {
        let mut places = Vec::new();
        let jobs = self.scheduled.iter().cloned().zip(0..);
        schedule::run(jobs, 1, |place: usize| async move { place }, |_, place| places.push(place)).await;
        places
    }

    /// The places of the steps in that order.
    pub async fn in_order(&self) -> Vec<usize> {
        self.in_sequence().await.into_iter().flat_map(|job| self.jobs[job].clone()).collect()
    }
}

/// Which steps are one job: tables whose changes are carried over are read from one moment of the source.
fn jobs(steps: &[Step]) -> Vec<Vec<usize>> {
    let mut jobs: Vec<Vec<usize>> = Vec::new();
    let mut carrying: Option<usize> = None;
    for (place, step) in steps.iter().enumerate() {
        match (&step.part, carrying) {
            (StepPart::Changes, Some(job)) => jobs[job].push(place),
            (part, _) => {
                carrying = carrying.or((*part == StepPart::Changes).then_some(jobs.len()));
                jobs.push(vec![place]);
            }
        }
    }
    jobs
}

/// The tables of a job, for people.
pub fn names(steps: &[Step], job: &[usize]) -> String {
    job.iter().map(|place| steps[*place].table.to_string()).collect::<Vec<_>>().join(", ")
}
