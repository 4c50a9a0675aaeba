//! A load that makes no progress: who is in its way.
//!
//! That it ends is not decided here: every wait of a lane has a limit, and so has every wait for a lock.
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use log::Level;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::catalog::record::CatalogRow;
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::session::{Role, Session};

/// A load that has not moved for so long is worth a question.
const STILL: Duration = Duration::from_secs(20);
/// The server may be too busy to answer it.
const ANSWER: Duration = Duration::from_secs(10);

/// What is watched.
pub(super) struct Watched<'a> {
    /// For the log: the table and the window.
    pub what: &'a str,
    pub target: &'a Endpoint,
    /// Of the session that writes, as the server's views have it.
    pub session: &'a AtomicU64,
    /// Goes up with every row.
    pub moved: &'a AtomicU64,
}

impl Watched<'_> {
    /// Runs `work`, and says who blocks it whenever it has not moved for a while.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut ticks =
            interval(STILL.min(self.target.command_timeout.unwrap_or(STILL) / 2).max(ANSWER / 20));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut before = self.moved.load(Ordering::Relaxed);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = ticks.tick() => {}
            }
            let now = self.moved.load(Ordering::Relaxed);
            if now == before {
                let asked = timeout(ANSWER, self.blocker());
                // The work goes on while the question is asked: it may be what the server is busy with.
                let said = tokio::select! {
                    biased;
                    done = &mut work => return done,
                    said = asked => said,
                };
                let (level, said) = match said {
                    Ok(Ok(Some(blocker))) => (Level::Warn, blocker),
                    // A long DELETE moves no rows either.
                    Ok(Ok(None)) => (Level::Debug, "no session blocks it".to_owned()),
                    Ok(Err(error)) => (Level::Warn, format!("why is not to be learnt: {error}")),
                    Err(_) => (Level::Warn, "why is not to be learnt: no answer".to_owned()),
                };
                log::log!(level, "{}: no progress for {:.0?}; {said}", self.what, ticks.period());
            }
            before = now;
        }
    }

    /// Needs VIEW SERVER STATE (from 2022 on VIEW SERVER PERFORMANCE STATE) to see other sessions (Microsoft docs,
    /// "sys.dm_exec_requests").
    async fn blocker(&self) -> Result<Option<String>> {
        const SQL: &str = "SELECT r.blocking_session_id AS blocker, r.wait_type AS wait_type, \
             s.login_name AS login_name, s.host_name AS host_name, s.program_name AS program_name \
             FROM sys.dm_exec_requests AS r LEFT JOIN sys.dm_exec_sessions AS s \
             ON s.session_id = r.blocking_session_id WHERE r.session_id = @P1";
        let number = i64::try_from(self.session.load(Ordering::Relaxed)).unwrap_or_default();
        let mut session = Session::connect_once(self.target, Role::Target).await?;
        let rows = session.query(SQL, &[&number]).await?;
        let Some(row) = rows.first().map(CatalogRow::from) else {
            return Err(Error::data(format!("session {number} is not among those that this login sees"))
                .remedy("GRANT VIEW SERVER STATE"));
        };
        let wait = row.text("wait_type").unwrap_or("nothing");
        let part = |name| row.text(name).unwrap_or("?").trim_end();
        let blocker = row.int("blocker").filter(|blocker| *blocker != 0);
        Ok(blocker.map(|blocker| {
            format!(
                "session {number} waits for {wait}, held by session {blocker} (login {}, host {}, program {})",
                part("login_name"),
                part("host_name"),
                part("program_name")
            )
        }))
    }
}
