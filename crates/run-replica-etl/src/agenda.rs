//! What runs, in which order: the steps, and what the target knows of their tables.

use replica_core::error::{Error, Result};
use replica_core::exit::Code;
use replica_core::order::{keys, order};
use replica_core::report::{self, Format, Record, Value};
use replica_core::schedule::{self, Job};
use replica_core::session::Session;

use crate::steps::{Part, Step};
use crate::survey;

pub struct Agenda {
    pub steps: Vec<Step>,
    /// For each step what the schedule has to know.
    pub jobs: Vec<Job>,
    /// What cannot run, and why.
    pub refused: Vec<(Step, Error)>,
}

impl Agenda {
    /// Reference tables before date-based ones, and parents before their children.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn new(target: &mut Session, steps: &[Step]) -> Result<Self> {
        let (mut ready, mut known, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (step, found) in steps.iter().zip(survey::survey(target, steps).await?) {
            match found {
                Ok(table) => {
                    ready.push(step.clone());
                    known.push(table);
                }
                Err(error) => refused.push((step.clone(), error)),
            }
        }
        let stages: Vec<_> = ready.iter().map(|step| usize::from(step.part != Part::Whole)).collect();
        let order = order(&stages, &keys(known.iter().map(|table| &table.parent)));
        for key in &order.ignored {
            let (child, parent) = (&ready[key.child].table, &ready[key.parent].table);
            log::warn!(
                "{child} does not wait for {parent}, to which its foreign key points: each would wait for the other"
            );
        }
        let jobs = ready.iter().zip(known).zip(order.after);
        let jobs = jobs.map(|((step, table), after)| Job { after, weight: step.workers, size: table.rows });
        Ok(Self { jobs: jobs.collect(), steps: ready, refused })
    }

    /// A line for each step, in the order in which they would begin if they ran one by one.
    ///
    /// # Errors
    /// Standard output's.
    pub async fn explain(self, format: Format) -> Result<Code> {
        let mut places = Vec::new();
        let jobs = self.jobs.iter().cloned().zip(0..);
        schedule::run(jobs, 1, |place: usize| async move { place }, |_, place| places.push(place)).await;
        for place in places {
            let after = self.jobs[place].after.iter().map(|&before| self.steps[before].table.to_string());
            let after = after.collect::<Vec<_>>().join(", ");
            let what = what(&self.steps[place]);
            let after = if after.is_empty() { Value::Missing } else { Value::Text(format!("after {after}")) };
            Record::new()
                .with("table", Value::Text(self.steps[place].table.to_string()))
                .with("what", Value::Text(what))
                .with("rows", Value::Count(self.jobs[place].size))
                .with("after", after)
                .write(format, report::stdout())?;
        }
        for (step, error) in &self.refused {
            log::error!("{error}");
            Record::new()
                .with("table", Value::Text(step.table.to_string()))
                .with("what", Value::Text(format!("refused: {error}")))
                .with("rows", Value::Missing)
                .with("after", Value::Missing)
                .write(format, report::stdout())?;
        }
        Ok(Code::of_all(self.refused.iter().map(|(_, error)| error.exit_code())))
    }
}

fn what(step: &Step) -> String {
    match &step.part {
        Part::Whole => "whole table".to_owned(),
        Part::Days { range, column: Some(column) } => format!("{} of {column}", range.whole()),
        Part::Days { range, column: None } => range.whole().to_string(),
    }
}
