//! Application locks: names that sessions of one database hold, by `sp_getapplock`. What a session holds goes with it,
//! however it ends.
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::own::{self, LeftSession};
use crate::session::{Session, ToSql};

/// How a name is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Beside other sessions that share it.
    Shared,
    /// Alone.
    Exclusive,
}

impl LockMode {
    fn name(self) -> &'static str {
        match self {
            Self::Shared => "Shared",
            Self::Exclusive => "Exclusive",
        }
    }
}

/// A name that ends with a number, such as the id of what it stands for: the number alone is no text that a batch would have
/// to quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberedLock {
    /// What comes before it.
    pub word: &'static str,
    pub number: i64,
}

impl NumberedLock {
    /// As the server knows it.
    pub(crate) fn name(&self) -> String {
        format!("{}{}", self.word, self.number)
    }

    /// Statements that give it back, by the parameter that has the number.
    pub(crate) fn release(&self, parameter: &str) -> String {
        format!(
            "DECLARE @lock nvarchar(255) = N'{}' + CONVERT(nvarchar(20), {parameter}); \
             EXEC sp_releaseapplock @Resource = @lock, @LockOwner = 'Session'",
            self.word
        )
    }
}

/// Takes `resource` for the life of the session, or until [`release`]; `false` when others hold it for longer than
/// `wait`, or than the session waits for an answer. What this process itself has left there is ended, or waited for. On a
/// server without application locks everybody gets it, and a warning.
///
/// # Errors
/// A lost connection.
pub async fn take(session: &mut Session, resource: &str, mode: LockMode, wait: Duration) -> Result<bool> {
    Ok(try_to_take(session, resource, mode, wait).await? || outlasts_own(session, resource, mode).await?)
}

/// What takes the name that a parameter has, as the first statements of a request: from then on `@result` is not below 0 if
/// it is ours, which [`is_taken`] is to be told of as the first result.
pub(crate) fn taking(parameter: usize, mode: LockMode, wait: Duration) -> String {
    format!(
        "DECLARE @result int; EXEC @result = sp_getapplock @Resource = @P{parameter}, @LockMode = '{}', \
         @LockOwner = 'Session', @LockTimeout = {}; SELECT @result AS result",
        mode.name(),
        wait.as_millis()
    )
}

/// Whether `resource` is ours by that request. -1: not within the wait; -2 and -3 need a lock wait, too.
///
/// # Errors
/// There is no result.
pub(crate) fn is_taken(session: &mut Session, resource: &str, result: Option<i64>) -> Result<bool> {
    match result {
        Some(0 | 1) => {
            session.own.holds(resource);
            Ok(true)
        }
        Some(_) => Ok(false),
        None => Err(Error::protocol("sp_getapplock gives no result")),
    }
}

/// Whether the session holds `resource`, as far as the server has such locks.
pub(crate) fn holds(session: &Session, resource: &str) -> bool {
    session.own.held().iter().any(|held| held == resource)
}

async fn try_to_take(session: &mut Session, resource: &str, mode: LockMode, wait: Duration) -> Result<bool> {
    let wait = wait.min(session.silence() / 2);
    match session.query(&taking(1, mode, wait), &[&resource]).await {
        Ok(rows) => {
            let result = rows.first().and_then(|row| row.try_get::<i32, _>(0).ok().flatten());
            is_taken(session, resource, result.map(i64::from))
        }
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::warn!("other runs are not kept off, since the server has no application locks: {error}");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Once others hold `resource`: takes it after all if they are sessions whose client is gone, which the server is about
/// to find out.
async fn outlasts_own(session: &mut Session, resource: &str, mode: LockMode) -> Result<bool> {
    let begun = Instant::now();
    let (mut told, mut was_free) = (false, false);
    loop {
        let by = match holders(session, resource).await {
            // It was given up since.
            Ok(holders) if holders.is_empty() && !was_free => {
                was_free = true;
                if try_to_take(session, resource, mode, Duration::ZERO).await? {
                    return Ok(true);
                }
                continue;
            }
            Ok(holders) => match holders.into_iter().find_map(|holder| holder.left) {
                Some(left) => {
                    left.end(session).await?;
                    left.to_string()
                }
                None => return Ok(false),
            },
            // Who may not look has to guess.
            Err(error) if error.server().is_some() && own::may_have_left(&session.place, resource) => {
                "a session, perhaps, that this run has left behind and the server has not given up yet,"
                    .to_owned()
            }
            Err(error) if error.server().is_some() => return Ok(false),
            Err(error) => return Err(error),
        };
        let left = own::PATIENCE.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        if !told {
            told = true;
            log::warn!("{}: {by} holds '{resource}': waits for its end", session.place);
        }
        if try_to_take(session, resource, mode, left.min(OWN_WAIT)).await? {
            return Ok(true);
        }
    }
}

/// Takes `resource` alone until the transaction that is open ends; `false` when others hold it for longer than `wait`. On a
/// server without application locks everybody gets it.
///
/// # Errors
/// The server's, which has ended the transaction; a lost connection.
pub async fn take_in_transaction(session: &mut Session, resource: &str, wait: Duration) -> Result<bool> {
    let sql = format!(
        "DECLARE @result int; EXEC @result = sp_getapplock @Resource = @P1, @LockMode = 'Exclusive', \
         @LockOwner = 'Transaction', @LockTimeout = {}; SELECT @result AS result",
        wait.as_millis()
    );
    let rows = session.query(&sql, &[&resource]).await?;
    let result = rows.first().and_then(|row| row.try_get::<i32, _>(0).ok().flatten());
    result.map(|result| result >= 0).ok_or_else(|| Error::protocol("sp_getapplock gives no result"))
}

/// Between two looks at who holds a lock.
const OWN_WAIT: Duration = Duration::from_secs(10);

/// A request for so many locks.
const MOST_AT_ONCE: usize = 100;

/// Takes all of these alone for the life of the session, without waiting for longer than `wait` in all. Says which of them
/// others hold, by their places.
///
/// # Errors
/// As [`take`].
pub async fn take_all(session: &mut Session, resources: &[String], wait: Duration) -> Result<Vec<usize>> {
    let mut held = Vec::new();
    for (first, resources) in (0..).step_by(MOST_AT_ONCE).zip(resources.chunks(MOST_AT_ONCE)) {
        let numbers = 1..=resources.len();
        let declared = numbers.clone().map(|n| format!("@r{n} int")).collect::<Vec<_>>().join(", ");
        let taken = numbers.clone().map(|n| {
            format!(
                "EXEC @r{n} = sp_getapplock @Resource = @P{n}, @LockMode = 'Exclusive', @LockOwner = 'Session', \
                 @LockTimeout = {}; ",
                wait.as_millis()
            )
        });
        let shown = numbers.map(|n| format!("@r{n} AS r{n}")).collect::<Vec<_>>().join(", ");
        let sql = format!("DECLARE {declared}; {}SELECT {shown}", taken.collect::<String>());
        let params: Vec<&dyn ToSql> = resources.iter().map(|resource| resource as &dyn ToSql).collect();
        let rows = match session.query(&sql, &params).await {
            Ok(rows) => rows,
            Err(error) if error.server().is_some() && !error.is_transient() => {
                log::warn!("other runs are not kept off, since the server has no application locks: {error}");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let row = rows.first().ok_or_else(|| Error::protocol("sp_getapplock gives no result"))?;
        held.extend((0..resources.len()).filter_map(|place| {
            let result = row.try_get::<i32, _>(place).ok().flatten();
            result.is_none_or(|result| result < 0).then_some(first + place)
        }));
    }
    for (_, resource) in resources.iter().enumerate().filter(|(place, _)| !held.contains(place)) {
        session.own.holds(resource);
    }
    let mut others = Vec::new();
    for place in held {
        if !outlasts_own(session, &resources[place], LockMode::Exclusive).await? {
            others.push(place);
        }
    }
    Ok(others)
}

/// Gives `resource` back. A refusal is no error: whoever does not hold it has nothing to give back.
///
/// # Errors
/// A lost connection.
pub async fn release(session: &mut Session, resource: &str) -> Result<()> {
    session.own.gives_back(resource);
    let sql = "EXEC sp_releaseapplock @Resource = @P1, @LockOwner = 'Session'";
    match session.query(sql, &[&resource]).await {
        Err(error) if error.server().is_none() => Err(error),
        _ => Ok(()),
    }
}

/// Gives back all that the session holds, without relying on the reset of the session to do so (docs/WIRE.md, "A session
/// that is used again").
///
/// # Errors
/// A lost connection.
pub(super) async fn release_all(session: &mut Session) -> Result<()> {
    while let Some(resource) = session.own.held().first().cloned() {
        release(session, &resource).await?;
    }
    Ok(())
}

/// The same at the end of a request of another kind, whose own parameters are so many: to be told of by [`are_released`] when
/// it has gone well.
pub(crate) fn releases(session: &Session, parameters: usize) -> (String, Vec<String>) {
    let held = session.own.held().to_vec();
    let release = |number| format!("; EXEC sp_releaseapplock @Resource = @P{number}, @LockOwner = 'Session'");
    ((1..=held.len()).map(|number| release(parameters + number)).collect(), held)
}

/// These are not held any more.
pub(crate) fn are_released(session: &mut Session, resources: &[String]) {
    resources.iter().for_each(|resource| session.own.gives_back(resource));
}

/// A session that holds a name.
struct Holder {
    number: i64,
    program: String,
    host: String,
    login: String,
    since: String,
    /// Its client is gone.
    left: Option<LeftSession>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, program, host, login, since, left } = self;
        write!(f, "{program} on host {host}, login {login}, session {number}, since {since}Z")?;
        if left.is_some() {
            write!(f, ". Its client is gone: the server gives it up by itself, or by KILL {number}")?;
        }
        Ok(())
    }
}

/// Who holds `resource`, where it runs, and since when it is connected: for whoever could not [`take`] it. `None`: nobody
/// does any more.
///
/// # Errors
/// The login may not see it: names the right that it needs.
pub async fn holder(session: &mut Session, resource: &str) -> Result<Option<String>> {
    let holders = holders(session, resource).await.map_err(|error| match error.server() {
        Some(_) => error.within("who that is is not to be learnt").remedy("GRANT VIEW SERVER STATE"),
        None => error,
    })?;
    Ok(holders.first().map(ToString::to_string))
}

/// Longest connected first. A lock's description has the first 32 characters of its name (Microsoft docs,
/// "sys.dm_tran_locks", Resource details).
async fn holders(session: &mut Session, resource: &str) -> Result<Vec<Holder>> {
    const SQL: &str = "SELECT TOP (100) s.session_id AS session_id, s.login_name AS login_name, \
         s.host_name AS host_name, s.program_name AS program_name, CONVERT(varchar(19), \
         DATEADD(second, DATEDIFF(second, GETDATE(), GETUTCDATE()), s.login_time), 126) AS since, \
         CONVERT(varchar(128), s.context_info) AS context \
         FROM sys.dm_tran_locks AS l JOIN sys.dm_exec_sessions AS s ON s.session_id = l.request_session_id \
         WHERE l.resource_type = 'APPLICATION' AND l.resource_database_id = DB_ID() AND l.request_status = 'GRANT' \
         AND l.request_session_id <> @@SPID \
         AND CHARINDEX(N'[' + LEFT(@P1, 32) + N']', l.resource_description) > 0 ORDER BY s.login_time";
    let rows = session.query(SQL, &[&resource]).await?;
    let holder = |row: CatalogRow| {
        let part = |name| row.text(name).unwrap_or("?").trim_end().to_owned();
        let number = row.int("session_id").unwrap_or_default();
        Holder {
            number,
            program: part("program_name"),
            host: part("host_name"),
            login: part("login_name"),
            since: part("since"),
            left: LeftSession::of(number, row.text("context").unwrap_or_default()),
        }
    };
    Ok(rows.iter().map(CatalogRow::from).map(holder).collect())
}

/// That others hold `resource`, and who they are as far as that is to be learnt; `what` says what they hold.
pub async fn held_by_others(session: &mut Session, resource: &str, what: &str) -> Error {
    match holder(session, resource).await {
        Ok(Some(holder)) => Error::busy(format!("{what}: {holder}")),
        // It may have ended meanwhile.
        Ok(None) => Error::busy(what),
        Err(error) => {
            log::debug!("{what}: {error}");
            Error::busy(what).remedy("Who that is, the login sees with VIEW SERVER STATE")
        }
    }
}
