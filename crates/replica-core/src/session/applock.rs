//! Application locks: names that sessions of one database hold, by `sp_getapplock`. What a session holds goes with it,
//! however it ends.
use std::time::Duration;

use crate::error::{Error, Result};
use crate::session::Session;

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

/// Takes `resource` for the life of the session, or until [`release`]; `false` when others hold it for longer than
/// `wait`, or than the session waits for an answer. On a server without application locks everybody gets it, and a warning.
///
/// # Errors
/// A lost connection.
pub async fn take(session: &mut Session, resource: &str, mode: LockMode, wait: Duration) -> Result<bool> {
    let wait = wait.min(session.silence() / 2);
    let sql = format!(
        "DECLARE @result int; EXEC @result = sp_getapplock @Resource = @P1, @LockMode = '{}', \
         @LockOwner = 'Session', @LockTimeout = {}; SELECT @result AS result",
        mode.name(),
        wait.as_millis()
    );
    match session.query(&sql, &[&resource]).await {
        Ok(rows) => match rows.first().and_then(|row| row.try_get::<i32, _>(0).ok().flatten()) {
            Some(0 | 1) => Ok(true),
            // -1: not within the wait; -2 and -3 need a lock wait, too.
            Some(_) => Ok(false),
            None => Err(Error::protocol("sp_getapplock gives no result")),
        },
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::warn!("other runs are not kept off, since the server has no application locks: {error}");
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Gives `resource` back. A refusal is no error: whoever does not hold it has nothing to give back.
///
/// # Errors
/// A lost connection.
pub async fn release(session: &mut Session, resource: &str) -> Result<()> {
    let sql = "EXEC sp_releaseapplock @Resource = @P1, @LockOwner = 'Session'";
    match session.query(sql, &[&resource]).await {
        Err(error) if error.server().is_none() => Err(error),
        _ => Ok(()),
    }
}
