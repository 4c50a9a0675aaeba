//! One table as a run would copy it: both catalogs and the plan, without a row.
use super::ask::{Asker, CheckQuestion, Right, SQL_SERVER_2012, SQL_SERVER_2016, patiently};
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use super::row_size::row_size;
use super::space::Need;
use super::{ours, selection};
use crate::catalog::index::IndexKind;
use crate::catalog::record::CatalogRow;
use crate::catalog::{self, Article, Table, TableName};
use crate::config::Apply;
use crate::copy::{self, ConnectedSource};
use crate::error::numbers::LOCK_TIMEOUT;
use crate::error::{Error, Kind, Result};
use crate::ledger;
use crate::plan::{CopyOptions, Plan, WindowedPlan};
use crate::report::{human_bytes, human_count};
use crate::window::{CutBy, DayRange};

pub(super) const fn of_table(check: Check, sql: &'static str) -> CheckQuestion {
    CheckQuestion { check, sql, right: Right::None, since: SQL_SERVER_2012 }
}

const SIZE: CheckQuestion = of_table(Check::Size, include_str!("sql/size.sql"));
const STATISTICS: CheckQuestion = of_table(Check::Statistics, include_str!("sql/statistics.sql"));
// All columns, and not those that are wanted: older versions lack some.
const CAPTURED: CheckQuestion =
    of_table(Check::ChangeCapture, "SELECT t.* FROM sys.tables AS t WHERE t.object_id = OBJECT_ID(@P1)");
const TRACKED: CheckQuestion = of_table(
    Check::ChangeCapture,
    "SELECT c.object_id AS object_id FROM sys.change_tracking_tables AS c WHERE c.object_id = OBJECT_ID(@P1)",
);
const BLOCKS: CheckQuestion = CheckQuestion {
    since: SQL_SERVER_2016,
    ..of_table(Check::BlockPredicate, include_str!("sql/block_predicates.sql"))
};

/// Statistics that are older say little of yesterday's rows.
const STATISTICS_DAYS: i64 = 30;

/// A table, and how a run would copy it.
#[derive(Clone, Debug)]
pub struct CheckedTable {
    /// As the source has it.
    pub table: TableName,
    /// What of it is copied.
    pub article: Article,
    /// Only some days of it; `None`: all.
    pub days: Option<CheckedDays>,
    /// What the configuration lets the copy do.
    pub options: CopyOptions,
    /// Its changes are carried over, and not its rows.
    pub carried: bool,
}

/// How a table's days are told.
#[derive(Clone, Debug)]
pub struct CheckedDays {
    /// The column, as configured; `None`: the only one that holds dates.
    pub date_column: Option<String>,
    /// From the first day to the last.
    pub window: DayRange,
}

impl CheckedTable {
    /// Its name at the target.
    pub fn at_target(&self) -> &TableName {
        self.article.target_of(&self.table)
    }

    /// The plan, and the source's name of the column that tells days.
    fn plan(&self, source: &Table, target: &Table) -> Result<(Plan, Option<String>)> {
        match &self.days {
            None => Ok((Plan::new(source, target, self.options)?, None)),
            Some(days) => {
                let cut_by = CutBy::Date(days.date_column.clone());
                let plan = WindowedPlan::new(source, target, self.options, &cut_by)?;
                Ok((plan.base, Some(plan.cut_by)))
            }
        }
    }
}

/// Looks at a table on both sides, where they are there, and says what its rows would need.
pub(super) async fn check(
    source: Option<&mut Asker>,
    target: Option<&mut Asker>,
    checked: &CheckedTable,
    out: &mut CheckFindings,
) -> Option<Need> {
    let (mut source, mut target) = (source, target);
    let (mut at_source, mut is_no_source) = (None, false);
    if let Some(asker) = source.as_deref_mut()
        && let Some(session) = asker.session()
    {
        let read = patiently(session.table(&checked.table, &checked.article)).await;
        is_no_source = read.as_ref().is_err_and(|error| error.kind() == Kind::Data);
        at_source = known(asker, read, checked, out).await;
    }
    if let (Some(asker), Some(table)) = (source.as_deref_mut(), &at_source) {
        selection::check(asker, table, checked, out).await;
    }
    let mut at_target = None;
    // What the target lacks of a table that cannot be copied is no second fault.
    if !is_no_source
        && let Some(asker) = target.as_deref_mut()
        && let Some(session) = asker.session()
    {
        let read = patiently(catalog::read_copy(session, &checked.table, &checked.article)).await;
        at_target = known(asker, read, checked, out).await;
    }
    if let (Some(asker), Some(table)) = (target.as_deref_mut(), &at_target) {
        obstacles(asker, table, checked, out).await;
    }
    let bytes = match (source.as_deref_mut(), &at_source) {
        (Some(asker), Some(table)) => size(asker, table, checked, out).await,
        _ => None,
    };
    if let (Some(asker), Some(table)) = (target.as_deref_mut(), &at_source) {
        selection::growth(asker, table, checked, out).await;
    }
    let (at_source, at_target) = (at_source?, at_target?);
    let (plan, date_column) = match checked.plan(&at_source, &at_target) {
        Ok(planned) => planned,
        Err(error) => {
            let check = if error.kind() == Kind::Mapping { Check::Columns } else { Check::Table };
            let unread = at_source.object.can_select == Some(false);
            let side = if unread { Side::Source } else { Side::Target };
            let finding = CheckFinding::error(check, side, &error).table(&checked.table);
            out.add(match finding.remedy {
                // What may be done about each of its columns stands with them.
                None if check == Check::Columns => finding
                    .remedy(format!("sync-replica-schema {} shows what would mend them", checked.table)),
                _ => finding,
            });
            return None;
        }
    };
    out.extend(planned(&plan, &at_source, &at_target).into_iter().map(|one| one.table(&checked.table)));
    if let (Some(asker), Some(column)) = (source, &date_column) {
        let name = at_source.object.name.quoted();
        if let Some(row) = asker.ask_one(&STATISTICS, &[&name, column], out).await {
            out.extend(statistics(&row, column).map(|finding| finding.table(&checked.table)));
        }
    }
    let logs_all = target.is_none_or(|asker| asker.known.logs_all);
    let minimally_logged = !logs_all && plan.strategy.lock.tablock();
    // Windows commit by themselves, however large the table is; and of differences nobody knows before.
    let bytes = bytes.filter(|_| checked.days.is_none() && plan.difference.is_none())?;
    Some(Need { bytes, table: checked.table.to_string(), minimally_logged })
}

/// What is known of the table; what keeps it from being known is a finding.
async fn known(
    asker: &mut Asker,
    read: Result<Table>,
    checked: &CheckedTable,
    out: &mut CheckFindings,
) -> Option<Table> {
    let error = match read {
        Ok(table) => {
            for unknown in &table.unknown {
                let what = format!("not all is known of the table: {unknown}");
                let finding = asker.finding(Check::Table, CheckSeverity::Skipped, what).table(&checked.table);
                out.add(finding.remedy("GRANT VIEW DEFINITION on the table to the login's user"));
            }
            return Some(table);
        }
        Err(error) => error,
    };
    let side = asker.side();
    if error.has_number(LOCK_TIMEOUT) {
        let what = "somebody holds the table's definition: it may be about to change, or to be emptied";
        out.add(
            CheckFinding::new(Check::LockHeld, side, CheckSeverity::Warning, what)
                .remedy("Ask again; if it stays so, end what holds it before the run")
                .table(&checked.table),
        );
    } else {
        if lost(&error) {
            asker.reconnect(&error).await;
        }
        out.add(CheckFinding::error(Check::Table, side, &error).table(&checked.table));
    }
    None
}

pub(super) fn lost(error: &Error) -> bool {
    matches!(error.kind(), Kind::Io | Kind::Timeout | Kind::Protocol)
}

/// What is in the way at the target, whatever the source is like.
async fn obstacles(asker: &mut Asker, table: &Table, checked: &CheckedTable, out: &mut CheckFindings) {
    let name = table.object.name.quoted();
    let mut found: Vec<CheckFinding> = triggers(table).collect();
    let rows = asker.ask(&BLOCKS, &[&name], out).await.unwrap_or_default();
    found.extend(rows.iter().map(block_predicate));
    let captured = asker.ask_one(&CAPTURED, &[&name], out).await;
    let tracked = asker.ask_one(&TRACKED, &[&name], out).await.is_some();
    found.extend(captured.and_then(|row| change_capture(&row, tracked)));
    found.extend(disabled_indexes(table, &on_record(asker, table).await));
    out.extend(found.into_iter().map(|finding| finding.table(&checked.table)));
    let resource = copy::table_lock(table);
    let what = format!("{}: a run holds this table", checked.table);
    ours::lock(asker, &resource, &what, out).await;
}

/// The indexes that one of our runs has disabled: of those the ledger's findings tell.
async fn on_record(asker: &mut Asker, table: &Table) -> Vec<String> {
    let Some(session) = asker.session() else { return Vec::new() };
    match ledger::exists(session).await {
        Ok(true) => {
            let recorded = ledger::recorded(session, &table.object.name).await.unwrap_or_default();
            recorded.into_iter().map(|index| index.name).collect()
        }
        _ => Vec::new(),
    }
}

async fn size(
    asker: &mut Asker,
    table: &Table,
    checked: &CheckedTable,
    out: &mut CheckFindings,
) -> Option<u64> {
    let name = table.object.name.quoted();
    let row = asker.ask_one(&SIZE, &[&name], out).await?;
    let bytes = row.int("bytes").and_then(|bytes| u64::try_from(bytes).ok())?;
    let rows = table.rows().map_or_else(String::new, |rows| format!(", about {} rows", human_count(rows)));
    let how = match &checked.days {
        Some(days) => format!("of which {} is replaced", days.window),
        None if checked.options.apply == Apply::Difference => "of which what differs is written".to_owned(),
        None => "replaced as a whole".to_owned(),
    };
    let what = format!("{}{rows}, {how}", human_bytes(bytes));
    out.add(asker.finding(Check::Size, CheckSeverity::Info, what).table(&checked.table));
    Some(bytes)
}

/// What the plan says, which is what `--explain` says.
fn planned(plan: &Plan, source: &Table, target: &Table) -> Vec<CheckFinding> {
    let mut findings = Vec::new();
    let refusals = plan.strategy.refusals.iter().cloned().chain(copy::hidden_rows(plan));
    findings.extend(refusals.map(|error| CheckFinding::error(Check::Refused, Side::Target, &error)));
    let warning = |check, what: String| CheckFinding::new(check, Side::Target, CheckSeverity::Warning, what);
    let table = &source.object.name;
    let remedy = format!(
        "replicate-reference-tables {table} --explain shows how it is copied, sync-replica-schema {table} where the two differ"
    );
    findings.extend(
        plan.warnings.iter().map(|text| warning(Check::PlanWarning, text.clone()).remedy(remedy.clone())),
    );
    if target.object.can_alter == Some(false) {
        let what = "the login may not ALTER the table: its rows are deleted one by one, which fills the log, and \
                    its indexes and constraints stay";
        findings.push(
            warning(Check::DeleteWithoutAlter, what.to_owned())
                .remedy(format!("GRANT ALTER ON OBJECT::{} to the login's user", target.object.name)),
        );
    }
    findings.extend(key_collations(plan, target));
    findings.extend(row_size(target));
    let shrink = plan.allowance.shrink.unwrap_or_default();
    if let Some((coming, there)) = plan.source_rows.zip(plan.target_rows)
        && plan.limits.is_none()
        && source.rows().is_some()
        && coming < there
        && shrink.may_forbid(there, coming)
    {
        let (coming, there) = (human_count(coming), human_count(there));
        let what =
            format!("the source has about {coming} rows, the target {there}: the run counts, and may refuse");
        findings.push(
            warning(Check::RowCount, what)
                .remedy("See what happened to the source's rows; allow_shrink in [tables] lets them go"),
        );
    }
    findings
}

/// Keys that may hold fewer values at the target than at the source.
fn key_collations(plan: &Plan, target: &Table) -> Vec<CheckFinding> {
    let unique = target.indexes.iter().flatten().filter(|index| index.unique && !index.disabled);
    let mut columns: Vec<i32> = unique.flat_map(|index| index.keys.iter().map(|key| key.column_id)).collect();
    columns.sort_unstable();
    columns.dedup();
    let mapped = plan.mapping.columns.iter().filter(|column| columns.contains(&column.target.id));
    let differing = mapped.filter_map(|column| {
        let (source, target) = (column.source.collation.as_ref()?, column.target.collation.as_ref()?);
        (!source.name.eq_ignore_ascii_case(&target.name)).then(|| {
            let what = format!(
                "the key's column {} compares by {} at the target, by {} at the source: two of its rows may be one there",
                column.target.name, target.name, source.name
            );
            CheckFinding::new(Check::KeyCollation, Side::Target, CheckSeverity::Warning, what)
                .remedy(format!("ALTER COLUMN {} ... COLLATE {}", column.target.name, source.name))
        })
    });
    differing.collect()
}

fn triggers(table: &Table) -> impl Iterator<Item = CheckFinding> + '_ {
    let mut names: Vec<&str> = table
        .triggers
        .iter()
        .flatten()
        .filter(|trigger| !trigger.disabled)
        .map(|t| t.name.as_str())
        .collect();
    names.dedup();
    names.into_iter().map(|name| {
        let what = format!("trigger {name} is enabled: loads do not fire it, unless --fire-triggers is said");
        CheckFinding::new(Check::Trigger, Side::Target, CheckSeverity::Warning, what)
            .remedy("DISABLE TRIGGER, or drop it, if a replica needs none")
    })
}

fn block_predicate(row: &CatalogRow) -> CheckFinding {
    let what = format!(
        "security policy {} refuses rows that its predicate does not let in (error 33504)",
        row.text("policy_name").unwrap_or("?")
    );
    CheckFinding::new(Check::BlockPredicate, Side::Target, CheckSeverity::Warning, what)
        .remedy("Have it let in what the login writes, or ALTER SECURITY POLICY ... WITH (STATE = OFF)")
}

fn change_capture(row: &CatalogRow, tracked: bool) -> Option<CheckFinding> {
    let published = ["is_published", "is_merge_published"].iter().any(|column| row.flag(column));
    let what = match (row.flag("is_tracked_by_cdc"), published, tracked) {
        (true, _, _) => "change data capture",
        (_, true, _) => "replication",
        (_, _, true) => "change tracking",
        _ => return None,
    };
    let what = format!("{what} follows the table: every row that is replaced is a change to it");
    Some(
        CheckFinding::new(Check::ChangeCapture, Side::Target, CheckSeverity::Warning, what)
            .remedy("apply = \"difference\" in [tables] writes only what differs"),
    )
}

fn disabled_indexes<'a>(table: &'a Table, recorded: &'a [String]) -> impl Iterator<Item = CheckFinding> + 'a {
    let indexes = table.indexes.iter().flatten().filter(|index| index.disabled);
    // A clustered one is refused.
    let names = indexes
        .filter(|index| !matches!(index.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore))
        .filter_map(|index| index.name.as_ref());
    names.filter(|name| !recorded.contains(name)).map(|name| {
        let what = format!("the index {name} is disabled, and none of our runs has disabled it: it stays so");
        CheckFinding::new(Check::DisabledIndex, Side::Target, CheckSeverity::Warning, what).remedy(format!(
            "ALTER INDEX {} ON {} REBUILD, or drop it",
            catalog::quote(name),
            table.object.name
        ))
    })
}

fn statistics(row: &CatalogRow, column: &str) -> Option<CheckFinding> {
    let days = row.int("days").filter(|days| *days > STATISTICS_DAYS)?;
    let what =
        format!("the statistics of {column} are {days} days old: the server takes yesterday for empty");
    Some(
        CheckFinding::new(Check::Statistics, Side::Source, CheckSeverity::Warning, what)
            .remedy("UPDATE STATISTICS on the table, or AUTO_UPDATE_STATISTICS ON"),
    )
}
