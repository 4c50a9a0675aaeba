//! Steps, each in a transaction of its own.
use std::time::{Duration, Instant};

use super::comparison::{SchemaComparison, Standing, compare};
use super::held::HeldTables;
use super::steps::{Permitted, Stage, schemas, steps};
use crate::catalog::TableName;
use crate::error::Result;
use crate::retry::Backoff;
use crate::schema::policy::Policy;
use crate::schema::statement::DdlStep;
use crate::session::Session;

/// How long readers and writers of a table may hold its DDL up, and it those behind it.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// A column is changed once a round, since what is left to do shows when it is read again.
const MOST_ROUNDS: usize = 4;

/// How a step went.
#[derive(Debug)]
pub struct DdlOutcome {
    /// As [`Standing::label`].
    pub table: String,
    /// What was to be done.
    pub step: DdlStep,
    /// How long it took, waits for locks included.
    pub took: Duration,
    /// Whether it was done. A step that failed has changed nothing.
    pub result: Result<()>,
}

/// Runs all that is permitted, stage by stage, and tells of each step. A table that another run holds is left alone, and
/// stands as an error of kind `Busy`.
///
/// # Errors
/// A lost connection. What the server refuses is told as a step, and the others go on.
pub async fn run(
    source: &mut Session,
    target: &mut Session,
    comparison: SchemaComparison,
    (policy, permitted): (&Policy, &Permitted),
    mut tell: impl FnMut(DdlOutcome) -> Result<()>,
) -> Result<SchemaComparison> {
    let names: Vec<TableName> = comparison.tables.iter().map(|(name, _)| name.clone()).collect();
    let stages = [Stage::Tables, Stage::AfterLoad, Stage::ForeignKeys];
    let is_due =
        |standing: &Standing| stages.iter().any(|stage| !steps(standing, permitted, *stage).is_empty());
    let Some(held) = HeldTables::of(target, &comparison, is_due).await? else { return Ok(comparison) };
    // What the run before has done meanwhile.
    let mut comparison = held.but_for_busy(compare(source, target, &names, policy).await?);
    let mut refused: Vec<(String, String)> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let mut done = 0;
        for stage in stages {
            for one in run_stage(target, &comparison, permitted, stage, &refused).await? {
                match &one.result {
                    Ok(()) => done += 1,
                    Err(_) => refused.push((one.table.clone(), one.step.what.clone())),
                }
                tell(one)?;
            }
        }
        if done == 0 {
            break;
        }
        comparison = held.but_for_busy(compare(source, target, &names, policy).await?);
    }
    held.release(target).await?;
    Ok(comparison)
}

/// Runs the steps of one stage, but for those that were refused before.
///
/// # Errors
/// A lost connection.
pub async fn run_stage(
    target: &mut Session,
    comparison: &SchemaComparison,
    permitted: &Permitted,
    stage: Stage,
    refused: &[(String, String)],
) -> Result<Vec<DdlOutcome>> {
    target.set_lock_timeout(LOCK_WAIT).await?;
    let mut all = Vec::new();
    if stage == Stage::Tables && permitted.create {
        for statement in schemas(comparison) {
            // Somebody may have made it meanwhile; a table tells whether it is there.
            if let Err(error) = run_step(target, &DdlStep::new("schema", vec![statement])).await? {
                log::warn!("{error}");
            }
        }
    }
    for (_, standing) in &comparison.tables {
        let Ok(standing) = standing else { continue };
        for step in steps(standing, permitted, stage) {
            let table = standing.label.clone();
            if refused.iter().any(|(of, what)| *of == table && (*what == step.what || what == "table")) {
                continue;
            }
            let begun = Instant::now();
            target.works_on(&table);
            let result = run_step(target, &step).await?.map_err(|error| error.table(&table));
            let is_table = result.is_err() && step.what == "table";
            all.push(DdlOutcome { table, step, took: begun.elapsed(), result });
            if is_table {
                break;
            }
        }
    }
    Ok(all)
}

/// Error 2714: there is an object of that name; 262, 2760, 1088: the login may not.
const THERE_IS_ONE: u32 = 2714;
const NOT_ALLOWED: [u32; 4] = [262, 2760, 1088, 229];

async fn run_step(target: &mut Session, step: &DdlStep) -> Result<Result<()>> {
    let mut retries = Backoff::default().retries();
    loop {
        let error = match transaction(target, step).await {
            Ok(()) => return Ok(Ok(())),
            Err(error) if error.server().is_none() => return Err(error),
            Err(error) => error,
        };
        if error.is_transient() && retries.another_after(&error).await {
            continue;
        }
        let error = error.within(&step.what);
        return Ok(Err(match () {
            () if error.has_number(THERE_IS_ONE) => error.remedy(
                "Names of constraints are unique in a schema: give the other object another name, or leave this one out",
            ),
            () if NOT_ALLOWED.iter().any(|number| error.has_number(*number)) => error.remedy(
                "The target's login needs CREATE TABLE in its database and ALTER on the schema (and CREATE SCHEMA for a new one)",
            ),
            () => error,
        }));
    }
}

async fn transaction(target: &mut Session, step: &DdlStep) -> Result<()> {
    target.lane()?.begin().await?;
    for statement in &step.statements {
        log::debug!("{}", statement.sql);
        if let Err(error) = target.execute_long(statement.sql.as_str()).await {
            target.lane()?.rollback().await?;
            return Err(error);
        }
    }
    target.lane()?.commit().await
}
