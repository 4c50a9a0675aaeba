//! A server that does not answer: who is in the way.
//!
//! Every wait of a session passes here, whatever it waits for: rows, the end of a statement, a lock. That a wait ends is
//! not decided here: every wait has a limit, and so has every wait for a lock.
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::Level;
use tokio::time::{Instant, timeout};

use super::{Role, Session, silent};
use crate::catalog::record::CatalogRow;
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::report::human_duration;

/// A server that says nothing for so long is worth a question. The answer is there within ten seconds.
const STILL: Duration = Duration::from_secs(8);
/// Questions become rarer: each is a connection of its own.
const RAREST: Duration = Duration::from_secs(60);
/// The server may be too busy to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The least that a short `Command Timeout` makes of [`STILL`].
const SHORTEST: Duration = Duration::from_millis(100);

/// The way to ask about a session, on another connection.
#[derive(Clone)]
pub(super) struct BlockerWatch {
    endpoint: Endpoint,
    role: Role,
    /// What the session works on, for the log.
    what: String,
}

/// What is known of a wait.
enum Said {
    /// Whoever holds what is waited for.
    Blocker(String),
    /// A long statement, or a busy server.
    Nobody,
    /// The server does nothing for it: what was sent, or the answer, is on its way or lost.
    NoRequest,
}

impl BlockerWatch {
    pub(super) fn new(endpoint: &Endpoint, role: Role) -> Self {
        Self { endpoint: endpoint.clone(), role, what: format!("{role} {endpoint}") }
    }

    /// Whose sessions it watches.
    pub(super) fn of(&self) -> (Endpoint, Role) {
        (self.endpoint.clone(), self.role)
    }

    /// From here on the log names what is worked on: the table, the window.
    pub(super) fn works_on(&mut self, what: impl fmt::Display) {
        self.what = format!("{what} ({})", self.role);
    }

    /// The first question is asked in time, whatever silence is the last.
    fn still(&self) -> Duration {
        let limit = self.endpoint.command_timeout.map_or(STILL, |limit| limit / 2);
        STILL.min(limit).max(SHORTEST)
    }

    /// Who blocks the session of that number. Needs VIEW SERVER STATE (from 2022 on VIEW SERVER PERFORMANCE STATE) to
    /// see other sessions (Microsoft docs, "sys.dm_exec_requests", Permissions).
    async fn ask(&self, number: u16) -> Result<Said> {
        const SQL: &str = "SELECT r.session_id AS request, r.blocking_session_id AS blocker, r.wait_type AS wait_type, \
             s.login_name AS login_name, s.host_name AS host_name, s.program_name AS program_name \
             FROM sys.dm_exec_sessions AS own LEFT JOIN sys.dm_exec_requests AS r ON r.session_id = own.session_id \
             LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = r.blocking_session_id WHERE own.session_id = @P1";
        let mut session = Session::connect_unwatched(&self.endpoint, self.role).await?;
        let rows = session.query(SQL, &[&i32::from(number)]).await?;
        let Some(row) = rows.first().map(CatalogRow::from) else {
            return Err(Error::data(format!("session {number} is not among those that this login sees"))
                .remedy("GRANT VIEW SERVER STATE"));
        };
        let wait = row.text("wait_type").unwrap_or("nothing");
        let part = |name| row.text(name).unwrap_or("?").trim_end();
        if row.int("request").is_none() {
            return Ok(Said::NoRequest);
        }
        let Some(blocker) = row.int("blocker").filter(|blocker| *blocker != 0) else {
            return Ok(Said::Nobody);
        };
        Ok(Said::Blocker(format!(
            "session {number} waits for {wait}, held by session {blocker} (login {}, host {}, program {})",
            part("login_name"),
            part("host_name"),
            part("program_name")
        )))
    }

    /// Boxed: a session that asks is a session, too.
    fn asked(&self, number: u16) -> Pin<Box<dyn Future<Output = Result<Said>> + Send + '_>> {
        Box::pin(self.ask(number))
    }

    async fn tell(&self, number: u16, waited: Duration) {
        static TOLD: AtomicBool = AtomicBool::new(false);
        // Why nobody can say is the same every time.
        let unknown = || if TOLD.swap(true, Ordering::Relaxed) { Level::Debug } else { Level::Warn };
        let (level, said) = match timeout(ANSWER, self.asked(number)).await {
            Ok(Ok(Said::Blocker(blocker))) => (Level::Warn, blocker),
            Ok(Ok(Said::Nobody)) => (Level::Debug, "no session blocks it".to_owned()),
            Ok(Ok(Said::NoRequest)) => (
                Level::Warn,
                "the server is not at work on it: the network may have lost what was sent".to_owned(),
            ),
            Ok(Err(error)) => (unknown(), format!("why is not to be learnt: {error}")),
            Err(_) => (unknown(), "why is not to be learnt: no answer".to_owned()),
        };
        log::log!(level, "{}: no answer for {}; {said}", self.what, human_duration(waited));
    }
}

/// Waits for `work` of the session of that number, no longer than `limit`, and says who blocks it while it lasts.
///
/// # Errors
/// The limit is over.
pub(super) async fn within<T>(
    watch: Option<&BlockerWatch>,
    number: u16,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T> {
    let mut work = pin!(work);
    let Some(watch) = watch.filter(|_| number != 0) else {
        return timeout(limit, work).await.map_err(|_| silent(limit));
    };
    let begun = Instant::now();
    let mut still = watch.still();
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        match timeout(still.min(left), &mut work).await {
            Ok(done) => return Ok(done),
            Err(_) if left <= still => return Err(silent(limit)),
            Err(_) => {}
        }
        // The work goes on while the question is asked: it may be what the server is busy with.
        let waited = begun.elapsed();
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            _ = timeout(limit.saturating_sub(waited), watch.tell(number, waited)) => {}
        }
        still = (still * 2).min(RAREST.max(still));
    }
}

/// Sessions that an answer names.
const MOST_NAMED: usize = 3;

/// Who holds a table of the current database, for people: asked on the session that has given up its wait. Needs VIEW
/// SERVER STATE, or on Azure VIEW DATABASE STATE (Microsoft docs, "sys.dm_tran_locks", Permissions).
pub(crate) async fn holders(session: &mut Session, object_id: i64) -> String {
    const SQL: &str = "SELECT l.request_session_id AS session_id, MAX(l.request_mode) AS request_mode, \
         MAX(s.login_name) AS login_name, MAX(s.host_name) AS host_name, MAX(s.program_name) AS program_name \
         FROM sys.dm_tran_locks AS l LEFT JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id \
         WHERE l.resource_type = 'OBJECT' AND l.resource_database_id = DB_ID() \
         AND l.resource_associated_entity_id = @P1 AND l.request_status = 'GRANT' \
         AND l.request_session_id <> @@SPID GROUP BY l.request_session_id ORDER BY l.request_session_id";
    let rows = match session.query(SQL, &[&object_id]).await {
        Ok(rows) => rows,
        Err(error) => return format!("who holds it is not to be learnt: {error} (GRANT VIEW SERVER STATE)"),
    };
    let named = rows.iter().map(CatalogRow::from).map(|row| {
        let part = |name| row.text(name).unwrap_or("?").trim_end().to_owned();
        format!(
            "session {} holds {} (login {}, host {}, program {})",
            row.int("session_id").unwrap_or_default(),
            part("request_mode"),
            part("login_name"),
            part("host_name"),
            part("program_name")
        )
    });
    let named: Vec<String> = named.collect();
    match named.len() {
        0 => "whoever held it is gone".to_owned(),
        more if more > MOST_NAMED => {
            format!("{}, and {} more", named[..MOST_NAMED].join(", "), more - MOST_NAMED)
        }
        _ => named.join(", "),
    }
}
