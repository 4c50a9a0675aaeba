//! What runs, in which order: the steps, and what the target knows of their tables.

use replica_core::cli::Code;
use replica_core::error::{Error, Refusal, Result};
use replica_core::report::{Record, RecordValue, Reporter};
use replica_core::schedule::{self, ScheduledJob, keys, order};
use replica_core::session::Session;

use crate::steps::{Step, StepPart};
use crate::survey;

pub struct Agenda {
    pub steps: Vec<Step>,
    /// For each step what the schedule has to know.
    pub jobs: Vec<ScheduledJob>,
    /// What cannot run, and why.
    pub refused: Vec<(Step, Error)>,
}

impl Agenda {
    /// Reference tables before date-based ones, and parents before their children.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn new(target: &mut Session, steps: &[Step]) -> Result<Self> {
        let mut ready = Vec::new();
        let mut known = Vec::new();
        let mut refused = Vec::new();
        for (step, found) in steps.iter().zip(survey::survey(target, steps).await?) {
            match found {
                Ok(table) => {
                    ready.push(step.clone());
                    known.push(table);
                }
                Err(error) => refused.push((step.clone(), error)),
            }
        }
        let stages: Vec<_> = ready.iter().map(|step| usize::from(step.part != StepPart::Whole)).collect();
        let order = order(&stages, &keys(known.iter().map(|table| &table.parent)));
        for key in &order.ignored {
            let (child, parent) = (&ready[key.child].table, &ready[key.parent].table);
            log::warn!(
                "{child} does not wait for {parent}, to which its foreign key points: each would wait for the other"
            );
        }
        let jobs = ready.iter().zip(known).zip(order.after);
        let jobs =
            jobs.map(|((step, table), after)| ScheduledJob { after, weight: step.workers, size: table.rows });
        Ok(Self { jobs: jobs.collect(), steps: ready, refused })
    }

    /// The places of the steps in the order in which they would begin if they ran one by one: parents first.
    pub async fn in_order(&self) -> Vec<usize> {
        let mut places = Vec::new();
        let jobs = self.jobs.iter().cloned().zip(0..);
        schedule::run(jobs, 1, |place: usize| async move { place }, |_, place| places.push(place)).await;
        places
    }

    /// A line for each step, in the order in which they would begin if they ran one by one.
    ///
    /// # Errors
    /// Standard output's.
    pub async fn explain(self, reporter: &Reporter) -> Result<Code> {
        for place in self.in_order().await {
            let after = self.jobs[place].after.iter().map(|&before| self.steps[before].table.to_string());
            let after = after.collect::<Vec<_>>().join(", ");
            let what = what(&self.steps[place]);
            let after = if after.is_empty() {
                RecordValue::Missing
            } else {
                RecordValue::Text(format!("after {after}"))
            };
            let record = Record::new()
                .with("table", RecordValue::Text(self.steps[place].label()))
                .with("what", RecordValue::Text(what))
                .with("rows", RecordValue::Count(self.jobs[place].size))
                .with("after", after);
            reporter.result(&record.with_code(reporter.format(), None).in_order())?;
        }
        for (step, error) in &self.refused {
            let record = Record::new()
                .with("table", RecordValue::Text(step.table.to_string()))
                .with("what", RecordValue::Text(format!("refused: {error}")))
                .with("rows", RecordValue::Missing)
                .with("after", RecordValue::Missing);
            let code = error.refusal().map(Refusal::code);
            reporter.failed(&record.with_code(reporter.format(), code), error)?;
        }
        Ok(Code::of_all(self.refused.iter().map(|(_, error)| error.exit_code())))
    }
}

fn what(step: &Step) -> String {
    match &step.part {
        StepPart::Whole => "whole table".to_owned(),
        StepPart::Days { range, column: Some(column) } => format!("{} of {column}", range.whole()),
        StepPart::Days { range, column: None } => range.whole().to_string(),
    }
}
