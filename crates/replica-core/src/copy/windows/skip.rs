//! Whether the target still has what is on record of windows that are about to be skipped.
use std::collections::HashMap;

use super::{Verify, WindowsJob};
use crate::copy::proof::stored;
use crate::copy::{LOCK_WAIT, guard};
use crate::error::Result;
use crate::ledger::{Complete, Redone};
use crate::plan::WindowedPlan;
use crate::report::human_count;
use crate::session::{Role, Session};
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;

/// The windows whose rows are not those on record, and what is different: by number, and by hash where the job verifies
/// that. `counted`: the rows of windows as they were counted before the run; what is not among them is counted now. On a
/// session of its own, which is patient: a count may say nothing for long.
pub(super) async fn changed(
    job: &WindowsJob,
    plan: &WindowedPlan,
    complete: &[Complete],
    counted: &HashMap<Window, u64>,
) -> Result<Vec<Redone>> {
    let windows: Vec<Window> = complete.iter().map(|complete| complete.window.clone()).collect();
    let mut session = None;
    let counted_now;
    let counted = if windows.iter().all(|window| counted.contains_key(window)) {
        counted
    } else {
        counted_now = guard::rows_at_target(patient(&mut session, job).await?, plan, &windows).await?;
        &counted_now
    };
    let mut changed = Vec::new();
    let mut same = Vec::new();
    for complete in complete {
        match counted.get(&complete.window).copied().unwrap_or_default() {
            rows if rows == complete.fingerprint.rows => same.push(complete),
            rows => changed.push(other_count(complete, rows)),
        }
    }
    if matches!(job.verify, Verify::Hash | Verify::Source) && !same.is_empty() {
        log::info!("{}: reading {} windows back before they are skipped", job.table, same.len());
        for complete in same {
            let target = patient(&mut session, job).await?;
            let stored = stored(target, &plan.limited(complete.window.clone())).await;
            let stored =
                stored.map_err(|error| error.within("reading the target back").window(&complete.window))?;
            changed.extend((stored != complete.fingerprint).then(|| other_rows(complete, stored)));
        }
    }
    if let Some(session) = session {
        session.give_back().await;
    }
    Ok(changed)
}

async fn patient<'a>(session: &'a mut Option<Session>, job: &WindowsJob) -> Result<&'a mut Session> {
    let connected = match session.take() {
        Some(connected) => connected,
        None => {
            let mut target = Session::take(&job.target, Role::Target).await?;
            target.be_patient();
            target.set_lock_timeout(LOCK_WAIT).await?;
            target
        }
    };
    Ok(session.insert(connected))
}

fn other_count(complete: &Complete, rows: u64) -> Redone {
    let recorded = human_count(complete.fingerprint.rows);
    let because = format!("the target has {} rows, the record says {recorded}", human_count(rows));
    Redone { window: complete.window.clone(), because }
}

fn other_rows(complete: &Complete, stored: Fingerprint) -> Redone {
    let recorded = complete.fingerprint;
    let because = format!("the target's rows have the hash {stored}, the record says {recorded}");
    Redone { window: complete.window.clone(), because }
}
