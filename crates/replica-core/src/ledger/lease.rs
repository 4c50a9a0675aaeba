//! A run's signs of life.
use std::time::Duration;

use super::{Run, change, lost, milliseconds32};
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::session::{Role, Session};

/// How long a host may be silent before others take over what it was doing. Long enough for a lost connection to be
/// made anew, short enough to wait for.
pub const LEASE: Duration = Duration::from_secs(60);

/// A lease is renewed so many times before it would be over.
const RENEWALS: u32 = 4;

impl Run {
    /// A sign of life, due well before the lease is over. One row, whatever the number of windows at work.
    ///
    /// # Errors
    /// Of kind [`Busy`](crate::error::Kind::Busy) when another run has taken this one for dead.
    pub async fn renew(&self, session: &mut Session) -> Result<()> {
        let sql = "UPDATE replica.runs SET lease_until = DATEADD(millisecond, @P2, SYSUTCDATETIME()) \
                   OUTPUT inserted.run_id WHERE run_id = @P1 AND ended IS NULL";
        match change(session, sql, &[&self.id, &milliseconds32(self.lease)]).await? {
            true => Ok(()),
            false => Err(lost("the run")),
        }
    }

    /// Renews the lease, again and again, on a connection of its own; to be polled beside the work.
    ///
    /// # Errors
    /// Ends only with one: of kind [`Busy`](crate::error::Kind::Busy) when another run has taken this one for dead, or when the server
    /// refuses. A lost connection is made anew: if that takes too long, others may take over, and the windows' fences
    /// tell.
    pub async fn keep_alive(&self, target: &Endpoint) -> Error {
        loop {
            match self.renew_while_connected(target).await {
                error if error.is_transient() => log::warn!("the run's lease could not be renewed: {error}"),
                error => return error,
            }
            tokio::time::sleep(self.lease / RENEWALS).await;
        }
    }

    async fn renew_while_connected(&self, target: &Endpoint) -> Error {
        let mut session = match Session::connect(target, Role::Target).await {
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
