//! Tables whose changes are carried over: all of a run in one round, from one moment of the source.
use std::time::{Duration, Instant};

use replica_core::cli::Stop;
use replica_core::copy::LoadOptions;
use replica_core::copy::changes::{
    ChangesJob, Deletes, Keeper, KeeperRecord, KeptTable, OnReset, TableRound,
};
use replica_core::error::Error;

use crate::refresh::{FinishedPart, Refreshed, StepContext, copy_options};
use crate::steps::{PROGRAM, Step};

/// What a table's line says where another one has a day.
const PART: &str = "changes";

/// Carries over what changed since the round before, as `replicate-changes` does, of each step's table. Says how each has
/// ended, in their order.
pub async fn carry(sides: &StepContext, steps: &[Step], stop: &Stop) -> Vec<FinishedPart> {
    let begun = Instant::now();
    let job = ChangesJob {
        tool: PROGRAM,
        source: sides.source.clone(),
        target: sides.target.clone(),
        tables: steps.iter().map(kept).collect(),
        method: None,
        deletes: Deletes::EveryRun,
        on_reset: OnReset::Compare,
        // It is one of the streams of the run.
        workers: 1,
        on_record: KeeperRecord::Never,
    };
    let mut parts: Vec<Option<FinishedPart>> = vec![None; steps.len()];
    let mut tell = |round: TableRound| {
        parts[round.place] = Some(part(round.result.map(Refreshed::Carried), round.elapsed));
    };
    let ended = stop.or(Keeper::new(&job).round(&mut tell)).await;
    let why = ended.err().unwrap_or_else(|| Error::data("it was not looked at"));
    let missed = |step: &Step| part(Err(step.article.named(&step.table, why.clone())), begun.elapsed());
    steps.iter().zip(parts).map(|(step, part)| part.unwrap_or_else(|| missed(step))).collect()
}

fn kept(step: &Step) -> KeptTable {
    KeptTable {
        table: step.table.clone(),
        article: step.article.clone(),
        options: copy_options(step, LoadOptions::default()),
    }
}

fn part(result: replica_core::error::Result<Refreshed>, elapsed: Duration) -> FinishedPart {
    FinishedPart { window: Some(PART.to_owned()), elapsed, ..FinishedPart::of(result) }
}
