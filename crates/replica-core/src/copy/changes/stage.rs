//! A table's changes, on their way from the source's snapshot to the staging tables of the target's session.
use super::gone;
use crate::compare::Comparison;
use crate::config::Endpoint;
use crate::copy::difference::stage::staging;
use crate::copy::source::open;
use crate::error::Result;
use crate::load;
use crate::plan::ChangesPlan;
use crate::session::{Role, Session};

/// What was staged of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StagedChanges {
    /// Rows that are there.
    pub rows: u64,
    /// Keys that are not.
    pub gone: u64,
}

/// Makes the staging tables of a plan.
pub(super) async fn create(target: &mut Session, plan: &ChangesPlan) -> Result<()> {
    for sql in plan.difference()?.create() {
        target.execute(&sql).await.map_err(|error| error.within("making a table in tempdb"))?;
    }
    Ok(())
}

/// Reads what changed after a version, and stages it. Nothing is decoded.
///
/// # Errors
/// The servers'; lost connections.
pub(super) async fn tracked(
    source: &mut Session,
    target: &mut Session,
    plan: &ChangesPlan,
    since: i64,
) -> Result<StagedChanges> {
    let rows = rows(source, target, plan, since, None).await?;
    let keys = open(source, &plan.plan, plan.gone(since)).await?;
    let load = staging(plan.load_keys(keys.columns(), Role::Source)?, &plan.difference()?.staging.gone);
    let gone = load::stream(keys, target.lane()?, &load, &mut |_| {}).await?.fingerprint.rows;
    Ok(StagedChanges { rows, gone })
}

/// The same where rows have a version of their own; `keys`: rows that are gone are looked for.
///
/// # Errors
/// The servers'; lost connections.
pub(super) async fn by_row_version(
    (source, target): (&mut Session, &mut Session),
    endpoint: &Endpoint,
    plan: &ChangesPlan,
    (since, before): (i64, i64),
    keys: Option<&Comparison>,
) -> Result<StagedChanges> {
    let rows = rows(source, target, plan, since, Some(before)).await?;
    let gone = match keys {
        None => 0,
        Some(keys) => {
            let mut reader = Session::take(endpoint, Role::Target).await?;
            let gone = gone::stage(source, (&mut reader, target), plan, keys).await?;
            reader.give_back().await;
            gone
        }
    };
    Ok(StagedChanges { rows, gone })
}

/// Stages the rows that changed from a version on and, where it is told, before another.
///
/// # Errors
/// The servers'; lost connections.
pub(super) async fn rows(
    source: &mut Session,
    target: &mut Session,
    plan: &ChangesPlan,
    since: i64,
    before: Option<i64>,
) -> Result<u64> {
    let rows = open(source, &plan.plan, plan.rows(since, before)).await?;
    let load = staging(plan.plan.load(rows.columns())?, &plan.difference()?.staging.rows);
    Ok(load::stream(rows, target.lane()?, &load, &mut |_| {}).await?.fingerprint.rows)
}
