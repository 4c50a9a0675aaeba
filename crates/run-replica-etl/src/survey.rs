//! What the target knows of the tables before the run: whether they are there, how large they are, and which foreign
//! keys tie them together.
use std::sync::Arc;

use replica_core::catalog::{self, Table};
use replica_core::copy::{self, AskedSides, ConnectedSource, LoadOptions, Plan, Sides, TableJob};
use replica_core::error::{Error, Kind, Result};
use replica_core::ledger::{self, RecordedVersion, TableVersion};
use replica_core::schedule::Parent;
use replica_core::session::Session;

use crate::refresh::{StepContext, copy_options, table_job};
use crate::steps::{Step, StepPart};

/// A table as the target has it.
#[derive(Clone, Debug)]
pub struct SurveyedTable {
    pub parent: Parent,
    /// The target's own estimate.
    pub rows: u64,
    /// What would be done with it as a whole. `None`: that is not all that there is to be done, or whoever copies it says why
    /// it cannot be.
    pub plan: Option<Arc<Plan>>,
}

/// Asks about each table, side by side on so many pairs of sessions; what is wrong with one of them is that one's.
///
/// # Errors
/// There is no connection, or it is lost again and again.
pub async fn survey(
    sides: &StepContext,
    steps: &[Step],
    workers: usize,
) -> Result<Vec<Result<SurveyedTable>>> {
    let servers = (&sides.source, &sides.target);
    let jobs = steps.iter().map(|step| (step.clone(), table_job(sides, step))).collect();
    let surveyed = copy::in_shares(servers, jobs, workers, survey_share).await?;
    let mut found: Vec<Result<SurveyedTable>> = Vec::with_capacity(steps.len());
    for (Step { table, .. }, surveyed) in steps.iter().zip(surveyed) {
        found.push(match surveyed {
            Ok(known) if found.iter().flatten().any(|other| other.parent.name == known.parent.name) => {
                Err(Error::usage(
                    "the configuration lists it twice, or another table that is the same at the target",
                )
                .table(table))
            }
            known => known,
        });
    }
    Ok(found)
}

async fn survey_share(
    mut asked: AskedSides,
    steps: Vec<(Step, TableJob)>,
) -> Result<Vec<Result<SurveyedTable>>> {
    let mut found = Vec::with_capacity(steps.len());
    for (place, (step, job)) in steps.iter().enumerate() {
        let left = &steps[place..];
        let surveyed = asked.ask(|mut sides, is_new| async move {
            let surveyed = async {
                if is_new {
                    look_ahead(&mut sides, left).await?;
                }
                survey_table(&mut sides, step, job).await
            };
            let surveyed = surveyed.await;
            (sides, surveyed)
        });
        let surveyed = surveyed.await;
        match surveyed {
            Err(error) if is_of_all(&error) => return Err(error.settled()),
            surveyed => found.push(surveyed.map_err(|error| error.table(&step.table))),
        }
    }
    asked.give_back().await;
    Ok(found)
}

/// It is about no one table.
fn is_of_all(error: &Error) -> bool {
    matches!(error.kind(), Kind::Connect | Kind::Io | Kind::Timeout | Kind::Protocol)
}

/// Of tables that are replaced as a whole the source is asked, too: a copy that was planned takes fewer round trips.
async fn look_ahead(sides: &mut Sides, steps: &[(Step, TableJob)]) -> Result<()> {
    let whole = steps.iter().filter(|(step, _)| step.part == StepPart::Whole);
    let at_source: Vec<_> = whole.map(|(step, _)| step.table.clone()).collect();
    let at_target: Vec<_> =
        steps.iter().map(|(step, _)| step.article.target_of(&step.table).clone()).collect();
    let (source, target) = tokio::join!(
        catalog::look_ahead(&mut sides.source, &at_source),
        catalog::look_ahead(&mut sides.target, &at_target)
    );
    source.and(target)
}

async fn survey_table(sides: &mut Sides, step: &Step, job: &TableJob) -> Result<SurveyedTable> {
    let Step { table, article, .. } = step;
    let at_source = async {
        let is_whole = step.part == StepPart::Whole;
        if is_whole { sides.source.table(table, article).await.map(Some) } else { Ok(None) }
    };
    let at_target = catalog::read_copy(&mut sides.target, table, article);
    let (at_source, at_target) = tokio::join!(at_source, at_target);
    let described = match at_target {
        Ok(described) => described,
        Err(error) if is_of_all(&error) => return Err(error),
        // A table that the source lacks, too, is not the target's to make.
        Err(error) => {
            return Err(match sides.source.table(table, article).await {
                Err(at_source) if at_source.kind() == Kind::Data => at_source,
                _ => error,
            });
        }
    };
    refused(&described, step)?;
    let plan = match at_source {
        Ok(None) => None,
        Ok(Some(source)) => match job.plan_on(&mut sides.target, (&source, &described)).await {
            Err(error) if is_of_all(&error) => return Err(error),
            plan => plan.ok().map(Arc::new),
        },
        Err(error) if is_of_all(&error) => return Err(error),
        Err(_) => None,
    };
    Ok(SurveyedTable {
        plan,
        rows: described.rows().unwrap_or_default(),
        parent: Parent::of(&described).unwrap_or_else(|| {
            log::warn!("{table}: its foreign keys are unknown, and with them what has to come after");
            Parent { name: described.object.name, children: Vec::new() }
        }),
    })
}

/// The versions on record of tables whose changes are carried over.
///
/// # Errors
/// The connection is lost.
pub async fn versions(
    target: &mut Session,
    steps: &[Step],
    tables: &[SurveyedTable],
) -> Result<Vec<Option<TableVersion>>> {
    let mut known = Vec::new();
    if steps.iter().any(|step| step.part == StepPart::Changes) {
        match recorded(target).await {
            Ok(recorded) => known = recorded,
            // Whoever carries them over says so, with the way out.
            Err(error) if error.server().is_some() && !error.is_transient() => {
                log::debug!("the versions on record are unknown: {error}");
            }
            Err(error) => return Err(error),
        }
    }
    let of = |(step, table): (&Step, &SurveyedTable)| {
        let is_its = |known: &&RecordedVersion| known.version.table == table.parent.name;
        let known = known.iter().find(is_its).filter(|_| step.part == StepPart::Changes)?;
        Some(known.version.clone())
    };
    Ok(steps.iter().zip(tables).map(of).collect())
}

async fn recorded(target: &mut Session) -> Result<Vec<RecordedVersion>> {
    if ledger::has_versions(target).await? { ledger::versions(target).await } else { Ok(Vec::new()) }
}

/// What keeps the table from being refreshed, so that no other table is touched before it is known.
fn refused(table: &Table, step: &Step) -> Result<()> {
    let options = copy_options(step, LoadOptions::default());
    let refusals = copy::refusals(table, matches!(step.part, StepPart::Days { .. }), options);
    refusals.into_iter().next().map_or(Ok(()), Err)
}
