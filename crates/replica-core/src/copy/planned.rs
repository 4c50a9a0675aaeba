//! A table that was planned, replaced in few round trips.
//!
//! A plan may be hours old when it is carried out, and what it rests on has to hold then. So the catalogs are asked again, in
//! requests that are sent anyway: the target's in that of the application lock, the source's in that of the SELECT, which goes
//! out as it was planned. What is carried out is a plan of what both have just said: the old one where that is what they said
//! then, byte by byte, as a rule. If it reads other rows than were asked for, or has anything to ask first, these rows are given
//! up, and the table goes the long way.
//!
//! That is done rather than comparing `modify_date`, which is promised to move with ALTER of the object and with its indexes alone
//! (Microsoft docs, "sys.objects"): triggers, security policies, permissions, rows and what points at a table are other objects.
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::guard;
use super::job::{TableJob, table_lock_of};
use super::proof::Verify;
use super::record::LoadRecord;
use super::replace::{Attempted, Checks, finish, load};
use super::sides::Sides;
use super::source::{ConnectedSource, Source};
use crate::catalog::{self, CatalogAnswer};
use crate::config::{Apply, Publish};
use crate::error::Result;
use crate::ledger;
use crate::load::Progress;
use crate::plan::{Plan, Publishing};
use crate::read::{SmallResult, SmallResults};
use crate::report::{CATALOG, Timing};
use crate::rows::RowSource as _;
use crate::session::Session;
use crate::session::applock::{self, LockMode};
use crate::tds::rpc::{Param, Query};

/// Whether a job is carried out by the statements of this plan alone: nothing else has to be asked on the way.
pub(super) fn is_plain<S>(job: &TableJob<S>, plan: &Plan) -> bool {
    let options = &job.options;
    plan.told_at_once
        && options.apply == Apply::Replace
        && matches!(options.publish, Publish::Auto | Publish::Direct)
        && job.days.is_none()
        && job.verify != Verify::Source
        && is_direct(plan)
}

fn is_direct(plan: &Plan) -> bool {
    plan.difference.is_none()
        && plan.streams.is_none()
        && matches!(plan.publishing, Publishing::Direct)
        && guard::look_at_plan(plan).is_some()
}

/// More than the step in which a server's clock goes on: how long that is depends on hardware and Windows (Microsoft docs,
/// "SYSUTCDATETIME").
const CLOCK: Duration = Duration::from_millis(50);

/// Replaces the table. `None`: nothing is changed, and it has to go the long way.
///
/// # Errors
/// What the long way would come to as well; a lost connection.
pub(super) async fn replace<S: Source>(
    job: &TableJob<S>,
    planned: &Arc<Plan>,
    sides: &mut Sides<S::Connected>,
    (record, timing): (&mut LoadRecord, &mut Timing),
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Option<Attempted>> {
    let Sides { source: reader, target: session } = sides;
    // Both to the end: a request that is cut off would take its connection with it.
    let asked = Instant::now();
    let (opened, held) = tokio::join!(reader.rows_and_catalog(&job.table, &job.article, planned), async {
        let held = hold(job, planned, session, record).await;
        (held, asked.elapsed())
    });
    let (held, took) = (held.0?, held.1);
    let (rows, at_source, held) = match (opened?, held) {
        (Some((rows, at_source)), Some(held)) => (rows, at_source, held),
        (Some((rows, _)), None) => {
            rows.cancel().await?;
            return Ok(None);
        }
        (None, _) => return Ok(None),
    };
    let (rows, at_source) = if held.quiet > took + CLOCK {
        (rows, at_source)
    } else {
        // Another load may have read the source after us, and committed before we held the table: its rows are newer. Of what
        // is read while the table is held nobody commits newer rows.
        log::debug!("{}: is read again, since others may have written it meanwhile", job.table);
        rows.cancel().await?;
        let again = reader.rows_and_catalog(&job.table, &job.article, planned).await?;
        let Some(opened) = again else { return Ok(None) };
        opened
    };
    let HeldTarget { catalog: at_target, is_on_record, .. } = held;
    timing.phase(CATALOG);
    let looked = match by_now(job, planned, &at_source, (session, &at_target)).await? {
        Some(plan) => guard::look_at_plan(&plan).map(|looked| (plan, looked)),
        None => None,
    };
    let Some((plan, (findings, held))) = looked else {
        rows.cancel().await?;
        return Ok(None);
    };
    job.tell(&plan);
    plan.allowed()?;
    let on_record = job.replaced(&plan);
    let checks = Checks { verify: job.verify, replaced: is_on_record.then_some(&on_record) };
    let replaced = async {
        for warning in findings.warnings()? {
            log::warn!("{}: {warning}", job.table);
        }
        timing.phase("PREPARE");
        let progress = &mut record.counted(progress);
        let outcome = load(rows, session, (&plan, &held), timing, progress).await?;
        finish(session, &plan, outcome, (checks, record), timing).await?;
        Ok(outcome)
    };
    let replaced = replaced.await;
    Ok(Some(Attempted { tables: None, plan, options: job.options, replaced, written: None }))
}

/// The plan of what both catalogs have just told. `None`: it wants other rows, or more than is told.
async fn by_now<S>(
    job: &TableJob<S>,
    planned: &Arc<Plan>,
    at_source: &CatalogAnswer,
    (session, at_target): (&mut Session, &CatalogAnswer),
) -> Result<Option<Arc<Plan>>> {
    if planned.catalogs == Some((at_source.fingerprint(), at_target.fingerprint())) {
        return Ok(Some(planned.clone()));
    }
    let Some(source) = catalog::told_of(at_source)? else { return Ok(None) };
    let source = job.article.of(source, Vec::new())?;
    let target = catalog::told_of_copy(session, &job.table, &job.article, at_target).await?;
    let plan = job.plan(&source, &target, job.options).ok();
    Ok(plan.filter(|plan| is_direct(plan) && reads_alike(plan, planned)).map(Arc::new))
}

/// Whether one plan's rows are the other's, byte by byte.
fn reads_alike(plan: &Plan, other: &Plan) -> bool {
    plan.select() == other.select()
        && plan.snapshot == other.snapshot
        && plan.strategy.server == other.strategy.server
}

/// A target's table that is held.
struct HeldTarget {
    catalog: CatalogAnswer,
    /// Windows on record have rows that the load replaces.
    is_on_record: bool,
    /// Nobody else has written the table for so long, or for longer. Zero: it is not known.
    quiet: Duration,
}

/// Takes the table's application lock, asks what the target says of it by then, and puts the load on record, in one round
/// trip. `None`: others hold it, or there is another table of that name.
async fn hold<S>(
    job: &TableJob<S>,
    planned: &Plan,
    target: &mut Session,
    record: &mut LoadRecord,
) -> Result<Option<HeldTarget>> {
    let name = job.article.target_of(&job.table);
    target.works_on(name);
    let lock = table_lock_of(planned.target_id).name();
    let mut statements = vec![
        applock::taking(1, LockMode::Exclusive, Duration::ZERO),
        catalog::call(2, 3),
        ledger::changes_applied("@P4"),
    ];
    let mut params = vec![
        Param::Text(lock.clone()),
        catalog::all_as_param(),
        Param::Text(name.quoted()),
        Param::BigInt(planned.target_id),
    ];
    // Nothing is on record of a table that is not held, or is another one by now.
    let is_ours = |id: &str| format!("@result >= 0 AND OBJECT_ID(@P3) = {id}");
    if let Some(beginning) = record.beginning(job, planned, params.len() + 1, is_ours) {
        statements.push(beginning.sql);
        params.extend(beginning.params);
    }
    let answers = SmallResults::of(target, Query { sql: statements.join("; "), params }).await?;
    if answers.ended.is_ok() {
        // But for the lock, which the session knows of; the lock timeout ends with the call.
        target.has_left_nothing();
    }
    let (mut sets, begun) = answers.split_off(2 + catalog::RESULTS);
    let applied = (sets.len() == 2 + catalog::RESULTS).then(|| sets.pop()).flatten();
    if sets.len() < 1 + catalog::RESULTS {
        log::debug!("{name}: is asked for one after the other: {:?}", begun.ended);
    }
    let results = sets.split_off(1.min(sets.len()));
    let taken = sets.first().map(SmallResult::rows).transpose()?.unwrap_or_default();
    let result = taken.first().and_then(|row| row.int("result"));
    // Without a result the server may have no such locks.
    let is_held = result.is_some() && applock::is_taken(target, &lock, result)?;
    let Some(catalog) = CatalogAnswer::new(results).filter(|_| is_held) else { return Ok(None) };
    let is_as_planned = planned.catalogs.is_some_and(|(_, target)| target == catalog.fingerprint());
    if !is_as_planned && catalog.object_id()? != Some(planned.target_id) {
        return Ok(None);
    }
    // First of all, so that the record has an end whatever comes.
    let (is_on_record, loaded) = record.begun(target, job, planned, begun).await?;
    let applied = applied.as_ref().map(SmallResult::rows).transpose()?;
    let quiet = applied.map_or(Duration::ZERO, |applied| ledger::quiet(&applied)).min(loaded);
    Ok(Some(HeldTarget { catalog, is_on_record, quiet }))
}
