//! Rows that would go without others to take their place: a source that is empty, or has lost most of its rows.
//!
//! A decision to refuse rests on counts. The servers' estimates say whether counting is worth while; should they be
//! wrong, the rows that really came decide before the commit.
use std::collections::HashMap;

use super::super::replace::LOCK_WAIT;
use super::super::windows::tally;
use super::super::{ConnectedSource, Sides};
use crate::config::Shrink;
use crate::error::{Error, Result};
use crate::plan::{Plan, WindowedPlan};
use crate::read;
use crate::refusal::Refusal;
use crate::report::human_count;
use crate::session::Session;
use crate::tds::rpc::Query;
use crate::window::{Window, all_days};

/// Windows that an error names.
const MOST_NAMED: usize = 5;

/// The rows that a replacement takes away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplacedRows {
    rows: u64,
    /// Not the server's estimate.
    pub counted: bool,
    shrink: Shrink,
}

impl ReplacedRows {
    /// So many of a plan's rows, which were read.
    pub(crate) fn counted(rows: u64, plan: &Plan) -> Self {
        Self { rows, counted: true, shrink: plan.allowance.shrink.unwrap_or_default() }
    }

    /// Whether so many rows may take their place.
    ///
    /// # Errors
    /// They are too few, or seem so where the rows were not counted.
    pub(crate) fn check(&self, coming: u64) -> Result<()> {
        if self.counted && self.shrink.forbids(self.rows, coming) {
            return Err(refusal(&format!("{} for {}", comes(coming), holds(self.rows))));
        }
        if !self.counted && self.shrink.may_forbid(self.rows, coming) {
            return Err(Error::data(
                "the source has sent far fewer rows than the servers' estimates let expect",
            ));
        }
        Ok(())
    }
}

/// What a replacement takes away, where nothing has to be counted for it.
pub(super) fn uncounted(plan: &Plan) -> Option<ReplacedRows> {
    let shrink = plan.allowance.shrink.unwrap_or_default();
    let estimates =
        plan.source_rows.zip(plan.target_rows).filter(|_| plan.limits.is_none() && !plan.count_rows);
    if let Some((coming, rows)) = estimates
        && !shrink.may_forbid(rows, coming)
    {
        return Some(ReplacedRows { rows, counted: false, shrink });
    }
    (shrink == Shrink::ANY).then_some(ReplacedRows { rows: 0, counted: true, shrink })
}

/// Counts both sides where their estimates ask for it, or there are none.
pub(super) async fn whole(
    sides: &mut Sides<impl ConnectedSource>,
    plan: &Plan,
) -> Result<(ReplacedRows, Option<Error>)> {
    if let Some(held) = uncounted(plan) {
        return Ok((held, None));
    }
    let shrink = plan.allowance.shrink.unwrap_or_default();
    sides.target.set_lock_timeout(LOCK_WAIT).await?;
    let rows = read::count(sides.target.lane()?, plan.count()).await;
    let rows = rows.map_err(|error| error.within("counting the target's rows"))?;
    let held = ReplacedRows { rows, counted: true, shrink };
    let least = shrink.least(rows);
    if least == 0 {
        return Ok((held, None));
    }
    let coming = sides.source.count(plan, least).await;
    let coming = coming.map_err(|error| error.within("counting the source's rows"))?;
    Ok((held, held.check(coming).err().map(|error| error.table(&plan.target))))
}

/// Counts the target's rows of windows that are in order: of days in one query from the first to the last, of keys range
/// by range.
pub(crate) async fn rows_at_target(
    target: &mut Session,
    plan: &WindowedPlan,
    windows: &[Window],
) -> Result<HashMap<Window, u64>> {
    target.set_lock_timeout(LOCK_WAIT).await?;
    let counts = match all_days(windows).and_then(|all| plan.target_days(all)) {
        Some(by_day) => {
            let counted = read::numbers(target.lane()?, by_day).await;
            counted.map(|by_day| tally_all(windows, &by_day))
        }
        None => each(target, plan.target_counts(windows)).await,
    };
    let counts = counts.map_err(|error| error.within("counting the target's rows"))?;
    Ok(windows.iter().cloned().zip(counts).collect())
}

/// The same of the source's rows.
pub(crate) async fn rows_at_source(
    source: &mut Session,
    plan: &WindowedPlan,
    windows: &[Window],
) -> Result<Vec<u64>> {
    match all_days(windows).and_then(|all| plan.days(all)) {
        Some(by_day) => Ok(tally_all(windows, &read::numbers(source.lane()?, by_day).await?)),
        None => each(source, plan.counts(windows)).await,
    }
}

fn tally_all(windows: &[Window], by_day: &[Vec<Option<i64>>]) -> Vec<u64> {
    tally(&windows.iter().filter_map(Window::days).collect::<Vec<_>>(), by_day)
}

/// The numbers behind the first column, of all queries in their order.
async fn each(session: &mut Session, queries: Vec<Query>) -> Result<Vec<u64>> {
    let mut counts = Vec::new();
    for query in queries {
        let rows = read::numbers(session.lane()?, query).await?;
        let count =
            |row: &Vec<Option<i64>>| row.get(1).copied().flatten().and_then(|n| u64::try_from(n).ok());
        counts.extend(rows.iter().map(|row| count(row).unwrap_or_default()));
    }
    Ok(counts)
}

/// Compares what each window, and all together, have in the target with what comes. `held`: as counted already.
pub(super) async fn windows(
    target: &mut Session,
    plan: &WindowedPlan,
    rows: &[(Window, u64)],
    held: Option<&HashMap<Window, u64>>,
) -> Result<Option<Error>> {
    let shrink = plan.base.allowance.shrink.unwrap_or_default();
    if shrink == Shrink::ANY {
        return Ok(None);
    }
    let windows: Vec<Window> = rows.iter().map(|(window, _)| window.clone()).collect();
    let counted;
    let held = match held {
        Some(held) => held,
        None => {
            counted = rows_at_target(target, plan, &windows).await?;
            &counted
        }
    };
    let held: Vec<u64> = windows.iter().map(|window| held.get(window).copied().unwrap_or_default()).collect();
    Ok(too_few(shrink, rows, &held).map(|what| refusal(&what).table(&plan.base.target)))
}

/// What would be lost; `None`: nothing that may not.
fn too_few(shrink: Shrink, rows: &[(Window, u64)], held: &[u64]) -> Option<String> {
    let each = rows.iter().zip(held).filter(|((_, coming), held)| shrink.forbids(**held, *coming));
    let each: Vec<_> = each.collect();
    let all = rows.iter().map(|(_, rows)| rows).sum();
    let all_held = held.iter().sum();
    let named = each
        .iter()
        .take(MOST_NAMED)
        .map(|((window, coming), held)| format!("window {window}: {} for {}", comes(*coming), holds(**held)));
    let mut parts: Vec<String> = named.collect();
    if each.len() > MOST_NAMED {
        parts.push(format!("and {} more windows", each.len() - MOST_NAMED));
    }
    if shrink.forbids(all_held, all) && rows.len() > 1 {
        parts.push(format!("all windows together: {} for {}", comes(all), holds(all_held)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn comes(rows: u64) -> String {
    format!("the source has {} rows", human_count(rows))
}

fn holds(rows: u64) -> String {
    format!("the {} that the target holds", human_count(rows))
}

fn refusal(what: &str) -> Error {
    Error::refused(Refusal::LostRows, format!("most rows would be lost: {what}")).remedy(
        "Look at the source: another database, rows that its login may not see, a table emptied by mistake. If it is right, say --allow-shrink, or allow_shrink in [tables] of replica.toml (for run-replica-etl in [etl], too)",
    )
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::window::DayRange;

    fn found(rows: &[(u64, u64)]) -> Option<String> {
        let mut first = date!(2024 - 01 - 01);
        let mut windows = Vec::new();
        for (_, coming) in rows {
            let next = first.next_day().unwrap();
            windows.push((DayRange { first, next }.into(), *coming));
            first = next;
        }
        too_few(Shrink::default(), &windows, &rows.iter().map(|(held, _)| *held).collect::<Vec<_>>())
    }

    #[test]
    fn every_window_counts_and_so_do_all_together() {
        assert_eq!(found(&[(0, 0), (10, 1), (2_000, 1_500)]), None);
        let one = found(&[(5, 5), (1_234, 0)]).unwrap();
        assert_eq!(
            one,
            "window 2024-01-02: the source has 0 rows for the 1,234 that the target holds; all windows together: the source has 5 rows for the 1,239 that the target holds"
        );
        let sum = found(&[(900, 300), (900, 300)]).unwrap();
        assert_eq!(sum, "all windows together: the source has 600 rows for the 1,800 that the target holds");
        let many = found(&[(1, 0); 8]).unwrap();
        assert!(
            many.contains("2024-01-05") && !many.contains("2024-01-06") && many.contains("and 3 more"),
            "{many}"
        );
    }
}
