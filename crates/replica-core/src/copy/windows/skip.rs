//! Whether the target still has what is on record of windows that are about to be skipped.
use super::tally::tally;
use super::{Verify, WindowsJob};
use crate::copy::LOCK_WAIT;
use crate::copy::proof::stored;
use crate::error::Result;
use crate::ledger::{Complete, Redone};
use crate::plan::WindowedPlan;
use crate::read;
use crate::report::human_count;
use crate::session::{Role, Session};
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;

/// The windows whose rows are not those on record, and what is different: by number, in one query for all, and by hash
/// where the job verifies that. On a session of its own, which is patient: a count may say nothing for long.
pub(super) async fn changed(
    job: &WindowsJob,
    plan: &WindowedPlan,
    complete: &[Complete],
) -> Result<Vec<Redone>> {
    let (Some(first), Some(last)) = (complete.first(), complete.last()) else { return Ok(Vec::new()) };
    let mut target = Session::connect(&job.target, Role::Target).await?;
    target.be_patient();
    target.set_lock_timeout(LOCK_WAIT).await?;
    let all = Window { first: first.window.first, next: last.window.next };
    let windows: Vec<_> = complete.iter().map(|complete| complete.window).collect();
    let days = read::numbers(target.lane()?, plan.target_days(all)).await;
    let counts = tally(&windows, &days.map_err(|error| error.within("counting the target's rows"))?);
    let (same, other): (Vec<_>, Vec<_>) =
        complete.iter().zip(counts).partition(|(complete, rows)| complete.fingerprint.rows == *rows);
    let mut changed: Vec<_> = other.into_iter().map(|(complete, rows)| other_count(complete, rows)).collect();
    if job.verify == Verify::Hash {
        log::info!("{}: reading {} windows back before they are skipped", job.table, same.len());
        for (complete, _) in same {
            let stored = stored(&mut target, &plan.limited(complete.window)).await;
            let stored =
                stored.map_err(|error| error.within("reading the target back").window(complete.window))?;
            changed.extend((stored != complete.fingerprint).then(|| other_rows(complete, stored)));
        }
    }
    Ok(changed)
}

fn other_count(complete: &Complete, rows: u64) -> Redone {
    let recorded = human_count(complete.fingerprint.rows);
    let because = format!("the target has {} rows, the record says {recorded}", human_count(rows));
    Redone { window: complete.window, because }
}

fn other_rows(complete: &Complete, stored: Fingerprint) -> Redone {
    let recorded = complete.fingerprint;
    let because = format!("the target's rows have the hash {stored}, the record says {recorded}");
    Redone { window: complete.window, because }
}
