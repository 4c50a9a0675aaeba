//! A table replaced step by step: each thing that is to be known is asked for by itself, and what nobody has planned is
//! planned here.
use std::sync::Arc;

use super::difference::{self, DifferenceJob, OnRecord};
use super::guard;
use super::job::TableJob;
use super::record::LoadRecord;
use super::replace::{self, Attempted, Checks, ReplaceError};
use super::sides::Sides;
use super::source::{ConnectedSource, Source};
use super::{WrittenRows, informed, lock_table, publish, published};
use crate::catalog::Table;
use crate::compare::{Comparison, ComparisonOptions};
use crate::error::{Error, Result};
use crate::load::{LoadOutcome, Progress};
use crate::plan::{CopyOptions, Plan, Publishing};
use crate::report::{CATALOG, Timing};
use crate::session::applock::LockMode;

/// Replaces the table, or the rows of it that differ. `options`: those of the job, or what has become of them.
///
/// # Errors
/// It has not begun, or the rows that differ are not written.
pub(super) async fn replace<S: Source>(
    job: &TableJob<S>,
    options: CopyOptions,
    sides: &mut Sides<S::Connected>,
    (record, timing): (&mut LoadRecord, &mut Timing),
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Attempted> {
    let (source, target) = sides.tables(&job.table, &job.article).await?;
    timing.phase(CATALOG);
    lock_table(&mut sides.target, &target, LockMode::Exclusive).await?;
    timing.phase("WAIT");
    let options = informed(&mut sides.target, (&source, &target), options).await?;
    let plan = job.plan(&source, &target, options)?;
    job.tell(&plan);
    let plan = published(&mut sides.target, (&source, &target), plan, options).await?;
    plan.allowed()?;
    let on_record = job.replaced(&plan);
    let is_on_record = record.begin(&mut sides.target, job, &on_record, &plan).await?;
    if plan.difference.is_some() {
        let on_record = if is_on_record { OnRecord::Replaced(&on_record) } else { OnRecord::Nothing };
        let progress = &mut record.counted(progress);
        let tables = (&source, &target);
        let write = write_difference(job, sides, tables, (&plan, options), (on_record, timing), progress);
        let (outcome, written) = Box::pin(write).await?;
        let (replaced, written) = (Ok(outcome), Some(written));
        return Ok(Attempted {
            tables: Some((source, target)),
            plan: Arc::new(plan),
            options,
            replaced,
            written,
        });
    }
    let checks = Checks { verify: job.verify, replaced: is_on_record.then_some(&on_record) };
    let replaced = async {
        let (findings, held) = guard::look(sides, &plan).await?;
        for warning in findings.warnings()? {
            log::warn!("{}: {warning}", job.table);
        }
        timing.phase("PREPARE");
        match plan.publishing {
            Publishing::Direct => {
                replace::replace(sides, &plan, &held, (checks, record), timing, progress).await
            }
            _ => {
                let publishing = publish::PublishJob {
                    plan: &plan,
                    run: record.run(),
                    held: &held,
                    checks,
                    source: (job.source.endpoint(), &source),
                    target: &job.target,
                };
                let progress = &mut record.counted(progress);
                Box::pin(publishing.replace(sides, timing, progress)).await
            }
        }
    };
    let replaced: Result<LoadOutcome, ReplaceError> = replaced.await;
    Ok(Attempted { tables: Some((source, target)), plan: Arc::new(plan), options, replaced, written: None })
}

/// Writes the rows that differ, where a plan says so.
async fn write_difference<S: Source>(
    job: &TableJob<S>,
    sides: &mut Sides<S::Connected>,
    (source, target): (&Table, &Table),
    (plan, options): (&Plan, CopyOptions),
    (on_record, timing): (OnRecord<'_>, &mut Timing),
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(LoadOutcome, WrittenRows)> {
    let (Some(difference), Some(sides)) = (&plan.difference, S::Connected::as_servers(sides)) else {
        return Err(Error::usage("--apply difference compares two servers, and the rows come from files")
            .remedy("Say --apply replace"));
    };
    for warning in guard::look_at_difference(plan).warnings()? {
        log::warn!("{}: {warning}", job.table);
    }
    let comparison = Comparison::new(
        source,
        target,
        ComparisonOptions {
            ignore_extra_columns: options.ignore_extra_columns,
            date_column: plan.limits.as_ref().map(|limits| limits.cut_by.as_str()),
            windowed: plan.limits.is_some(),
            ..ComparisonOptions::default()
        },
    )?;
    let comparison = comparison.stretched(&mut sides.source, source).await?;
    let written = DifferenceJob {
        what: job.what(),
        target: &job.target,
        plan,
        difference,
        comparison: &comparison,
        snapshot: !options.no_snapshot,
        verify: job.verify,
        on_record,
    };
    timing.phase("PREPARE");
    difference::write(sides, &written, timing, progress).await.map_err(|failed| failed.error)
}
