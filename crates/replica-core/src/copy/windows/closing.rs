//! The end of a run, however it came: windows are given back, indexes rebuilt.
use super::{WindowsJob, mode};
use crate::catalog::Table;
use crate::copy::indexes::{self, IndexChanges};
use crate::copy::lock_table;
use crate::error::{Kind, Result};
use crate::ledger::{self, Run};
use crate::retry::Backoff;
use crate::session::{Role, Session};

/// A run that copies no more.
pub(super) struct Closing<'a> {
    pub job: &'a WindowsJob,
    pub run: &'a Run,
    pub target: &'a Table,
    /// Windows were loaded beside the target.
    pub stages: bool,
}

impl Closing<'_> {
    /// Leaves windows and indexes as they are to be left: on the session that held the table, or on another one where
    /// it has not survived.
    pub(super) async fn close(&self, control: Session) -> Result<(Session, IndexChanges)> {
        let mut control = Some(control);
        let mut retries = Backoff::default().retries();
        loop {
            let closed = async {
                let mut session = self.session(control.take()).await?;
                self.run.release(&mut session).await?;
                if self.stages {
                    // Alone on the table: what the run still has beside it belongs to nobody.
                    let own = (!self.job.shared).then_some(self.run.id);
                    ledger::sweep_staging(&mut session, &self.run.table, own).await?;
                }
                let work = self.leave(&mut session).await?;
                Ok((session, work))
            };
            if let Some(settled) = retries.settled(closed.await).await {
                return settled;
            }
        }
    }

    async fn session(&self, control: Option<Session>) -> Result<Session> {
        if let Some(mut session) = control {
            // Hours may have passed.
            match session.execute("SET NOCOUNT OFF").await {
                Ok(_) => return Ok(session),
                Err(error) => {
                    log::debug!("{}: the connection that held the table is gone: {error}", self.job.table);
                }
            }
        }
        let mut session = Session::take(&self.job.target, Role::Target).await?;
        let mut retries = Backoff::default().retries();
        loop {
            match lock_table(&mut session, self.target, mode(self.job)).await {
                // The server may not have noticed that the other session is gone.
                Err(error) if error.kind() == Kind::Busy && retries.another_after(&error).await => {}
                settled => return settled.map(|()| session),
            }
        }
    }

    /// The last one out rebuilds the indexes: all that are on record, those of a run that died among them.
    async fn leave(&self, session: &mut Session) -> Result<IndexChanges> {
        let last = self.run.leave(session).await?;
        if !self.job.shared {
            return indexes::rebuild(session, self.target, None).await;
        }
        if last {
            return indexes::rebuild(session, self.target, Some(self.run)).await;
        }
        log::info!("{}: other hosts go on; the last one rebuilds the indexes", self.job.table);
        Ok(IndexChanges::default())
    }
}
