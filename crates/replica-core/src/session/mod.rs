//! A logged-in connection: control queries through tiberius, and the data lane.
//!
//! One socket serves both, never at once. [`Session::query`] lends it to tiberius and takes it back when
//! the answer is read to its end; a query that is cut off (an error of the connection, a dropped future)
//! never gives it back, and the session says so from then on. Transactions live on the [`Lane`]; queries
//! run inside the one that is open.
pub mod applock;
mod borrowed;
mod boundary;
mod connect;
mod exchange;
mod isolation;
mod kerberos;
mod lane;
mod login;
mod own;
mod pool;
mod query;
mod reply;
mod route;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tiberius::Client;
use tokio_util::compat::Compat;

use crate::catalog::CatalogAnswer;
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::tds::rpc::Query;
use borrowed::{Borrowed, Shared};
pub use isolation::{Isolation, forbids_snapshot};
pub(crate) use kerberos::ticket_left;
pub use lane::{Lane, Sent};
pub(crate) use login::ConnectTimes;
pub use login::ServerInfo;
use own::OwnSession;
pub use reply::Reply;
pub use tiberius::{FromSql, Row, ToSql};
pub(crate) use watch::holders;

/// A silent server is given up after this, unless `Command Timeout` says otherwise.
const SILENCE: Duration = Duration::from_secs(600);

/// Which side of the copy a connection is: for messages, logs and `sys.dm_exec_sessions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Where rows are read.
    Source,
    /// Where rows are written.
    Target,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

impl Role {
    /// Side and server, as connections to it are named.
    pub(crate) fn at(self, endpoint: &Endpoint) -> String {
        format!("{self} {endpoint}")
    }
}

/// A logged-in connection. See the [module](self).
pub struct Session {
    client: Client<Compat<Borrowed>>,
    shared: Shared,
    /// `None` once the connection can't be used any more.
    lane: Option<Lane>,
    server: ServerInfo,
    silence: Duration,
    command_timeout: Option<Duration>,
    /// Side and server, for errors of the connection.
    place: String,
    own: OwnSession,
    times: ConnectTimes,
    /// The server has taken each of [`OPTIONS`].
    has_all_options: bool,
    settings: Settings,
    /// What was asked for ahead, by whatever it is about.
    ahead: HashMap<String, CatalogAnswer>,
}

/// What the server was told last, and keeps; `None` where that is not certain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Settings {
    isolation: Option<Isolation>,
    /// In milliseconds.
    lock_timeout: Option<i32>,
}

impl Settings {
    /// Those of [`OPTIONS`].
    const FIRST: Self = Self { isolation: Some(Isolation::ReadCommitted), lock_timeout: Some(NO_LIMIT) };

    /// What brings the session from here to there, each where it is another one.
    fn statements(self, isolation: Option<Isolation>, lock_timeout: Option<i32>) -> Vec<String> {
        let isolation = isolation
            .filter(|level| self.isolation != Some(*level))
            .map(|level| format!("SET TRANSACTION ISOLATION LEVEL {level}"));
        let lock_timeout = lock_timeout
            .filter(|wait| self.lock_timeout != Some(*wait))
            .map(|wait| format!("SET LOCK_TIMEOUT {wait}"));
        isolation.into_iter().chain(lock_timeout).collect()
    }
}

fn milliseconds(wait: Duration) -> i32 {
    i32::try_from(wait.as_millis()).unwrap_or(i32::MAX)
}

impl Drop for Session {
    fn drop(&mut self) {
        let is_at_rest = self.is_at_rest();
        self.own.is_left(&self.place, !is_at_rest);
    }
}

/// What every session starts with: the options that SqlClient's and ODBC's sessions have, since indexed
/// views, computed columns and partition switches demand them; counts, since they are compared with what was sent;
/// and any error ends the transaction.
const OPTIONS: &[&str] = &[
    "SET NOCOUNT OFF",
    "SET XACT_ABORT ON",
    "SET ANSI_NULLS ON",
    "SET ANSI_PADDING ON",
    "SET ANSI_WARNINGS ON",
    "SET ARITHABORT ON",
    "SET CONCAT_NULL_YIELDS_NULL ON",
    "SET QUOTED_IDENTIFIER ON",
    "SET NUMERIC_ROUNDABORT OFF",
    "SET IMPLICIT_TRANSACTIONS OFF",
    "SET CURSOR_CLOSE_ON_COMMIT OFF",
    "SET TEXTSIZE 2147483647",
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    // Of Settings::FIRST.
    "SET LOCK_TIMEOUT -1",
];

/// A wait for a lock that has no end.
const NO_LIMIT: i32 = -1;

impl Session {
    /// How long the server took to let us in.
    pub(crate) fn times(&self) -> ConnectTimes {
        self.times
    }

    /// All options in one batch, and whose session it is; one by one where a relative of SQL Server lacks some of them.
    async fn set_options(&mut self) -> Result<()> {
        let mark = self.own.mark().statement();
        let options: Vec<&str> = OPTIONS.iter().copied().chain([mark.as_str()]).collect();
        match self.execute(&options.join("; ")).await {
            Err(e) if e.server().is_some() => {}
            settled => {
                settled?;
                self.begins_anew()?;
                return Ok(());
            }
        }
        self.has_all_options = false;
        for option in options {
            match self.execute(option).await {
                Err(e) if e.server().is_some() => log::debug!("{option}: {e}"),
                settled => drop(settled?),
            }
        }
        Ok(())
    }

    /// The server has taken each of [`OPTIONS`], and the session holds nothing else.
    fn begins_anew(&mut self) -> Result<()> {
        self.settings = Settings::FIRST;
        self.lane()?.begins_anew();
        Ok(())
    }

    /// The last request has gone well, and has left nothing in the session that is not accounted for: by its settings, its
    /// application locks and its transaction.
    pub(crate) fn has_left_nothing(&mut self) {
        if let Some(lane) = &mut self.lane {
            lane.has_left_nothing();
        }
    }

    /// Nothing is under way.
    fn is_at_rest(&self) -> bool {
        self.lane.as_ref().is_some_and(|lane| lane.is_idle() && !lane.in_transaction())
    }

    /// The longest wait for a lock; 0 fails at once. An expired wait is error 1222.
    pub async fn set_lock_timeout(&mut self, wait: Duration) -> Result<()> {
        self.set(None, Some(milliseconds(wait))).await
    }

    /// Both at once: [`Self::set_isolation`] and [`Self::set_lock_timeout`].
    pub async fn set_isolation_and_wait(&mut self, level: Isolation, wait: Duration) -> Result<()> {
        self.set(Some(level), Some(milliseconds(wait))).await
    }

    /// As [`Self::set_isolation_and_wait`], in the batch of the query that follows where that is one.
    pub(crate) async fn preceded(&mut self, level: Isolation, wait: Duration, query: Query) -> Result<Query> {
        if !query.params.is_empty() {
            // They would hold until the end of sp_executesql (Microsoft docs, "SET statements", Remarks).
            self.set_isolation_and_wait(level, wait).await?;
            return Ok(query);
        }
        let mut statements = self.settings.statements(Some(level), Some(milliseconds(wait)));
        // Whether they have run is known once the query has.
        self.settings = Settings::default();
        statements.push(query.sql);
        Ok(statements.join("; ").into())
    }

    /// What brings a session there, for a call of sp_executesql, at whose end it is undone. Both are said, whatever is known of
    /// the session: should a relative of SQL Server not undo it, the next such call is none the worse for it.
    pub(crate) fn settings_for(level: Isolation, wait: Duration) -> Vec<String> {
        Settings::default().statements(Some(level), Some(milliseconds(wait)))
    }

    /// In one batch what the session does not have already.
    async fn set(&mut self, isolation: Option<Isolation>, lock_timeout: Option<i32>) -> Result<()> {
        let before = self.settings;
        let statements = before.statements(isolation, lock_timeout);
        if statements.is_empty() {
            return Ok(());
        }
        self.settings = Settings::default();
        self.execute(&statements.join("; ")).await?;
        if self.lane()?.in_transaction() {
            // On Babelfish they go with a transaction that is rolled back (PostgreSQL docs, "SET").
            return Ok(());
        }
        self.has_left_nothing();
        self.settings = Settings {
            isolation: isolation.or(before.isolation),
            lock_timeout: lock_timeout.or(before.lock_timeout),
        };
        Ok(())
    }

    /// From here on silence counts only if the connection string gave a `Command Timeout`: for queries that may take
    /// hours before they say anything.
    pub fn be_patient(&mut self) {
        self.be_silent_for(self.command_timeout.unwrap_or(Duration::MAX));
    }

    /// From here on a server that says nothing for so long is given up.
    pub(crate) fn be_silent_for(&mut self, limit: Duration) {
        self.silence = limit;
        if let Some(lane) = &mut self.lane {
            lane.set_silence(limit);
        }
    }

    /// A server that says nothing for so long is given up.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// The isolation level of all that follows.
    pub async fn set_isolation(&mut self, level: Isolation) -> Result<()> {
        self.set(Some(level), None).await
    }

    /// What it works on, for the log, should the server not answer: the table, the window.
    pub fn works_on(&mut self, what: impl fmt::Display) {
        if let Some(lane) = &mut self.lane {
            lane.works_on(what);
        }
    }

    /// The number by which the server's views know the session (`@@SPID`); 0 if it does not say.
    pub fn number(&self) -> u16 {
        self.lane.as_ref().map_or(0, Lane::number)
    }

    /// What the server said of itself at login.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Runs a batch that returns no rows, and reads its answer to the end.
    ///
    /// # Errors
    /// The server's errors, all of them; silence beyond the command timeout; a lost connection.
    pub async fn execute(&mut self, sql: &str) -> Result<Reply> {
        self.idle_lane()?.batch(sql).await
    }

    /// As [`Self::execute`], for what may take hours (a large DELETE, an index rebuild): silence counts only
    /// if the connection string gave a `Command Timeout`. A peer that is gone is noticed all the same.
    pub async fn execute_long(&mut self, query: impl Into<Query>) -> Result<Reply> {
        let silence = self.silence;
        let patience = self.command_timeout.unwrap_or(Duration::MAX);
        let lane = self.idle_lane()?;
        lane.set_silence(patience);
        let reply = lane.run(&query.into()).await;
        lane.set_silence(silence);
        reply
    }

    /// Begins a transaction, whose waits for locks are so long, and runs a query in it: in one batch where the query is one. An
    /// error of it ends the transaction (XACT_ABORT), as it would in a batch of its own.
    ///
    /// # Errors
    /// As [`Self::execute_long`].
    pub(crate) async fn begin_long(&mut self, wait: Duration, query: Query) -> Result<Reply> {
        if !query.params.is_empty() {
            self.set_lock_timeout(wait).await?;
            self.lane()?.begin().await?;
            return self.execute_long(query).await;
        }
        let wait = milliseconds(wait);
        let mut statements = self.settings.statements(None, Some(wait));
        self.settings.lock_timeout = None;
        statements.extend(["BEGIN TRANSACTION".to_owned(), query.sql]);
        let reply = self.execute_long(statements.join("; ")).await?;
        self.settings.lock_timeout = Some(wait);
        self.lane()?.has_begun();
        Ok(reply)
    }

    /// Commits the transaction, and runs a statement that does not belong to it and leaves nothing, in the same batch. What
    /// became of that is within. Where all goes well the session holds nothing more by it than it began with.
    ///
    /// # Errors
    /// Those of [`Lane::commit`].
    pub(crate) async fn commit_and(&mut self, statement: &str) -> Result<Result<()>> {
        let settings = self.settings.statements(None, Settings::FIRST.lock_timeout);
        self.settings.lock_timeout = None;
        let committed = self.lane()?.commit_and(statement, &settings).await?;
        if committed.is_ok() {
            self.settings.lock_timeout = Settings::FIRST.lock_timeout;
            self.has_left_nothing();
        }
        Ok(committed)
    }

    /// The data lane: the socket for the caller alone, until the reply to every request is read.
    ///
    /// # Errors
    /// The session was cut off earlier.
    pub fn lane(&mut self) -> Result<&mut Lane> {
        self.lane.as_mut().ok_or_else(cut_off)
    }

    /// The lane, with nothing under way on it.
    fn idle_lane(&mut self) -> Result<&mut Lane> {
        let lane = self.lane.as_mut().ok_or_else(cut_off)?;
        if lane.is_idle() { Ok(lane) } else { Err(cut_off()) }
    }
}

fn cut_off() -> Error {
    Error::io("an earlier request on this connection was cut off: it can't be used any more")
}

fn silent(limit: Duration) -> Error {
    Error::timeout(format!("the server was silent for {} s", limit.as_secs_f64())).remedy(
        "See what it waits for (sys.dm_exec_requests), or raise Command Timeout in the connection string.",
    )
}
