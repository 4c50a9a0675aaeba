//! What the ledger says, in two questions: whether it is there, and all of it at once.
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::pace::DoneWindows;
use super::view::LedgerView;
use super::{
    DisabledIndex, EndedRun, KeptVersion, LoadingWindow, Pace, RowsNow, Status, TableStatus, UnendedRun,
    WindowCounts,
};
use crate::catalog::record::CatalogRow;
use crate::catalog::{TableName, moment};
use crate::error::numbers::{LOCK_TIMEOUT, NO_SUCH_OBJECT};
use crate::error::{Error, Result};
use crate::ledger;
use crate::session::Session;

/// A table has no such column (sys.messages).
const NO_COLUMN: u32 = 207;

/// Windows whose details are told, the oldest and the first ones.
const MOST_WINDOWS: u16 = 200;

/// By its name alone: the catalog may be held by a load.
///
/// # Errors
/// It may not be read; it is of a later version, or someone else's.
pub(super) async fn exists(session: &mut Session, view: &LedgerView) -> Result<bool> {
    let sql = format!("SELECT MAX(version) AS version FROM replica.ledger {}", view.hint);
    match session.query(&sql, &[]).await {
        Ok(rows) => {
            let version = rows.first().and_then(|row| CatalogRow::from(row).int("version"));
            ledger::check(version.unwrap_or_default()).map(|()| true)
        }
        Err(error) if error.has_number(NO_SUCH_OBJECT) => Ok(false),
        // Whose table it is, the catalog knows.
        Err(error) if error.has_number(NO_COLUMN) => ledger::exists(session).await,
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(error: Error) -> Error {
    match error.server() {
        Some(_) if !error.is_transient() => error
            .within("the ledger cannot be read")
            .remedy("GRANT SELECT ON SCHEMA::replica to the login's user"),
        _ => error.within("the ledger"),
    }
}

/// Runs that have not ended; of each table, and of each tool over many, the last one that has, and the last one that went
/// well. A run that failed before it knew its tables is no news once its tool has begun with a table since.
fn runs(hint: &str) -> String {
    let last = |of: &str| {
        format!(
            "SELECT MAX(r.run_id) FROM replica.runs AS r {hint} WHERE {of} \
             GROUP BY r.schema_name, r.table_name, CASE WHEN r.table_name = N'' THEN r.tool ELSE N'' END"
        )
    };
    format!(
        "SELECT runs.run_id, runs.batch_id, runs.tool, runs.schema_name, runs.table_name, runs.object_id, runs.host, \
         runs.pid, runs.program, runs.phase, CONVERT(varchar(30), runs.started, 126) AS started, \
         DATEDIFF(second, runs.started, SYSUTCDATETIME()) AS age, \
         DATEDIFF(second, runs.lease_until, SYSUTCDATETIME()) AS silent, \
         CASE WHEN runs.lease_until > SYSUTCDATETIME() THEN 1 ELSE 0 END AS alive, \
         CONVERT(varchar(30), runs.ended, 126) AS ended, DATEDIFF(second, runs.ended, SYSUTCDATETIME()) AS ended_ago, \
         runs.outcome, runs.row_count, runs.error FROM replica.runs AS runs {hint} WHERE runs.ended IS NULL \
         OR (runs.run_id IN ({}) AND NOT (runs.table_name = N'' AND EXISTS (SELECT 1 FROM replica.runs AS n {hint} \
         WHERE n.run_id > runs.run_id AND n.tool = runs.tool AND n.table_name <> N'' AND n.started >= runs.ended))) \
         OR runs.run_id IN ({}) ORDER BY runs.run_id DESC",
        last("r.ended IS NOT NULL"),
        last("r.outcome = 'ok'")
    )
}

/// Windows by table, batch and state. Those that a batch has skipped are complete, and an earlier run's.
fn counts(hint: &str, which: &str) -> String {
    const OF_BATCH: &str = "CASE WHEN w.run_id >= w.batch_id THEN 1 ELSE 0 END";
    format!(
        "SELECT w.schema_name, w.table_name, w.batch_id, w.state, {OF_BATCH} AS of_batch, COUNT(*) AS windows, \
         SUM(w.estimated_rows) AS estimated_rows, SUM(w.row_count) AS row_count, \
         SUM(COALESCE(w.delete_ms, 0) + COALESCE(w.load_ms, 0) + COALESCE(w.verify_ms, 0)) AS ms \
         FROM replica.windows AS w {hint} {which} GROUP BY w.schema_name, w.table_name, w.batch_id, w.state, {OF_BATCH}"
    )
}

/// Windows in one state, with what is to be told of each.
fn details(hint: &str, state: &str, order: &str) -> String {
    format!(
        "SELECT TOP ({MOST_WINDOWS}) windows.*, {}, DATEDIFF(second, windows.started, SYSUTCDATETIME()) AS age \
         FROM replica.windows AS windows {hint} WHERE windows.state = '{state}' ORDER BY {order}",
        ledger::WINDOW_DAYS
    )
}

/// An index on record, and whether a run that is alive has it.
fn indexes(hint: &str) -> String {
    format!(
        "SELECT i.schema_name, i.table_name, i.index_name, i.run_id, \
         DATEDIFF(second, i.recorded, SYSUTCDATETIME()) AS age, \
         CASE WHEN EXISTS (SELECT 1 FROM replica.runs AS r {hint} WHERE r.run_id IN (i.run_id, i.rebuilding_run) \
         AND r.ended IS NULL AND r.lease_until > SYSUTCDATETIME()) THEN 1 ELSE 0 END AS in_use \
         FROM replica.disabled_indexes AS i {hint} ORDER BY i.schema_name, i.table_name, i.index_name"
    )
}

/// Reads all of it.
pub(super) async fn read(
    session: &mut Session,
    view: &LedgerView,
    wanted: &dyn Fn(&TableName) -> bool,
    status: &mut Status,
) -> Result<()> {
    let hint = view.hint;
    let batch = [
        runs(hint),
        counts(hint, ""),
        details(hint, "loading", "windows.started, windows.first_date"),
        details(hint, "failed", "windows.schema_name, windows.table_name, windows.first_date"),
        indexes(hint),
    ];
    let mut answers = session.query_all(&batch.join("; "), &[]).await.map_err(unreadable)?.into_iter();
    let mut next = || -> Vec<CatalogRow> {
        answers
            .next()
            .unwrap_or_default()
            .iter()
            .map(CatalogRow::from)
            .filter(|row| is_wanted(row, wanted))
            .collect()
    };
    let (runs, mut windows, loading, failed, indexes) = (next(), counted(&next()), next(), next(), next());
    if let Some(hint) = view.committed {
        match session.query(&counts(hint, "WHERE w.state = 'complete'"), &[]).await {
            Ok(rows) => {
                let committed = counted(&rows.iter().map(CatalogRow::from).collect::<Vec<_>>());
                windows.iter_mut().for_each(|(key, dirty)| dirty.keep(committed.get(key)));
            }
            Err(error) if error.has_number(LOCK_TIMEOUT) => {
                let note = "windows may count as complete that are not committed yet: the ledger's table is locked as a whole";
                status.notes.push(note.into());
            }
            Err(error) => return Err(unreadable(error)),
        }
    }
    tables(status, &runs, &windows, &failed)?;
    status.versions = versions(session, hint, wanted).await?;
    status.runs = unended(&runs, &windows, &loading, &status.tables)?;
    for row in &indexes {
        status.indexes.push(DisabledIndex {
            table: name(row),
            name: row.name("index_name")?,
            run: row.number("run_id")?,
            is_in_use: row.flag("in_use"),
            age: seconds(row, "age"),
        });
    }
    Ok(())
}

/// The ledger has a table for them once replicate-changes has run.
async fn versions(
    session: &mut Session,
    hint: &str,
    wanted: &dyn Fn(&TableName) -> bool,
) -> Result<Vec<KeptVersion>> {
    let sql = format!(
        "SELECT v.schema_name, v.table_name, v.method, v.version, CONVERT(varchar(30), v.as_of, 126) AS as_of, \
         DATEDIFF(second, v.as_of, SYSUTCDATETIME()) AS lag, v.host, v.pid FROM replica.versions AS v {hint} \
         ORDER BY v.schema_name, v.table_name"
    );
    let rows = match session.query(&sql, &[]).await {
        Ok(rows) => rows,
        Err(error) if error.has_number(NO_SUCH_OBJECT) => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let rows = rows.iter().map(CatalogRow::from).filter(|row| wanted(&name(row)));
    let version = |row: CatalogRow| {
        Ok(KeptVersion {
            table: name(&row),
            method: row.name("method")?,
            version: row.number("version")?,
            as_of: moment(&row, "as_of"),
            lag: seconds(&row, "lag"),
            host: row.text("host").unwrap_or_default().to_owned(),
            pid: row.int("pid").unwrap_or_default(),
        })
    };
    rows.map(version).collect()
}

/// A run over many tables has no name.
fn is_wanted(row: &CatalogRow, wanted: &dyn Fn(&TableName) -> bool) -> bool {
    let name = name(row);
    name.name.is_empty() || wanted(&name)
}

fn name(row: &CatalogRow) -> TableName {
    TableName::new(row.text("schema_name").unwrap_or_default(), row.text("table_name").unwrap_or_default())
}

fn count(row: &CatalogRow, column: &str) -> u64 {
    row.int(column).and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}

fn seconds(row: &CatalogRow, column: &str) -> Duration {
    Duration::from_secs(count(row, column))
}

/// The windows of one batch of a table.
#[derive(Clone, Copy, Debug, Default)]
struct BatchWindows {
    counts: WindowCounts,
    done: DoneWindows,
    /// Of all that are complete, also those of an earlier batch that were skipped.
    complete_rows: u64,
    /// Expected of those that are not.
    open_rows: u64,
}

impl BatchWindows {
    /// Takes back what is not committed. A window that has become complete between the two readings is not counted yet.
    fn keep(&mut self, committed: Option<&Self>) {
        let committed = committed.copied().unwrap_or_default();
        let seen = self.counts.complete;
        self.counts.complete = seen.min(committed.counts.complete);
        self.counts.committing = seen - self.counts.complete;
        if self.counts.committing > 0 {
            (self.complete_rows, self.done.rows, self.done.took) =
                (committed.complete_rows, committed.done.rows, committed.done.took);
        }
    }
}

type KnownBatches = HashMap<(TableName, i64), BatchWindows>;

fn counted(rows: &[CatalogRow]) -> KnownBatches {
    let mut batches = KnownBatches::new();
    for row in rows {
        let batch = batches.entry((name(row), row.int("batch_id").unwrap_or_default())).or_default();
        let (windows, estimated) = (count(row, "windows"), count(row, "estimated_rows"));
        match row.text("state").unwrap_or_default() {
            "complete" => {
                batch.counts.complete += windows;
                batch.complete_rows += count(row, "row_count");
                if row.flag("of_batch") {
                    batch.done.rows += count(row, "row_count");
                    batch.done.took += Duration::from_millis(count(row, "ms"));
                }
            }
            "loading" => {
                batch.counts.loading += windows;
                batch.done.at_work += windows;
                batch.open_rows += estimated;
            }
            "failed" => {
                batch.counts.failed += windows;
                batch.open_rows += estimated;
            }
            _ => {
                batch.counts.pending += windows;
                batch.done.pending_rows += estimated;
                batch.open_rows += estimated;
            }
        }
    }
    batches
}

/// What became of every table, and of the last run of each tool over many.
fn tables(
    status: &mut Status,
    runs: &[CatalogRow],
    windows: &KnownBatches,
    failed: &[CatalogRow],
) -> Result<()> {
    let mut tables = BTreeMap::<TableName, TableStatus>::new();
    let of = |table: TableName| TableStatus {
        table,
        last: None,
        last_success: None,
        windows: WindowCounts::default(),
        failed: Vec::new(),
        rows: RowsNow::Unknown,
    };
    // The newest first.
    for row in runs {
        let (table, ended) = (name(row), ended(row)?);
        if table.name.is_empty() {
            let is_known = |last: &EndedRun| row.text("tool") == Some(last.tool.as_str());
            if !status.over_many.iter().any(is_known) {
                status.over_many.extend(ended);
            }
            continue;
        }
        let table = tables.entry(table.clone()).or_insert_with(|| of(table));
        let success = ended.clone().filter(EndedRun::is_ok);
        table.last_success = table.last_success.take().or(success);
        table.last = table.last.take().or(ended);
    }
    for ((table, _), batch) in windows {
        let table = tables.entry(table.clone()).or_insert_with(|| of(table.clone()));
        let (all, more) = (&mut table.windows, batch.counts);
        all.complete += more.complete;
        all.committing += more.committing;
        all.loading += more.loading;
        all.pending += more.pending;
        all.failed += more.failed;
    }
    for row in failed {
        if let Some(table) = tables.get_mut(&name(row)) {
            let error = row.text("error").unwrap_or("it is not on record why").to_owned();
            table.failed.push((ledger::window(row)?, error));
        }
    }
    status.over_many.sort_by(|one, other| one.tool.cmp(&other.tool));
    status.tables = tables.into_values().collect();
    Ok(())
}

fn ended(row: &CatalogRow) -> Result<Option<EndedRun>> {
    // Who has ended has an outcome.
    let Some(outcome) = row.text("outcome") else { return Ok(None) };
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    Ok(Some(EndedRun {
        id: row.number("run_id")?,
        tool: text("tool"),
        host: text("host"),
        ended: moment(row, "ended"),
        age: seconds(row, "ended_ago"),
        outcome: outcome.to_owned(),
        rows: count(row, "row_count"),
        error: row.text("error").map(str::to_owned),
    }))
}

fn unended(
    runs: &[CatalogRow],
    windows: &KnownBatches,
    loading: &[CatalogRow],
    tables: &[TableStatus],
) -> Result<Vec<UnendedRun>> {
    let mut unended = Vec::new();
    for row in runs.iter().filter(|row| row.text("outcome").is_none()) {
        let text = |column| row.text(column).unwrap_or_default().to_owned();
        let (table, batch) = (name(row), row.int("batch_id").unwrap_or_default());
        let of_batch = windows.get(&(table.clone(), batch)).copied();
        let at_work = loading.iter().filter(|row| name(row) == table && row.int("batch_id") == Some(batch));
        let at_work = at_work.map(|row| {
            Ok(LoadingWindow {
                window: ledger::window(row)?,
                age: seconds(row, "age"),
                attempts: count(row, "attempts"),
                estimated_rows: count(row, "estimated_rows"),
            })
        });
        let loading = at_work.collect::<Result<Vec<_>>>()?;
        let age = seconds(row, "age");
        let last = tables
            .iter()
            .find(|status| status.table == table)
            .and_then(|status| status.last_success.as_ref());
        let (rows, estimated_rows, pace) = match of_batch {
            Some(of_batch) => {
                let rows = of_batch.complete_rows;
                let pace =
                    Pace::of_windows(of_batch.done, loading.iter().map(|one| (one.estimated_rows, one.age)));
                (rows, Some(rows + of_batch.open_rows), pace)
            }
            None => {
                let (rows, expected) =
                    (count(row, "row_count"), last.map(|last| last.rows).filter(|rows| *rows > 0));
                (rows, expected, Pace::of_rows(rows, age, expected))
            }
        };
        unended.push(UnendedRun {
            id: row.number("run_id")?,
            batch,
            tool: text("tool"),
            table: Some(table).filter(|table| !table.name.is_empty()),
            object_id: row.int("object_id").unwrap_or_default(),
            host: text("host"),
            pid: row.int("pid").unwrap_or_default(),
            program: text("program"),
            phase: text("phase"),
            started: moment(row, "started"),
            age,
            is_alive: row.flag("alive"),
            silent: seconds(row, "silent"),
            rows,
            estimated_rows,
            windows: of_batch.unwrap_or_default().counts,
            pace: if row.flag("alive") { pace } else { Pace::default() },
            loading,
        });
    }
    Ok(unended)
}
