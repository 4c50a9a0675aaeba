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
    let safe = config.etl.schema == SchemaCheck::Safe;
    let permitted = safe.then(|| Permitted { safe, ..Permitted::default() });
    for (table, standing) in standings(sides, config, steps, permitted).await? {
        warn(&table, &standing);
    }
    Ok(())
}

/// What a run would warn of, or mend, one sentence for each table that differs. Changes nothing.
///
/// # Errors
/// As [`run`].
pub async fn explain(sides: &StepContext, config: &Config, steps: &[Step]) -> Result<Vec<(String, String)>> {
    let standings = standings(sides, config, steps, None).await?;
    let mends = match config.etl.schema {
        SchemaCheck::Safe => "; the run mends first what can be mended without loss",
        SchemaCheck::None | SchemaCheck::Report => "",
    };
    let told = |(table, standing): (TableName, Standing)| {
        let deviations = standing.deviations.iter().filter(|one| one.severity != Severity::Wider);
        let deviations: Vec<_> =
            deviations.map(|one| format!("{} {}: {}", one.element, one.name, one.what)).collect();
        let what = format!("differs: {} (sync-replica-schema {table}){mends}", deviations.join("; "));
        (!deviations.is_empty()).then_some((standing.label, what))
    };
    Ok(standings.into_iter().filter_map(told).collect())
}

/// How the tables stand beside the source's, after what is `permitted` was done. What is not known of one is in the log.
async fn standings(
    sides: &StepContext,
    config: &Config,
    steps: &[Step],
    permitted: Option<Permitted>,
) -> Result<Vec<(TableName, Standing)>> {
    let policy = Policy::of(&config.schema)?;
    if config.etl.schema == SchemaCheck::None || steps.is_empty() {
        return Ok(Vec::new());
    }
    let articles = steps.iter().map(|step| (step.table.clone(), step.article.clone()));
    let policy = policy.with_articles(articles.collect());
    let tables: Vec<TableName> = steps.iter().map(|step| step.table.clone()).collect();
    Ok(compare(sides, &policy, permitted, &tables).await.unwrap_or_else(|error| {
        log::warn!("the tables were not compared with the source's: {error}");
        Vec::new()
    }))
}

async fn compare(
    sides: &StepContext,
    policy: &Policy,
    permitted: Option<Permitted>,
    tables: &[TableName],
) -> Result<Vec<(TableName, Standing)>> {
    let mut source = Session::take(&sides.source, Role::Source).await?;
    let mut target = Session::take(&sides.target, Role::Target).await?;
    let mut comparison = sync::compare(&mut source, &mut target, tables, policy).await?;
    if let Some(permitted) = permitted {
        comparison = sync::run(&mut source, &mut target, comparison, (policy, &permitted), tell).await?;
    }
    tokio::join!(source.give_back(), target.give_back());
    let (mut unknown, mut first, mut known) = (0, None, Vec::new());
    for (table, standing) in comparison.tables {
        match standing {
            Ok(standing) => known.push((table, standing)),
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
    Ok(known)
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
