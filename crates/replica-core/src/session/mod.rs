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
mod reply;
mod route;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::sync::Once;
use std::time::Duration;

use futures_util::TryStreamExt;
use tiberius::{Client, ColumnData, QueryItem, QueryStream};
use tokio::time::{Instant, timeout_at};
use tokio_util::compat::Compat;

use crate::config::{Endpoint, Secret};
use crate::entra::{self, LoginToken};
use crate::error::{Error, Result};
use crate::link::Protection;
use crate::tds::rpc::Query;
use borrowed::{Borrowed, Shared};
use connect::Patience;
pub use isolation::{Isolation, forbids_snapshot};
pub(crate) use kerberos::ticket_left;
pub use lane::{Lane, Sent};
pub(crate) use login::ConnectTimes;
pub use login::ServerInfo;
use own::OwnSession;
pub use reply::Reply;
use route::Route;
pub use tiberius::{FromSql, Row, ToSql};
use watch::BlockerWatch;
pub(crate) use watch::holders;

/// Bytes that the answer to a control query may take in memory, and more than any takes. On the wire it is less: a NULL
/// is a bit there.
const MOST_HELD: usize = 256 << 20;

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
    ahead: HashMap<String, Vec<Vec<Row>>>,
}

/// What the server was told last, and keeps; `None` where that is not certain.
#[derive(Clone, Copy, Debug, Default)]
struct Settings {
    isolation: Option<Isolation>,
    /// In milliseconds.
    lock_timeout: Option<i32>,
}

impl Settings {
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
];

impl Session {
    /// Connects, logs in and sets the session's options; tries again while the server refuses for a reason that
    /// passes, for as long as the endpoint says.
    ///
    /// # Errors
    /// Of kind [`Connect`](crate::error::Kind::Connect) (or `Usage`, for an unreadable certificate file), and
    /// names role and server. None is transient: what could be tried again was.
    pub async fn connect(endpoint: &Endpoint, role: Role) -> Result<Self> {
        let mut patience = Patience::new(endpoint.connect_retry);
        loop {
            let connected = Self::connect_once(endpoint, role).await;
            if let Some(settled) = patience.settled(connected).await {
                return settled;
            }
        }
    }

    /// As [`Self::connect`], in one attempt within the endpoint's connect timeout: for those who come back anyway.
    ///
    /// # Errors
    /// As [`Self::connect`]; those that may pass are transient.
    pub async fn connect_once(endpoint: &Endpoint, role: Role) -> Result<Self> {
        let mut session = Self::connect_unwatched(endpoint, role).await?;
        own::end_cut_off(&mut session).await?;
        session.lane()?.set_watch(BlockerWatch::new(endpoint, role));
        Ok(session)
    }

    /// As [`Self::connect_once`]; nobody asks who is in the way of this session: it asks about another one.
    async fn connect_unwatched(endpoint: &Endpoint, role: Role) -> Result<Self> {
        let limit = endpoint.connect_timeout;
        let place = format!("{role} {endpoint}");
        log::debug!("{place}: connecting");
        // Within a limit of its own, as whoever gives tokens is another server.
        let token = entra::token(endpoint).await.map_err(|error| error.while_connecting(&place))?;
        let deadline = Instant::now() + limit;
        let secret = token.clone().map(|token| token.secret);
        let mut route = None;
        let connecting = Self::connect_by(deadline, endpoint, secret, &mut route);
        let connected = match timeout_at(deadline, connecting).await {
            Ok(connected) => connected,
            Err(_) => {
                let error = Error::unreachable(format!("no connection within {} s", limit.as_secs()))
                    .remedy("Check Server= and the network, or raise Connect Timeout.");
                Err(Route::led_to(error, route.as_ref()))
            }
        };
        let connected = connected.map_err(|error| match token {
            // Its owner may have got a user meanwhile, or its time been up earlier than it was said.
            Some(LoginToken { is_cached: true, .. }) if error.has_number(18456) => {
                entra::forget(endpoint);
                error.that_passes()
            }
            _ => error,
        });
        let (mut session, protection) = connected.map_err(|error| error.while_connecting(&place))?;
        if protection != Protection::All {
            tell_of_plain_text(role, &place);
        }
        if let Some(lane) = &mut session.lane {
            lane.set_place(place.clone());
        }
        session.place = place;
        Ok(session)
    }

    /// Whoever calls gives up at the deadline. What waits for a third party tells of it before.
    async fn connect_by(
        deadline: Instant,
        endpoint: &Endpoint,
        token: Option<Secret>,
        route: &mut Option<Route>,
    ) -> Result<(Self, Protection)> {
        let silence = endpoint.command_timeout.unwrap_or(SILENCE);
        let login::LoggedIn { client, shared, lane, server, protection, times } =
            login::connect(endpoint, token, silence, deadline, route).await?;
        let command_timeout = endpoint.command_timeout;
        let lane = Some(lane);
        let place = String::new();
        let own = OwnSession::new();
        let has_all_options = true;
        let mut session = Self {
            client,
            shared,
            lane,
            server,
            silence,
            command_timeout,
            place,
            own,
            times,
            has_all_options,
            settings: Settings::default(),
            ahead: HashMap::new(),
        };
        session.set_options().await?;
        Ok((session, protection))
    }

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
            settled => return settled.map(drop),
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

    /// What brings the session there, for a call of sp_executesql, at whose end it is undone.
    pub(crate) fn settings_for(&self, level: Isolation, wait: Duration) -> Vec<String> {
        self.settings.statements(Some(level), Some(milliseconds(wait)))
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
        self.settings = Settings {
            isolation: isolation.or(before.isolation),
            lock_timeout: lock_timeout.or(before.lock_timeout),
        };
        Ok(())
    }

    /// From here on silence counts only if the connection string gave a `Command Timeout`: for queries that may take
    /// hours before they say anything.
    pub fn be_patient(&mut self) {
        self.silence = self.command_timeout.unwrap_or(Duration::MAX);
        if let Some(lane) = &mut self.lane {
            lane.set_silence(self.silence);
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

    /// The rows of the first result set. Parameters are `@P1`, `@P2`, ...
    ///
    /// # Errors
    /// As [`Self::query_all`].
    pub async fn query(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Row>> {
        Ok(self.query_all(sql, params).await?.into_iter().next().unwrap_or_default())
    }

    /// The rows of every result set, in order. Inside a transaction when one is open on the lane.
    ///
    /// # Errors
    /// An error of the server leaves the session usable, but ends the transaction. Silence beyond the
    /// command timeout and a lost connection end the session.
    pub async fn query_all(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Vec<Row>>> {
        let lane = self.idle_lane()?;
        let in_transaction = lane.in_transaction();
        let (watched, number) = (lane.watch().cloned(), lane.number());
        if let Some(lane) = self.lane.take() {
            self.shared.lend(lane);
        }
        let client = &mut self.client;
        // Without parameters as a batch of its own: what sp_executesql sets or creates ends with it.
        let answer = async move {
            match params {
                [] => collected(client.simple_query(sql).await?).await,
                _ => collected(client.query(sql, params).await?).await,
            }
        };
        let answer = match watch::within(watched.as_ref(), number, self.silence, answer).await {
            Ok(answer) => answer,
            Err(silent) => {
                self.shared.take_back();
                return Err(silent.within(&self.place));
            }
        };
        let lane = self.shared.take_back();
        match answer {
            Ok(rows) => {
                self.lane = lane;
                Ok(rows)
            }
            // tiberius raises a server's errors when it has read the answer to its end.
            Err(tiberius::error::Error::Server(e)) => {
                self.lane = lane;
                if in_transaction {
                    self.lane()?.rollback().await?;
                }
                Err(tiberius::error::Error::Server(e).into())
            }
            Err(e) => Err(Error::from(e).within(&self.place)),
        }
    }

    /// Keeps an answer for whoever is going to ask for it.
    pub(crate) fn keep_ahead(&mut self, about: String, results: Vec<Vec<Row>>) {
        self.ahead.insert(about, results);
    }

    /// An answer that was asked for ahead, once.
    pub(crate) fn take_ahead(&mut self, about: &str) -> Option<Vec<Vec<Row>>> {
        self.ahead.remove(about)
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

/// The rows of every result set: what tiberius' `into_results` does, with an end.
async fn collected(mut answer: QueryStream<'_>) -> tiberius::Result<Vec<Vec<Row>>> {
    let mut results: Vec<Vec<Row>> = Vec::new();
    let mut held = 0;
    while let Some(item) = answer.try_next().await? {
        held += match &item {
            QueryItem::Row(row) => size_of::<Row>() + row.len() * size_of::<ColumnData<'static>>(),
            QueryItem::Metadata(_) => size_of::<Vec<Row>>(),
        };
        if held > MOST_HELD {
            let what = "the server answers a control query without end";
            return Err(tiberius::error::Error::Protocol(what.into()));
        }
        match (item, results.last_mut()) {
            (QueryItem::Row(row), Some(rows)) => rows.push(row),
            (QueryItem::Row(row), None) => results.push(vec![row]),
            (QueryItem::Metadata(_), _) => results.push(Vec::new()),
        }
    }
    Ok(results)
}

/// Once a side: what is said at every connection is read at none.
fn tell_of_plain_text(role: Role, place: &str) {
    static TOLD: [Once; 2] = [const { Once::new() }; 2];
    TOLD[usize::from(role == Role::Target)].call_once(|| {
        log::warn!(
            "{place}: the rows are not encrypted (Encrypt=false): whoever is on the way can read them, and a bit that \
             falls over is loaded as it is"
        );
    });
}

fn cut_off() -> Error {
    Error::io("an earlier request on this connection was cut off: it can't be used any more")
}

fn silent(limit: Duration) -> Error {
    Error::timeout(format!("the server was silent for {} s", limit.as_secs_f64())).remedy(
        "See what it waits for (sys.dm_exec_requests), or raise Command Timeout in the connection string.",
    )
}
