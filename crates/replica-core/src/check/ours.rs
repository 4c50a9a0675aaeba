//! What runs before this one have left: the ledger, its runs and windows, indexes on record, locks that are held.
use super::ask::{Asker, CheckQuestion, Right, SQL_SERVER_2012, patiently};
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use super::table::CheckedTable;
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::ledger;
use crate::report::number_of;
use crate::session::applock;

const fn ledgers(check: Check, sql: &'static str) -> CheckQuestion {
    CheckQuestion { check, sql, right: Right::Ledger, since: SQL_SERVER_2012 }
}

const RIGHTS: CheckQuestion = CheckQuestion {
    right: Right::None,
    ..ledgers(Check::LedgerRights, include_str!("sql/ledger_rights.sql"))
};
const DEAD: CheckQuestion = ledgers(Check::DeadRun, include_str!("sql/dead_runs.sql"));
const FAILED: CheckQuestion = ledgers(
    Check::FailedWindows,
    "SELECT w.schema_name AS schema_name, w.table_name AS table_name, COUNT(*) AS windows, MAX(w.error) AS error \
     FROM replica.windows AS w WHERE w.state = 'failed' GROUP BY w.schema_name, w.table_name",
);
const RECORDED: CheckQuestion = ledgers(Check::RecordedIndex, include_str!("sql/recorded_indexes.sql"));
const LAST: CheckQuestion = ledgers(Check::NoSuccess, include_str!("sql/last_success.sql"));
const TEST: CheckQuestion = CheckQuestion {
    right: Right::None,
    ..ledgers(Check::LockHeld, "SELECT APPLOCK_TEST('public', @P1, 'Exclusive', 'Session') AS is_free")
};

/// Of run-replica-etl, for as long as it runs.
const RUN: &str = "replica run";
/// A table without a success for longer is not refreshed every day.
const HOURS: i64 = 24;

/// Asks the target for what is left of earlier runs on these tables.
pub(super) async fn check(asker: &mut Asker, tables: &[CheckedTable], out: &mut CheckFindings) {
    if let Some(row) = asker.ask_one(&RIGHTS, &[], out).await
        && tables.iter().any(|checked| checked.days.is_some() || checked.carried)
    {
        out.extend(rights(&row));
    }
    lock(asker, RUN, "a run of run-replica-etl is at work on this replica", out).await;
    if !has_ledger(asker, out).await {
        return;
    }
    let rows = asker.ask(&DEAD, &[], out).await.unwrap_or_default();
    out.extend(rows.iter().map(dead));
    let rows = asker.ask(&FAILED, &[], out).await.unwrap_or_default();
    out.extend(rows.iter().map(failed));
    let rows = asker.ask(&RECORDED, &[], out).await.unwrap_or_default();
    out.extend(rows.iter().map(recorded));
    for table in tables.iter().map(CheckedTable::at_target) {
        let (schema, name) = (table.schema.as_deref().unwrap_or_default(), table.name.as_str());
        let row = asker.ask_one(&LAST, &[&schema, &name], out).await;
        out.extend(row.and_then(|row| no_success(&row, table)));
    }
}

/// Says who holds an application lock of ours.
pub(super) async fn lock(asker: &mut Asker, resource: &str, what: &str, out: &mut CheckFindings) {
    let Some(row) = asker.ask_one(&TEST, &[&resource], out).await else { return };
    if row.int("is_free") != Some(0) {
        return;
    }
    let mut finding = asker.finding(Check::LockHeld, CheckSeverity::Warning, what);
    if let Some(session) = asker.session()
        && let Ok(Some(holder)) = applock::holder(session, resource).await
    {
        finding.what = format!("{what}: {holder}");
    }
    out.add(finding.remedy("Wait until it has ended; a run that meets it ends with 4"));
}

async fn has_ledger(asker: &mut Asker, out: &mut CheckFindings) -> bool {
    let Some(session) = asker.session() else { return false };
    match patiently(ledger::exists(session)).await {
        Ok(there) => there,
        Err(error) if error.server().is_some() => {
            let remedy = "GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica to the login's user";
            out.add(asker.finding(Check::Ledger, CheckSeverity::Skipped, error.to_string()).remedy(remedy));
            false
        }
        Err(error) if error.is_transient() => {
            asker.reconnect(&error).await;
            out.add(asker.finding(Check::Ledger, CheckSeverity::Skipped, error.to_string()));
            false
        }
        // Of a later version, or not the ledger's.
        Err(error) => {
            out.add(CheckFinding::error(Check::Ledger, Side::Target, &error));
            false
        }
    }
}

/// What a first run needs to make the ledger, or a later one to use it (docs/LEDGER.md, "Permissions").
fn rights(row: &CatalogRow) -> Option<CheckFinding> {
    let (grant, what) = if row.flag("has_ledger") {
        let lacks = |right: &&str| !row.flag(&format!("can_{}", right.to_lowercase()));
        let missing: Vec<_> = ["SELECT", "INSERT", "UPDATE", "DELETE"].into_iter().filter(lacks).collect();
        if missing.is_empty() {
            return None;
        }
        let missing = missing.join(", ");
        (format!("GRANT {missing} ON SCHEMA::replica"), format!("the login may not {missing} in the ledger"))
    } else if !row.flag("can_create_table") {
        (
            "GRANT CREATE TABLE".to_owned(),
            "there is no ledger, and the login may not create its tables".to_owned(),
        )
    } else if row.flag("has_schema") && !row.flag("can_alter") {
        (
            "GRANT ALTER ON SCHEMA::replica".to_owned(),
            "there is no ledger, and the login may not create tables in the schema replica".to_owned(),
        )
    } else if !row.flag("has_schema") && !row.flag("can_create_schema") {
        (
            "CREATE SCHEMA replica AUTHORIZATION the user".to_owned(),
            "there is no ledger, and the login may not create its schema, replica".to_owned(),
        )
    } else {
        return None;
    };
    Some(
        CheckFinding::new(Check::LedgerRights, Side::Target, CheckSeverity::Error, what)
            .remedy(format!("{grant} to the login's user: tables with windows, and whose changes are carried over, need the ledger")),
    )
}

fn named(row: &CatalogRow) -> TableName {
    TableName::new(row.text("schema_name").unwrap_or_default(), row.text("table_name").unwrap_or_default())
}

fn dead(row: &CatalogRow) -> CheckFinding {
    let table = named(row);
    let part = |name| row.text(name).unwrap_or("?");
    let what = format!(
        "run {} of {} on host {} (process {}) has died: its lease is over since {}Z",
        row.int("run_id").unwrap_or_default(),
        part("tool"),
        part("host"),
        row.int("pid").unwrap_or_default(),
        part("lease_until")
    );
    let finding = CheckFinding::new(Check::DeadRun, Side::Target, CheckSeverity::Warning, what)
        .remedy("The next run on the table mends what it left; to go on where it stopped: --resume");
    // A run over many tables has none of its own.
    if table.name.is_empty() { finding } else { finding.table(table) }
}

fn failed(row: &CatalogRow) -> CheckFinding {
    let table = named(row);
    let error = row.text("error").map_or(String::new(), |error| format!(", such as: {error}"));
    let what = format!(
        "{} failed{error}",
        number_of(row.int("windows").unwrap_or_default().unsigned_abs(), "window")
    );
    CheckFinding::new(Check::FailedWindows, Side::Target, CheckSeverity::Warning, what)
        .remedy(format!("replicate-monthly-parallel-streaming {table} --resume, over the same days"))
        .table(table)
}

fn recorded(row: &CatalogRow) -> CheckFinding {
    let table = named(row);
    let what = format!(
        "the index {} is on record as disabled, and no run that is alive will rebuild it",
        row.text("index_name").unwrap_or("?")
    );
    CheckFinding::new(Check::RecordedIndex, Side::Target, CheckSeverity::Warning, what)
        .remedy(format!("replicate-monthly-parallel-streaming {table} --repair-indexes"))
        .table(table)
}

/// Windows count, and runs without any. A table that was never loaded has no hours.
fn no_success(row: &CatalogRow, table: &TableName) -> Option<CheckFinding> {
    let hours = row.int("hours").filter(|hours| *hours > HOURS)?;
    let days = number_of((hours / HOURS).unsigned_abs(), "day");
    let rest = number_of((hours % HOURS).unsigned_abs(), "hour");
    let what = format!("no run of it has gone well for {days} and {rest}");
    Some(
        CheckFinding::new(Check::NoSuccess, Side::Target, CheckSeverity::Warning, what)
            .remedy("See what cron says of the last runs, and the record in record_dir")
            .table(table),
    )
}
