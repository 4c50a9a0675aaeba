//! The target's tables beside the source's, before any is copied: `schema` in `[etl]`.
use replica_core::catalog::TableName;
use replica_core::config::{Config, SchemaCheck};
use replica_core::error::Result;
use replica_core::schema::Policy;
use replica_core::schema::drift::Severity;
use replica_core::schema::sync::{self, DdlOutcome, Likeness, Permitted, Standing};
use replica_core::session::{Role, Session};

use crate::refresh::StepContext;
use crate::steps::Step;

/// Warns of differences, or mends those that can be mended without loss. What keeps it from that is in the log: the
/// copies say for themselves what they cannot do.
///
/// # Errors
/// Of kind `Usage`: `[schema]` contradicts itself.
pub async fn run(sides: &StepContext, config: &Config, steps: &[Step]) -> Result<()> {
    let policy = Policy::of(&config.schema)?;
    let check = config.etl.schema;
    if check == SchemaCheck::None || steps.is_empty() {
        return Ok(());
    }
    let articles = steps.iter().map(|step| (step.table.clone(), step.article.clone()));
    let policy = policy.with_articles(articles.collect());
    let tables: Vec<TableName> = steps.iter().map(|step| step.table.clone()).collect();
    if let Err(error) = compare(sides, &policy, check, &tables).await {
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
    let (mut unknown, mut first) = (0, None);
    for (table, standing) in &comparison.tables {
        match standing {
            Ok(standing) => warn(table, standing),
            Err(error) => {
                unknown += 1;
                first.get_or_insert(error);
            }
        }
    }
    // Most often a right that the login lacks, and so of all tables alike: one line is enough for each night.
    if let Some(error) = first {
        log::warn!("{unknown} of {} tables were not compared with the source's: {error}", tables.len());
    }
    Ok(())
}

fn warn(table: &TableName, standing: &Standing) {
    let label = &standing.label;
    if standing.likeness() == Likeness::Missing {
        log::warn!("{label}: the target has no such table (sync-replica-schema {table} --create)");
    }
    for one in &standing.deviations {
        // What the target takes beyond the source's keeps no row out.
        let level = if one.severity == Severity::Wider { log::Level::Info } else { log::Level::Warn };
        log::log!(level, "{label}: {} {}: {} (sync-replica-schema {table})", one.element, one.name, one.what);
    }
}

fn tell(done: DdlOutcome) -> Result<()> {
    match &done.result {
        Ok(()) => log::info!("{}: {} changed: {}", done.table, done.step.what, done.step.why),
        Err(error) => log::warn!("{error}"),
    }
    Ok(())
}
