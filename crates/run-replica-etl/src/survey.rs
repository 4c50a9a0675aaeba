//! What the target knows of the tables before the run: whether they are there, how large they are, and which foreign
//! keys tie them together.
use replica_core::catalog::{self, Table};
use replica_core::config::Endpoint;
use replica_core::copy::{self, ConnectedSource, LoadOptions};
use replica_core::error::{Error, Kind, Result};
use replica_core::ledger::{self, RecordedVersion, TableVersion};
use replica_core::schedule::Parent;
use replica_core::session::{Role, Session};

use crate::refresh::copy_options;
use crate::steps::{Step, StepPart};

/// A table as the target has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedTable {
    pub parent: Parent,
    /// The target's own estimate.
    pub rows: u64,
}

/// Asks the target about each table; what is wrong with one of them is that one's.
///
/// # Errors
/// The connection is lost.
pub async fn survey(
    source: &Endpoint,
    target: &mut Session,
    steps: &[Step],
) -> Result<Vec<Result<SurveyedTable>>> {
    let names: Vec<_> = steps.iter().map(|step| step.article.target_of(&step.table).clone()).collect();
    catalog::look_ahead(target, &names).await?;
    let mut asked = None;
    let mut found: Vec<Result<SurveyedTable>> = Vec::with_capacity(steps.len());
    for step @ Step { table, .. } in steps {
        let known = match catalog::read_copy(target, table, &step.article).await {
            Ok(described) => refused(&described, step).map(|()| SurveyedTable {
                rows: described.rows().unwrap_or_default(),
                parent: Parent::of(&described).unwrap_or_else(|| {
                    log::warn!("{table}: its foreign keys are unknown, and with them what has to come after");
                    Parent { name: described.object.name, children: Vec::new() }
                }),
            }),
            Err(error) if matches!(error.kind(), Kind::Io | Kind::Timeout | Kind::Protocol) => {
                return Err(error);
            }
            Err(error) => Err(worst(source, &mut asked, step, error).await.table(table)),
        };
        found.push(match known {
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

/// A table that the source lacks, too, is not the target's to make.
async fn worst(source: &Endpoint, asked: &mut Option<Session>, step: &Step, error: Error) -> Error {
    if asked.is_none() {
        *asked = Session::connect(source, Role::Source).await.ok();
    }
    let Some(session) = asked else { return error };
    match session.table(&step.table, &step.article).await {
        Err(at_source) if at_source.kind() == Kind::Data => at_source,
        _ => error,
    }
}

/// What keeps the table from being refreshed, so that no other table is touched before it is known.
fn refused(table: &Table, step: &Step) -> Result<()> {
    let options = copy_options(step, LoadOptions::default());
    let refusals = copy::refusals(table, matches!(step.part, StepPart::Days { .. }), options);
    refusals.into_iter().next().map_or(Ok(()), Err)
}
