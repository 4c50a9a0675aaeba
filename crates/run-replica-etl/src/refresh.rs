//! One step: a table, or days of it, copied by the library.
use std::time::{Duration, Instant};

use replica_core::config::Endpoint;
use replica_core::copy::{self, Job, Verify};
use replica_core::error::{Error, Result};
use replica_core::plan::Request;
use replica_core::report::Progress;
use replica_core::shape::Wishes;
use replica_core::tds::fingerprint::Fingerprint;

use crate::steps::{Part, Step};

/// A constraint does not hold (sys.messages).
const CONSTRAINT_CONFLICT: u32 = 547;

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
    /// `None`: the whole table.
    pub window: Option<String>,
    pub result: Result<Copied>,
    pub elapsed: Duration,
    pub retries: u32,
}

#[derive(Clone, Debug)]
pub struct Copied {
    pub fingerprint: Fingerprint,
    pub bytes: u64,
    pub phases: Vec<(&'static str, Duration)>,
}

/// Replaces what the step says.
pub async fn refresh(sides: &Sides, step: &Step) -> Vec<Done> {
    match &step.part {
        Part::Whole => vec![whole(sides, step).await],
        Part::Days { .. } => {
            vec![Done::failed(Error::usage("date windows: not in this version").table(&step.table))]
        }
    }
}

impl Done {
    /// Nothing was done.
    pub fn failed(error: Error) -> Self {
        Self { window: None, result: Err(error), elapsed: Duration::ZERO, retries: 0 }
    }

    /// Rows of another table stand against it, or are missing.
    pub fn breaks_a_key(&self) -> bool {
        self.result.as_ref().is_err_and(|error| error.has_number(CONSTRAINT_CONFLICT))
    }
}

async fn whole(sides: &Sides, step: &Step) -> Done {
    let started = Instant::now();
    let job = Job {
        source: sides.source.clone(),
        target: sides.target.clone(),
        table: step.table.clone(),
        days: None,
        request: request(step),
        verify: sides.verify,
    };
    let bar = sides.progress.bar(&step.table.to_string(), None);
    let result = copy::table(&job, &mut |so_far| bar.set(so_far.rows)).await;
    let result = result.map(|outcome| Copied {
        fingerprint: outcome.fingerprint,
        bytes: outcome.bytes,
        phases: Vec::new(),
    });
    Done { window: None, result, elapsed: started.elapsed(), retries: 0 }
}

fn request(step: &Step) -> Request {
    let wishes = Wishes { chunk_rows: step.settings.chunk_size, ..Wishes::default() };
    Request { ignore_extra_columns: step.settings.ignore_extra_columns, wishes, ..Request::default() }
}
