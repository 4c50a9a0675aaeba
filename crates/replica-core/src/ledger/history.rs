//! What earlier runs on a table did, for whoever looks back.
use std::time::Duration;

use time::PrimitiveDateTime;

use super::known::{WINDOW_DAYS, window};
use super::{ask, names};
use crate::catalog::record::CatalogRow;
use crate::catalog::{TableName, moment};
use crate::error::Result;
use crate::session::Session;
use crate::window::Window;

/// A run that is on record. Times are the server's, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The run's number in the ledger.
    pub id: i64,
    /// It has no windows: a whole table, or days in one transaction.
    pub is_plain: bool,
    /// The program that ran.
    pub tool: String,
    /// The machine that it ran on.
    pub host: String,
    /// By the target's clock, in UTC.
    pub started: PrimitiveDateTime,
    /// `None`: it has not ended, or has died.
    pub ended: Option<PrimitiveDateTime>,
    /// How it ended; `None`: it did not, or nobody could say.
    pub outcome: Option<String>,
    /// Windows that it loaded.
    pub windows_done: u64,
    /// Windows that it gave up.
    pub windows_failed: u64,
    /// Windows that it left as they were.
    pub windows_skipped: u64,
    /// Loaded, in all windows.
    pub rows: u64,
    /// Attempts after the first, of all windows.
    pub retries: u64,
    /// How long indexes took to be disabled.
    pub disabling: Duration,
    /// How long indexes took to be rebuilt.
    pub rebuilding: Duration,
    /// What ended it before its time.
    pub error: Option<String>,
    /// Those that no later run has loaded since, in the order in which they were begun.
    pub windows: Vec<PastWindow>,
}

/// A window's last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastWindow {
    /// Which days.
    pub window: Window,
    /// As docs/LEDGER.md names the states.
    pub state: String,
    /// The first included.
    pub attempts: u64,
    /// By the target's clock, in UTC.
    pub started: PrimitiveDateTime,
    /// Loaded by it.
    pub rows: u64,
    /// How long the old rows took to go.
    pub deleting: Duration,
    /// How long the new rows took to come.
    pub loading: Duration,
    /// How long reading back took.
    pub verifying: Duration,
}

/// Tables whose last run has failed, and tools whose last run over many has. Nobody is waited for.
///
/// # Errors
/// A lost connection. What the server refuses is as if nothing had failed.
pub async fn failing(session: &mut Session) -> Result<Failing> {
    let last = "SELECT MAX(r.run_id) FROM replica.runs AS r WITH (NOLOCK) WHERE r.ended IS NOT NULL \
                GROUP BY r.schema_name, r.table_name, CASE WHEN r.table_name = N'' THEN r.tool ELSE N'' END";
    let sql = format!(
        "SELECT tool, schema_name, table_name FROM replica.runs WITH (NOLOCK) WHERE outcome = 'failed' AND run_id IN ({last})"
    );
    let rows = match ask(session, &sql, &[]).await {
        Err(error) if error.server().is_some() => {
            log::debug!("what has failed before is not to be learnt: {error}");
            return Ok(Failing::default());
        }
        rows => rows?,
    };
    let mut failing = Failing::default();
    for row in rows {
        let text = |column| row.text(column).unwrap_or_default().to_owned();
        match text("table_name").as_str() {
            "" => failing.tools.push(text("tool")),
            name => failing.tables.push(TableName::new(&text("schema_name"), name)),
        }
    }
    Ok(failing)
}

/// What the last runs on record have failed at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failing {
    /// The target's.
    pub tables: Vec<TableName>,
    /// Whose last run over many tables has failed.
    pub tools: Vec<String>,
}

/// The last runs on a table, at most so many, the newest first.
///
/// # Errors
/// The server's.
pub async fn history(session: &mut Session, table: &TableName, most: u16) -> Result<Vec<Past>> {
    let (schema, name) = names(table);
    let sql = format!(
        "SELECT TOP ({most}) run_id, batch_id, tool, host, CONVERT(varchar(30), started, 126) AS started, \
         CONVERT(varchar(30), ended, 126) AS ended, outcome, windows_done, windows_failed, windows_skipped, \
         row_count, retries, disable_ms, rebuild_ms, error FROM replica.runs \
         WHERE schema_name = @P1 AND table_name = @P2 ORDER BY run_id DESC"
    );
    let rows = ask(session, &sql, &[&schema, &name]).await?;
    let mut runs: Vec<Past> = rows.iter().filter_map(past).collect();
    let sql = format!(
        "SELECT windows.*, {WINDOW_DAYS}, CONVERT(varchar(30), windows.started, 126) AS begun FROM replica.windows \
         WHERE windows.schema_name = @P1 AND windows.table_name = @P2 AND windows.started IS NOT NULL"
    );
    for row in ask(session, &sql, &[&schema, &name]).await? {
        let run = runs.iter_mut().find(|run| Some(run.id) == row.int("run_id"));
        if let (Some(run), Some(past)) = (run, past_window(&row)?) {
            run.windows.push(past);
        }
    }
    runs.iter_mut().for_each(|run| run.windows.sort_by_key(|window| window.started));
    Ok(runs)
}

/// The run that is at work on a table: its program, where, as whom, since when. `None`: none is, or this login may not
/// see it.
pub async fn at_work(session: &mut Session, table: &TableName) -> Option<String> {
    let sql = "SELECT TOP (1) run_id, tool, host, login, pid, CONVERT(varchar(19), started, 126) AS started \
               FROM replica.runs WHERE schema_name = @P1 AND table_name = @P2 AND ended IS NULL \
               AND lease_until > SYSUTCDATETIME() ORDER BY run_id";
    let (schema, name) = names(table);
    let rows = match ask(session, sql, &[&schema, &name]).await {
        Ok(rows) => rows,
        Err(error) => {
            log::debug!("{table}: {error}");
            return None;
        }
    };
    rows.first().map(|row| {
        format!(
            "run {} of {} on host {} (process {}), login {}, since {}Z",
            row.int("run_id").unwrap_or_default(),
            text(row, "tool"),
            text(row, "host"),
            row.int("pid").unwrap_or_default(),
            text(row, "login"),
            text(row, "started")
        )
    })
}

/// A row without a time is of no use here.
fn past(row: &CatalogRow) -> Option<Past> {
    Some(Past {
        id: row.int("run_id")?,
        is_plain: row.int("batch_id") == Some(0),
        tool: text(row, "tool"),
        host: text(row, "host"),
        started: moment(row, "started")?,
        ended: moment(row, "ended"),
        outcome: row.text("outcome").map(str::to_owned),
        windows_done: count(row, "windows_done"),
        windows_failed: count(row, "windows_failed"),
        windows_skipped: count(row, "windows_skipped"),
        rows: count(row, "row_count"),
        retries: count(row, "retries"),
        disabling: milliseconds(row, "disable_ms"),
        rebuilding: milliseconds(row, "rebuild_ms"),
        error: row.text("error").map(str::to_owned),
        windows: Vec::new(),
    })
}

fn past_window(row: &CatalogRow) -> Result<Option<PastWindow>> {
    let Some(started) = moment(row, "begun") else { return Ok(None) };
    Ok(Some(PastWindow {
        window: window(row)?,
        state: text(row, "state"),
        attempts: count(row, "attempts"),
        started,
        rows: count(row, "row_count"),
        deleting: milliseconds(row, "delete_ms"),
        loading: milliseconds(row, "load_ms"),
        verifying: milliseconds(row, "verify_ms"),
    }))
}

fn text(row: &CatalogRow, column: &str) -> String {
    row.text(column).unwrap_or_default().to_owned()
}

fn count(row: &CatalogRow, column: &str) -> u64 {
    row.int(column).and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
}

fn milliseconds(row: &CatalogRow, column: &str) -> Duration {
    Duration::from_millis(count(row, column))
}
