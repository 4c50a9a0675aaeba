//! Runs that have no windows: whole tables, days that are replaced in one transaction, and runs over many tables.
//!
//! Their rows in the ledger are for those who look, and tell a load that has read the source before it held the table whether
//! others have loaded it meanwhile ([`quiet`](super::quiet)). None waits for one, and none fails for want of one: a login that may
//! not write the ledger copies as if there was none.
//!
//! The row is written before the load's transaction and after it, each time by its key in a statement of its own, so that
//! nothing of the ledger is locked while rows are loaded. Signs of life go over a connection of their own, which is made only
//! for what takes longer than the first of them is due.
mod insertion;

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use insertion::{Inserted, RESULTS, insert, insertion, settled};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::lease::{LEASE, RENEWALS};
use super::staging::sweep_run;
use super::{Replaced, change, milliseconds32, open_quietly, shortened, signed};
use crate::catalog::TableName;
use crate::config::Endpoint;
use crate::error::numbers::NO_SUCH_OBJECT;
use crate::error::{Error, Kind, Result};
use crate::read::SmallResults;
use crate::session::applock::{self, NumberedLock};
use crate::session::{Role, Session, ToSql};
use crate::tds::rpc::{Param, Query};

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
    is_noted: AtomicBool,
}

/// A run that replaces rows, once it is on record, or cannot be.
pub(crate) struct BegunPlainRun {
    /// `None`: there is no record.
    pub run: Option<PlainRun>,
    /// Windows on record may have rows that it replaces: [`Replaced::is_on_record`] knows. Otherwise none has.
    pub may_be_on_record: bool,
    /// No other run has ended on the table for so long, or for longer. Zero: it is not known.
    pub quiet: Duration,
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

    /// As [`Self::begin`], and asks with it, in one round trip, what else there is to know before rows are replaced.
    ///
    /// # Errors
    /// A lost connection.
    pub(crate) async fn begin_replacing(
        session: &mut Session,
        target: &Endpoint,
        options: &PlainRunOptions<'_>,
        replaced: &Replaced<'_>,
    ) -> Result<BegunPlainRun> {
        let inserted = insert(session, options, Some(replaced)).await;
        Self::begun(session, target, options, inserted).await
    }

    /// What [`Self::begin_replacing`] sends, for a request that does more before it. Its parameters begin with the number
    /// `first`. There is no row unless a condition holds, which is told the parameter with the table's id.
    pub(crate) fn beginning(
        options: &PlainRunOptions<'_>,
        replaced: &Replaced<'_>,
        first: usize,
        condition: impl FnOnce(&str) -> String,
    ) -> Query {
        insertion(options, Some(replaced), first, |id| format!(" AND {}", condition(id)))
    }

    /// As [`Self::begin_replacing`], once its request is answered.
    ///
    /// # Errors
    /// A lost connection.
    pub(crate) async fn has_begun(
        session: &mut Session,
        target: &Endpoint,
        options: &PlainRunOptions<'_>,
        answers: SmallResults,
    ) -> Result<BegunPlainRun> {
        let inserted = match answers.ended {
            Ok(()) if answers.sets.len() == RESULTS => settled(session, options, &answers.sets).await,
            Ok(()) => Ok(None),
            Err(error) => Err(error),
        };
        Self::begun(session, target, options, inserted).await
    }

    async fn begun(
        session: &mut Session,
        target: &Endpoint,
        options: &PlainRunOptions<'_>,
        inserted: Result<Option<Inserted>>,
    ) -> Result<BegunPlainRun> {
        match inserted {
            Ok(Some(Inserted { id, windows, quiet })) => {
                let run = Some(Self::new(id, target));
                Ok(BegunPlainRun { run, may_be_on_record: windows > 0, quiet })
            }
            Err(error) if error.server().is_none() => Err(error),
            // No ledger yet, one of another release, or no right to it.
            Ok(None) | Err(_) => {
                let run = Self::begin(session, target, options).await?;
                Ok(BegunPlainRun { run, may_be_on_record: true, quiet: Duration::ZERO })
            }
        }
    }

    /// Commits the transaction that has the run's last rows and, in the same request, puts its end on record and gives the
    /// table's application lock back: neither belongs to the transaction, which waits for nobody's ledger. That they fail is
    /// no failure of the load.
    ///
    /// # Errors
    /// Those of the COMMIT; after a lost connection nobody knows whether it happened.
    pub(crate) async fn commit(
        session: &mut Session,
        run: Option<&Self>,
        lock: Option<&NumberedLock>,
        loaded: (u64, u64),
        retries: u32,
    ) -> Result<()> {
        let mut params = Vec::new();
        let mut place = |number: i64| {
            params.push(Param::BigInt(number));
            format!("@P{}", params.len())
        };
        let mut sql = Vec::new();
        if let Some(run) = run {
            sql.push(format!(
                "{LOCK_WAIT}; UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = 'ok', \
                 row_count = {}, byte_count = {}, retries = {}, error = NULL WHERE runs.run_id = {}",
                place(signed(loaded.0)),
                place(signed(loaded.1)),
                place(i64::from(retries)),
                place(run.id)
            ));
        }
        sql.extend(lock.map(|lock| lock.release(&place(lock.number))));
        let statement = Query { sql: sql.join("; "), params }.statement().filter(|_| !sql.is_empty());
        let Some(statement) = statement else { return session.lane()?.commit().await };
        match session.commit_and(&statement).await? {
            Ok(()) => {
                if let Some(run) = run {
                    run.has_ended();
                }
                if let Some(lock) = lock {
                    applock::are_released(session, &[lock.name()]);
                }
            }
            // The end is noted once more, by itself, and the lock is given back with the session at the latest.
            Err(error) => log::debug!("after the COMMIT: {error}"),
        }
        Ok(())
    }

    /// The record says so: nobody has to say more.
    fn has_ended(&self) {
        self.heartbeat.abort();
        unended().retain(|(id, _)| *id != self.id);
        self.is_noted.store(true, Ordering::Relaxed);
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
        let (server, progress) = (target.clone(), rows.clone());
        let heartbeat = tokio::spawn(async move {
            // Most runs end before: nothing is made ready for more than this wait.
            sleep(LEASE / RENEWALS).await;
            Box::pin(keep_alive(id, server, progress)).await;
        });
        Self { id, target: target.clone(), rows, heartbeat, is_noted: AtomicBool::new(false) }
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
        if self.is_noted.load(Ordering::Relaxed) {
            return;
        }
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

/// Signs of life from now on, until it is aborted. One that fails is tried again with the next.
async fn keep_alive(id: i64, target: Endpoint, rows: Arc<AtomicU64>) {
    let sql = format!(
        "{LOCK_WAIT}; UPDATE replica.runs SET lease_until = DATEADD(millisecond, @P2, SYSUTCDATETIME()), row_count = @P3 \
         OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL"
    );
    let mut connected = None;
    loop {
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
        sleep(LEASE / RENEWALS).await;
    }
}
