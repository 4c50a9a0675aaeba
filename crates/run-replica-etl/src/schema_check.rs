//! The target's tables beside the source's, before any is copied: `schema` in `[etl]`.
use replica_core::catalog::TableName;
use replica_core::config::{Config, SchemaCheck};
use replica_core::error::Result;
use replica_core::schema::Policy;
use replica_core::schema::sync::{self, DdlOutcome, Likeness, Permitted};
use replica_core::session::{Role, Session};

use crate::refresh::StepContext;

/// Warns of differences, or mends those that can be mended without loss. What keeps it from that is in the log: the
/// copies say for themselves what they cannot do.
///
/// # Errors
/// Of kind `Usage`: `[schema]` contradicts itself.
pub async fn run(
    sides: &StepContext,
    config: &Config,
    check: SchemaCheck,
    tables: &[TableName],
) -> Result<()> {
    let policy = Policy::of(&config.schema)?;
    if let Err(error) = compare(sides, &policy, check, tables).await {
        log::warn!("the tables were not compared with the source's: {error}");
    }
    Ok(())
}

async fn compare(
    sides: &StepContext,
    policy: &Policy,
    check: SchemaCheck,
    tables: &[TableName],
) -> Result<()> {
    let mut source = Session::connect(&sides.source, Role::Source).await?;
    let mut target = Session::connect(&sides.target, Role::Target).await?;
    let mut comparison = sync::compare(&mut source, &mut target, tables, policy).await?;
    if check == SchemaCheck::Safe {
        let permitted = Permitted { safe: true, ..Permitted::default() };
        comparison = sync::run(&mut source, &mut target, comparison, (policy, &permitted), tell).await?;
    }
    for (table, standing) in &comparison.tables {
        match standing {
            Err(error) => log::warn!("{error}"),
            Ok(standing) if standing.likeness() == Likeness::Missing => {
                log::warn!("{table}: the target has no such table (sync-replica-schema {table} --create)");
            }
            Ok(standing) => {
                for one in &standing.deviations {
                    log::warn!(
                        "{table}: {} {}: {} (sync-replica-schema {table})",
                        one.element,
                        one.name,
                        one.what
                    );
                }
            }
        }
    }
    Ok(())
}

fn tell(done: DdlOutcome) -> Result<()> {
    match &done.result {
        Ok(()) => log::info!("{}: {} changed: {}", done.table, done.step.what, done.step.why),
        Err(error) => log::warn!("{error}"),
    }
    Ok(())
}
