//! Runs that have no windows: whole tables, days that are replaced in one transaction, and runs over many tables.
//!
//! Their rows in the ledger are for those who look. No load relies on one, so that none waits for one, and none fails for
//! want of one: a login that may not write the ledger copies as if there was none.
//!
//! The row is written before the load's transaction and after it, each time by its key in a statement of its own, so that
//! nothing of the ledger is locked while rows are loaded. Signs of life go over a connection of their own, which is made only
//! for what takes longer than the first of them is due.
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::lease::{LEASE, RENEWALS};
use super::schema::VERSION;
use super::staging::{sweep_run, sweep_staging};
use super::{Replaced, change, milliseconds32, names, open_quietly, shortened, signed};
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::config::Endpoint;
use crate::error::numbers::NO_SUCH_OBJECT;
use crate::error::{Error, Kind, Result};
use crate::session::{Role, Session, ToSql, applock};

/// What the record says of such a run.
#[derive(Clone, Copy, Debug)]
pub struct PlainRunOptions<'a> {
    /// As the ledger shows it.
    pub tool: &'a str,
    /// The target's, and its id; `None`: many tables, each of which has a run of its own.
    pub table: Option<(&'a TableName, i64)>,
    /// The server, database and table that it comes from.
    pub source: &'a str,
    /// The caller holds what keeps other runs of its kind off: those on record that have not ended are dead. Otherwise only
    /// those are whose lease is over.
    pub alone: bool,
}

/// A run without windows, on record until it says how it ended. One that is dropped before is ended by [`end_unended`].
#[derive(Debug)]
pub struct PlainRun {
    id: i64,
    target: Endpoint,
    rows: Arc<AtomicU64>,
    heartbeat: JoinHandle<()>,
}

/// How such a run ended.
#[derive(Clone, Copy, Debug)]
pub struct PlainEnd<'a> {
    /// Rows and bytes that were loaded, or what went wrong.
    pub result: Result<(u64, u64), &'a Error>,
    /// Attempts after the first.
    pub retries: u32,
    /// What the session holds by application locks is given back with it.
    pub releases: bool,
}

/// Those of this process that have not ended: a signal drops work wherever it is.
static UNENDED: Mutex<Vec<(i64, Endpoint)>> = Mutex::new(Vec::new());

/// Nobody holds rows of the ledger for longer but by hand. The load does not wait for that.
const LOCK_WAIT: &str = "SET LOCK_TIMEOUT 1000";
/// For the last word on a connection of its own.
const LAST_WORD: Duration = Duration::from_secs(2);

impl PlainRun {
    /// Puts the run on record; others on the table that have not ended have died, since the caller holds it. `None`: there
    /// is no record, and why was said once.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn begin(
        session: &mut Session,
        target: &Endpoint,
        options: &PlainRunOptions<'_>,
    ) -> Result<Option<Self>> {
        let begun = match insert(session, options, None).await {
            Err(error) if error.has_number(NO_SUCH_OBJECT) => match open_quietly(session).await {
                Ok(()) => insert(session, options, None).await,
                Err(error) => Err(error),
            },
            begun => begun,
        };
        match begun {
            Ok(Some(inserted)) => Ok(Some(Self::new(inserted.id, target))),
            Ok(None) => {
                without_record(&"the ledger is of another release");
                Ok(None)
            }
            // The server's refusal, or what is there instead of a ledger. The connection is as good as before.
            Err(error) if error.server().is_some() || error.kind() == Kind::Data => {
                without_record(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// As [`Self::begin`], and asks with it, in one round trip, whether windows on record have rows that the run
    /// replaces. `false`: none has. `true`: some may, and [`Replaced::is_on_record`] knows.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn begin_replacing(
        session: &mut Session,
        target: &Endpoint,
        options: &PlainRunOptions<'_>,
        replaced: &Replaced<'_>,
    ) -> Result<(Option<Self>, bool)> {
        match insert(session, options, Some(replaced)).await {
            Ok(Some(Inserted { id, windows })) => Ok((Some(Self::new(id, target)), windows > 0)),
            Err(error) if error.server().is_none() => Err(error),
            // No ledger yet, one of another release, or no right to it.
            Ok(None) | Err(_) => Ok((Self::begin(session, target, options).await?, true)),
        }
    }

    /// Puts a run on record that is over, such as one that failed before it held anything. Where there is no ledger none is
    /// made, and that it cannot be written is no failure of the run's. `false`: the server cannot be asked.
    pub async fn note_ended(target: &Endpoint, options: &PlainRunOptions<'_>, end: PlainEnd<'_>) -> bool {
        let noted = async {
            let mut session = Session::connect_once(target, Role::Target).await?;
            if let Some(Inserted { id, .. }) = insert(&mut session, options, None).await? {
                note(&mut session, id, end).await?;
            }
            Ok(())
        };
        let noted: Result<()> = match timeout(LAST_WORD, noted).await {
            Ok(noted) => noted,
            Err(_) => Err(Error::timeout("the server does not answer")),
        };
        if let Err(error) = &noted {
            log::debug!("how it ended is not on record: {error}");
        }
        noted.map_or_else(|error| error.server().is_some(), |()| true)
    }

    fn new(id: i64, target: &Endpoint) -> Self {
        unended().push((id, target.clone()));
        let rows = Arc::new(AtomicU64::new(0));
        let heartbeat = tokio::spawn(keep_alive(id, target.clone(), rows.clone()));
        Self { id, target: target.clone(), rows, heartbeat }
    }

    /// Its number in the ledger.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Rows that have come so far. The next sign of life tells of them.
    pub fn progress(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// The run's last word, on this session or on one of its own. That it cannot be said is a warning: the run itself is
    /// done.
    pub async fn end(self, session: Option<&mut Session>, end: PlainEnd<'_>) {
        self.heartbeat.abort();
        unended().retain(|(id, _)| *id != self.id);
        let noted = match session {
            Some(session) => note(session, self.id, end).await,
            None => Err(Error::io("there is no connection")),
        };
        let noted = match noted {
            Err(error) if error.server().is_none() => note_anew(&self.target, self.id, end).await,
            noted => noted,
        };
        if let Err(error) = noted {
            log::warn!("the run's end is not noted: {error}");
        }
    }
}

impl Drop for PlainRun {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

fn unended() -> std::sync::MutexGuard<'static, Vec<(i64, Endpoint)>> {
    UNENDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says of all runs of this process that were dropped before their end that they have ended, and how.
pub async fn end_unended(why: &Error) {
    let left = mem::take(&mut *unended());
    for (id, target) in left {
        let end = PlainEnd { result: Err(why), retries: 0, releases: false };
        if let Err(error) = note_anew(&target, id, end).await {
            log::debug!("the run's end is not noted: {error}");
            // The next one would wait as long.
            return;
        }
    }
}

/// Once: what is said of every table is read of none.
fn without_record(why: &dyn std::fmt::Display) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| log::info!("runs of whole tables are not on record: {why}"));
}

/// A run's new row.
struct Inserted {
    id: i64,
    /// Windows on record with rows that it replaces, if that was asked.
    windows: i64,
}

/// `None`: the ledger is of another version. Nobody waits for a reader that asks for no locks, as the one of other runs does.
async fn insert(
    session: &mut Session,
    options: &PlainRunOptions<'_>,
    replaced: Option<&Replaced<'_>>,
) -> Result<Option<Inserted>> {
    let windows = replaced.map_or_else(
        || "0 AS windows".to_owned(),
        |replaced| {
            let condition = replaced.condition(["@P2", "@P3"], ["@P9", "@P10", "@P11"]);
            format!("COUNT(*) AS windows FROM replica.windows WHERE {condition}")
        },
    );
    // Parameters make a batch of its own, with whose end the session has its lock timeout back (Microsoft docs, "SET
    // statements", Remarks). XACT_ABORT is on: where the windows cannot be counted there is no row either.
    let sql = format!(
        "{LOCK_WAIT}; SELECT {windows}; INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, host, program, \
         login, pid, shared, phase, started, lease_until, windows_done, windows_failed, windows_skipped, row_count, \
         byte_count, retries, disable_ms, rebuild_ms) OUTPUT inserted.run_id AS run_id \
         SELECT 0, @P1, @P2, @P3, @P4, @P5, HOST_NAME(), APP_NAME(), SUSER_SNAME(), @P6, 0, 'copying', SYSUTCDATETIME(), \
         DATEADD(millisecond, @P7, SYSUTCDATETIME()), 0, 0, 0, 0, 0, 0, 0, 0 FROM replica.ledger \
         WHERE ledger.version = {VERSION}; \
         SELECT run_id FROM replica.runs WITH (NOLOCK) WHERE schema_name = @P2 AND table_name = @P3 AND ended IS NULL \
         AND (table_name <> N'' OR tool = @P1) AND (@P8 = 1 OR lease_until < SYSUTCDATETIME())"
    );
    let (table, object_id) = options.table.map_or((("", ""), 0), |(table, id)| (names(table), id));
    let source: String = options.source.chars().take(400).collect();
    let days = replaced.and_then(|replaced| replaced.days);
    let days = days.map(|(column, days)| (column, days.first.to_string(), days.next.to_string()));
    let own_id = i64::from(std::process::id());
    let (lease, alone) = (milliseconds32(LEASE), i32::from(options.alone));
    let source = source.as_str();
    let mut params: Vec<&dyn ToSql> =
        vec![&options.tool, &table.0, &table.1, &object_id, &source, &own_id, &lease, &alone];
    if let Some((column, first, next)) = &days {
        params.extend([column as &dyn ToSql, first, next]);
    }
    let answers = session.query_all(&sql, &params).await.map_err(|error| error.within("the ledger"))?;
    let mut answers = answers.into_iter().map(|rows| rows.iter().map(CatalogRow::from).collect::<Vec<_>>());
    let counted = answers.next().unwrap_or_default();
    let windows = counted.first().and_then(|row| row.int("windows")).unwrap_or_default();
    let Some(row) = answers.next().unwrap_or_default().into_iter().next() else { return Ok(None) };
    let id: i64 = row.number("run_id")?;
    let crashed = format!(
        "{LOCK_WAIT}; UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = 'crashed' \
         OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL"
    );
    let mut found_dead = false;
    for other in answers.next().unwrap_or_default() {
        let other: i64 = other.number("run_id")?;
        if other < id {
            change(session, &crashed, &[&other]).await?;
            found_dead = true;
        }
    }
    if let Some((table, _)) = options.table.filter(|_| found_dead) {
        sweep_staging(session, table, None).await?;
    }
    Ok(Some(Inserted { id, windows }))
}

async fn note(session: &mut Session, id: i64, end: PlainEnd<'_>) -> Result<()> {
    let (outcome, (rows, bytes), error) = match end.result {
        Ok(loaded) => ("ok", loaded, String::new()),
        Err(error) => (outcome(error), (0, 0), shortened(&error.to_string())),
    };
    // The table is free once it is said: in one request.
    let (releases, held) =
        if end.releases { applock::releases(session, 6) } else { (String::new(), Vec::new()) };
    // Whoever took this run for dead was wrong: the last word is the run's own. NULL as in `Run::end`.
    let sql = format!(
        "{LOCK_WAIT}; UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = @P2, row_count = @P3, \
         byte_count = @P4, retries = @P5, error = NULLIF(@P6, N'') OUTPUT inserted.run_id WHERE runs.run_id = @P1{releases}"
    );
    let (rows, bytes, retries, error) = (signed(rows), signed(bytes), i64::from(end.retries), error.as_str());
    let mut params: Vec<&dyn ToSql> = vec![&id, &outcome, &rows, &bytes, &retries, &error];
    params.extend(held.iter().map(|resource| resource as &dyn ToSql));
    change(session, &sql, &params).await?;
    applock::are_released(session, &held);
    Ok(())
}

async fn note_anew(target: &Endpoint, id: i64, end: PlainEnd<'_>) -> Result<()> {
    let noted = async {
        let mut session = Session::connect_once(target, Role::Target).await?;
        note(&mut session, id, end).await?;
        match end.result {
            // What it has beside its target is of no use to anybody.
            Err(_) => sweep_run(&mut session, id).await,
            Ok(_) => Ok(()),
        }
    };
    match timeout(LAST_WORD, noted).await {
        Ok(noted) => noted,
        Err(_) => Err(Error::timeout("the server does not answer")),
    }
}

fn outcome(error: &Error) -> &'static str {
    match error.kind() {
        Kind::Interrupted => "interrupted",
        Kind::Terminated => "terminated",
        _ => "failed",
    }
}

/// Signs of life, until it is aborted. One that fails is tried again with the next.
async fn keep_alive(id: i64, target: Endpoint, rows: Arc<AtomicU64>) {
    let sql = format!(
        "{LOCK_WAIT}; UPDATE replica.runs SET lease_until = DATEADD(millisecond, @P2, SYSUTCDATETIME()), row_count = @P3 \
         OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL"
    );
    let mut connected = None;
    loop {
        sleep(LEASE / RENEWALS).await;
        let renewed = async {
            let mut session = match connected.take() {
                Some(session) => session,
                None => Session::connect_once(&target, Role::Target).await?,
            };
            let rows = signed(rows.load(Ordering::Relaxed));
            change(&mut session, &sql, &[&id, &milliseconds32(LEASE), &rows]).await?;
            Ok::<_, Error>(session)
        };
        match renewed.await {
            Ok(session) => connected = Some(session),
            Err(error) => log::debug!("the run's sign of life: {error}"),
        }
    }
}
