//! What a run would read of a table: whether the source takes its `where`, has versions of its changes, and whether that is
//! much more than before.
use super::ask::{Asker, CheckQuestion, Right, patiently};
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use super::table::{CheckedTable, lost, of_table};
use crate::catalog::Table;
use crate::copy::changes;
use crate::error::Result;
use crate::error::numbers::LOCK_TIMEOUT;
use crate::report::human_count;

const LAST_ROWS: CheckQuestion =
    CheckQuestion { right: Right::Ledger, ..of_table(Check::RowCount, include_str!("sql/last_rows.sql")) };

/// A table that has so many times the rows of the last runs is worth a word, if it has at least so many more.
const GROWTH: u64 = 2;
const LEAST_GROWTH: u64 = 1000;

/// What only a read would tell otherwise: whether the source takes the table's `where`, and has versions of its changes.
pub(super) async fn check(asker: &mut Asker, table: &Table, checked: &CheckedTable, out: &mut CheckFindings) {
    if table.article.filter().is_some()
        && let Some(session) = asker.session()
    {
        let sql = format!("SELECT TOP (0) 1 AS one FROM {}", table.rows_from());
        let read = patiently(session.query(&sql, &[])).await;
        let read = read.map(drop).map_err(|error| error.within("the table's where"));
        settle(asker, (Check::Columns, "Correct where in [tables] of replica.toml"), read, checked, out)
            .await;
    }
    if checked.carried
        && let Some(session) = asker.session()
    {
        let found = patiently(changes::of_table(session, table)).await;
        settle(asker, (Check::Table, ""), found.map(drop), checked, out).await;
    }
}

/// What keeps a run from reading the source is a finding; that the answer did not come is one that proves nothing.
async fn settle(
    asker: &mut Asker,
    (check, remedy): (Check, &str),
    answer: Result<()>,
    checked: &CheckedTable,
    out: &mut CheckFindings,
) {
    let Err(error) = answer else { return };
    let finding = CheckFinding::error(check, Side::Source, &error).table(&checked.table);
    let finding = match finding.remedy {
        None if !remedy.is_empty() => finding.remedy(remedy),
        _ => finding,
    };
    if lost(&error) {
        asker.reconnect(&error).await;
    }
    let unanswered = lost(&error) || error.has_number(LOCK_TIMEOUT);
    let severity = if unanswered { CheckSeverity::Skipped } else { finding.severity };
    out.add(CheckFinding { severity, ..finding });
}

/// Whether a table is much larger than what the last runs have loaded of it.
pub(super) async fn growth(
    asker: &mut Asker,
    source: &Table,
    checked: &CheckedTable,
    out: &mut CheckFindings,
) {
    let Some(rows) = source.rows().filter(|_| checked.days.is_none() && !checked.carried) else { return };
    let target = checked.at_target();
    let (schema, name) = (target.schema.as_deref().unwrap_or_default(), target.name.as_str());
    let Some(row) = asker.ask_one(&LAST_ROWS, &[&schema, &name], out).await else { return };
    let last = row.int("row_count").and_then(|rows| u64::try_from(rows).ok());
    out.extend(last.and_then(|last| grown(last, rows)).map(|finding| finding.table(&checked.table)));
}

fn grown(last: u64, rows: u64) -> Option<CheckFinding> {
    if rows < last.saturating_mul(GROWTH) || rows < last.saturating_add(LEAST_GROWTH) {
        return None;
    }
    let what = format!(
        "the source has about {} rows; the runs of the last month have loaded {} at the most",
        human_count(rows),
        human_count(last)
    );
    Some(
        CheckFinding::new(Check::RowCount, Side::Source, CheckSeverity::Warning, what).remedy(
            "See whether all of them are meant; the run takes more time, log and disk than the last one",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_has_grown_is_told() {
        assert!(grown(1000, 2000).is_some());
        assert!(grown(1000, 1999).is_none(), "less than twice the rows");
        assert!(grown(10, 1009).is_none(), "small tables may grow");
        assert!(grown(0, 1000).is_some());
    }
}
