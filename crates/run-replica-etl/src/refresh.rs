//! One step: a table, or days of it, copied by the library.
use std::time::{Duration, Instant};

use replica_core::cli::Tool;
use replica_core::config::Endpoint;
use replica_core::copy::windows::{self, IndexScope, Prepared};
use replica_core::copy::{self, Effort, Job, Verify};
use replica_core::error::{Error, Kind, Result};
use replica_core::ledger::Wish;
use replica_core::load::Outcome;
use replica_core::plan::Request;
use replica_core::report::Progress;
use replica_core::retry::Backoff;
use replica_core::shape::Wishes;
use replica_core::signal::Stop;
use replica_core::window::{Range, Unit};

use crate::Args;
use crate::steps::{Part, Step};

/// What all steps have in common.
pub struct Sides {
    pub source: Endpoint,
    pub target: Endpoint,
    pub verify: Verify,
    pub progress: Progress,
}

/// A table, or a day of it, that is done with.
#[derive(Debug)]
pub struct Done {
    /// `None`: the table as a whole.
    pub window: Option<String>,
    pub result: Result<Outcome>,
    pub elapsed: Duration,
    pub effort: Effort,
}

/// A constraint does not hold (sys.messages).
const CONSTRAINT_CONFLICT: u32 = 547;

impl Done {
    /// Nothing was done.
    pub fn failed(error: Error) -> Self {
        Self { window: None, result: Err(error), elapsed: Duration::ZERO, effort: Effort::default() }
    }

    /// Rows of another table stand against it, or are missing.
    pub fn breaks_a_key(&self) -> bool {
        self.result.as_ref().is_err_and(|error| error.has_number(CONSTRAINT_CONFLICT))
    }

    /// A signal came first.
    pub fn is_stopped(&self) -> bool {
        let kind = self.result.as_ref().err().map(Error::kind);
        matches!(kind, Some(Kind::Interrupted | Kind::Terminated))
    }
}

/// Replaces what the step says. At a signal it leaves everything in order first.
pub async fn refresh(sides: &Sides, step: &Step, stop: &Stop) -> Vec<Done> {
    match &step.part {
        Part::Whole => vec![whole(sides, step, stop).await],
        Part::Days { range, column } => {
            let mut done = Vec::new();
            if let Err(error) = days(sides, step, (*range, column.clone()), stop, &mut done).await {
                done.push(Done::failed(error.table(&step.table)));
            }
            done
        }
    }
}

async fn whole(sides: &Sides, step: &Step, stop: &Stop) -> Done {
    let (started, mut effort) = (Instant::now(), Effort::default());
    let job = Job {
        tool: Args::NAME,
        source: sides.source.clone(),
        target: sides.target.clone(),
        table: step.table.clone(),
        days: None,
        request: request(step, Wishes::default()),
        verify: sides.verify,
    };
    let bar = sides.progress.bar(&step.table.to_string(), None);
    let mut rows = |so_far: replica_core::load::Progress| bar.set(so_far.rows);
    let result = stop.or(copy::table_with_effort(&job, &mut rows, &mut effort)).await;
    Done { window: None, result, elapsed: started.elapsed(), effort }
}

async fn days(
    sides: &Sides,
    step: &Step,
    (range, date_column): (Range, Option<String>),
    stop: &Stop,
    done: &mut Vec<Done>,
) -> Result<()> {
    // To build an index of the whole table anew costs more than to keep it up for some days.
    let wishes = Wishes { keep_indexes: true, ..Wishes::default() };
    let job = windows::Job {
        tool: Args::NAME,
        source: sides.source.clone(),
        target: sides.target.clone(),
        table: step.table.clone(),
        date_column,
        windows: range.windows(Unit::Day)?,
        request: request(step, wishes),
        verify: sides.verify,
        workers: step.workers,
        max_retries: Backoff::default().max_retries,
        wish: Wish::Replace,
        shared: false,
        index_scope: IndexScope::Run,
    };
    let prepared = stop.or(Prepared::new(&job)).await?;
    prepared.warnings().iter().for_each(|warning| log::warn!("{}: {warning}", step.table));
    let mut hear = |day: windows::Finished| {
        let effort = Effort { retries: day.retries, phases: day.phases };
        let window = Some(day.window.to_string());
        done.push(Done { window, result: day.result, elapsed: day.elapsed, effort });
    };
    let summary = windows::run(&job, prepared, stop, &sides.progress, &mut hear).await?;
    let wrong = summary.problems.into_iter().chain(summary.stopped);
    done.extend(wrong.map(|error| Done::failed(error.table(&step.table))));
    Ok(())
}

fn request(step: &Step, wishes: Wishes) -> Request {
    let settings = &step.settings;
    let wishes = Wishes { chunk_rows: settings.chunk_size, commit_rows: settings.commit_interval, ..wishes };
    Request {
        ignore_extra_columns: settings.ignore_extra_columns,
        allowance: settings.allowance(),
        wishes,
        ..Request::default()
    }
}
