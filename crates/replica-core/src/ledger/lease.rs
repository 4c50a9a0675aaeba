//! A run's signs of life.
use std::time::Duration;

use tokio::task::JoinHandle;

use super::{Run, change, lost, milliseconds32};
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::session::{Role, Session};

/// How long a host may be silent before others take over what it was doing. Long enough for a lost connection to be
/// made anew, short enough to wait for.
pub const LEASE: Duration = Duration::from_secs(60);

/// A lease is renewed so many times before it would be over.
pub(super) const RENEWALS: u32 = 4;

impl Run {
    /// A sign of life, due well before the lease is over. One row, whatever the number of windows at work.
    ///
    /// # Errors
    /// Of kind [`Busy`](crate::error::Kind::Busy) when another run has taken this one for dead.
    pub async fn renew(&self, session: &mut Session) -> Result<()> {
        let sql = "UPDATE replica.runs SET lease_until = DATEADD(millisecond, @P2, SYSUTCDATETIME()) \
                   OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL";
        if change(session, sql, &[&self.id, &milliseconds32(self.lease)]).await? {
            Ok(())
        } else {
            Err(lost("the run"))
        }
    }

    /// Renews the lease from now on, on a task and a connection of its own, until what it returns is dropped. Due from
    /// the beginning to the end: disabling and rebuilding indexes takes its time, too.
    pub fn heartbeat(&self, target: &Endpoint) -> Heartbeat {
        let (run, target) = (self.clone(), target.clone());
        Heartbeat(tokio::spawn(async move { run.keep_alive(&target).await }))
    }

    /// A lost connection is made anew. If that takes too long others take over, and the windows' fences tell.
    async fn keep_alive(&self, target: &Endpoint) -> Error {
        loop {
            match self.renew_while_connected(target).await {
                error if error.is_transient() => log::warn!("the run's lease could not be renewed: {error}"),
                error => return error,
            }
            tokio::time::sleep(self.lease / RENEWALS).await;
        }
    }

    async fn renew_while_connected(&self, target: &Endpoint) -> Error {
        let mut session = match Session::connect_once(target, Role::Target).await {
            Ok(session) => session,
            Err(error) => return error,
        };
        loop {
            if let Err(error) = self.renew(&mut session).await {
                return error;
            }
            tokio::time::sleep(self.lease / RENEWALS).await;
        }
    }
}

/// Keeps a run's lease alive until it is dropped.
#[derive(Debug)]
pub struct Heartbeat(JoinHandle<Error>);

impl Heartbeat {
    /// Waits for the lease to be lost: of kind [`Busy`](crate::error::Kind::Busy) when another run has taken this one
    /// for dead; or the server's refusal. To be waited for once.
    pub async fn lost(&mut self) -> Error {
        match (&mut self.0).await {
            Ok(error) => error,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}
