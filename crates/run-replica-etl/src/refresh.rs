//! One step: a table, or days of it, copied by the library.
use std::time::{Duration, Instant};

use replica_core::cli::Stop;
use replica_core::config::{Apply, Endpoint};
use replica_core::copy::{
    self, CopyOptions, Effort, LoadOptions, TableJob, UnbegunCopy, Verify,
    changes::AppliedChanges,
    windows::{self, IndexScope, PreparedWindows, WindowsJob},
};
use replica_core::error::numbers::CONSTRAINT_CONFLICT;
use replica_core::error::{Error, Kind, Result};
use replica_core::lane::LoadOutcome;
use replica_core::ledger::ResumeMode;
use replica_core::report::ProgressBars;
use replica_core::retry::Backoff;
use replica_core::window::{CutBy, Range, Unit};

use crate::carry::carry;
use crate::steps::{PROGRAM, Step, StepPart};

/// What all steps have in common.
pub struct StepContext {
    pub source: Endpoint,
    pub target: Endpoint,
    pub verify: Verify,
    pub progress: ProgressBars,
}

/// What was done to a table, or a day of it.
#[derive(Clone, Debug)]
pub enum Refreshed {
    /// Its rows are the source's, all of them.
    Loaded(LoadOutcome),
    /// The rows that changed are.
    Carried(AppliedChanges),
}

impl Refreshed {
    /// That were loaded, or written.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Loaded(outcome) => outcome.fingerprint.rows,
            Self::Carried(applied) => applied.written.all(),
        }
    }

    pub fn loaded(&self) -> Option<&LoadOutcome> {
        match self {
            Self::Loaded(outcome) => Some(outcome),
            Self::Carried(_) => None,
        }
    }

    pub fn carried(&self) -> Option<&AppliedChanges> {
        match self {
            Self::Loaded(_) => None,
            Self::Carried(applied) => Some(applied),
        }
    }
}

/// A table, or a day of it, that is done with.
#[derive(Clone, Debug)]
pub struct FinishedPart {
    /// `None`: the table as a whole.
    pub window: Option<String>,
    pub result: Result<Refreshed>,
    pub elapsed: Duration,
    pub effort: Effort,
}

impl FinishedPart {
    /// Of a table as a whole, in no time.
    pub fn of(result: Result<Refreshed>) -> Self {
        Self { window: None, result, elapsed: Duration::ZERO, effort: Effort::default() }
    }

    /// Nothing was done.
    pub fn failed(error: Error) -> Self {
        Self::of(Err(error))
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

/// Does the steps of one job.
pub async fn refresh_all(
    sides: &StepContext,
    steps: Vec<Step>,
    stop: &Stop,
) -> Vec<(Step, Vec<FinishedPart>)> {
    if let [step] = &steps[..] {
        let done = refresh(sides, step, stop).await;
        return steps.into_iter().map(|step| (step, done.clone())).collect();
    }
    let done = carry(sides, &steps, stop).await.into_iter().map(|part| vec![part]);
    steps.into_iter().zip(done).collect()
}

/// Replaces what the step says. At a signal it leaves everything in order first.
pub async fn refresh(sides: &StepContext, step: &Step, stop: &Stop) -> Vec<FinishedPart> {
    match &step.part {
        StepPart::Whole => vec![whole(sides, step, stop).await],
        StepPart::Changes => carry(sides, std::slice::from_ref(step), stop).await,
        StepPart::Days { range, column } => {
            let mut done = Vec::new();
            if let Err(error) = days(sides, step, (*range, column.clone()), stop, &mut done).await {
                record_unbegun(sides, step, &error).await;
                done.push(FinishedPart::failed(step.article.named(&step.table, error)));
            }
            done
        }
    }
}

/// Puts a step on record that could not begin.
pub async fn record_unbegun(sides: &StepContext, step: &Step, why: &Error) {
    let (source, target) = (Some(&sides.source), &sides.target);
    let unbegun = UnbegunCopy { tool: PROGRAM, source, target, table: &step.table, article: &step.article };
    unbegun.record(why).await;
}

async fn whole(sides: &StepContext, step: &Step, stop: &Stop) -> FinishedPart {
    let started = Instant::now();
    let mut effort = Effort::default();
    let job = table_job(sides, step);
    let bar = sides.progress.bar(&job.label(), None);
    let mut rows = |so_far: replica_core::lane::Progress| bar.loaded(so_far);
    let result = stop.or(copy::table_with_effort(&job, &mut rows, &mut effort)).await;
    FinishedPart { elapsed: started.elapsed(), effort, ..FinishedPart::of(result.map(Refreshed::Loaded)) }
}

/// The copy of a step's table as a whole.
pub fn table_job(sides: &StepContext, step: &Step) -> TableJob {
    TableJob {
        tool: PROGRAM,
        source: sides.source.clone(),
        target: sides.target.clone(),
        table: step.table.clone(),
        article: step.article.clone(),
        days: None,
        options: copy_options(step, LoadOptions::default()),
        verify: sides.verify,
        planned: step.planned.clone(),
    }
}

/// The copy of a step's days.
///
/// # Errors
/// Of kind `Usage`: no windows can be made of the days.
pub fn windows_job(
    sides: &StepContext,
    step: &Step,
    (range, date_column): (Range, Option<String>),
) -> Result<WindowsJob> {
    // To build an index of the whole table anew costs more than to keep it up for some days.
    let load = LoadOptions { keep_indexes: true, ..LoadOptions::default() };
    Ok(WindowsJob {
        tool: PROGRAM,
        source: sides.source.clone(),
        target: sides.target.clone(),
        table: step.table.clone(),
        article: step.article.clone(),
        cut_by: CutBy::Date(date_column),
        windows: range.windows(Unit::Day)?,
        estimated_rows: Vec::new(),
        on_record: None,
        options: copy_options(step, load),
        verify: sides.verify,
        workers: step.workers,
        max_retries: Backoff::default().max_retries,
        resume: ResumeMode::Replace,
        shared: false,
        index_scope: IndexScope::Run,
    })
}

async fn days(
    sides: &StepContext,
    step: &Step,
    days: (Range, Option<String>),
    stop: &Stop,
    done: &mut Vec<FinishedPart>,
) -> Result<()> {
    let job = windows_job(sides, step, days)?;
    let prepared = stop.or(PreparedWindows::new(&job)).await?;
    prepared.warnings().iter().for_each(|warning| log::warn!("{}: {warning}", step.table));
    let mut hear = |day: windows::FinishedWindow| {
        let effort = Effort { retries: day.retries, phases: day.phases, ..Effort::default() };
        let window = Some(day.window.to_string());
        let result = day.result.map(Refreshed::Loaded);
        done.push(FinishedPart { window, result, elapsed: day.elapsed, effort });
    };
    let summary = windows::run(&job, prepared, stop, &sides.progress, &mut hear).await?;
    let wrong = summary.problems.into_iter().chain(summary.stopped);
    done.extend(wrong.map(|error| FinishedPart::failed(step.article.named(&step.table, error))));
    Ok(())
}

/// How a step's table is copied.
pub fn copy_options(step: &Step, load: LoadOptions) -> CopyOptions {
    let settings = &step.settings;
    let load = LoadOptions { chunk_rows: settings.chunk_size, commit_rows: settings.commit_interval, ..load };
    CopyOptions {
        ignore_extra_columns: settings.ignore_extra_columns,
        allowance: settings.allowance(),
        apply: match step.part {
            StepPart::Changes => Apply::Difference,
            StepPart::Whole | StepPart::Days { .. } => settings.apply.unwrap_or_default(),
        },
        publish: settings.publish.unwrap_or_default(),
        keep_gone: step.keep_gone,
        load,
        ..CopyOptions::default()
    }
}
