//! What the servers are asked while somebody is in the way is bounded, and is asked again later: whoever waits for a table's
//! lock keeps everybody else out, too.
use std::time::{Duration, Instant};

use crate::error::numbers::LOCK_TIMEOUT;
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::report::human_duration;
use crate::retry::Backoff;
use crate::session::{Session, holders};

/// How long a statement may wait for the target's lock where it cannot wait at low priority: whoever comes later waits
/// behind it.
pub(in crate::copy) const POLITE_WAIT: Duration = Duration::from_secs(5);

/// After so long somebody has to look who is in the way.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// How long we have let others pass.
pub(in crate::copy) struct SwitchPatience {
    table_id: i64,
    what: String,
    begun: Instant,
    steps: u32,
}

impl SwitchPatience {
    /// From here on no statement waits longer for a lock.
    ///
    /// # Errors
    /// The server's.
    pub(in crate::copy) async fn begin(target: &mut Session, plan: &Plan, wait: Duration) -> Result<Self> {
        target.set_lock_timeout(wait).await?;
        let what = match &plan.limits {
            Some(limits) => format!("{} {}", plan.target, limits.window),
            None => plan.target.to_string(),
        };
        Ok(Self { table_id: plan.target_id, what, begun: Instant::now(), steps: 0 })
    }

    /// What an attempt has come to. `None`: a lock was not granted in time, others have passed meanwhile, and it is time to
    /// try again.
    pub(in crate::copy) async fn settled<T, E>(
        &mut self,
        target: &mut Session,
        attempt: Result<T, E>,
    ) -> Option<Result<T, E>>
    where
        E: AsRef<Error> + From<Error> + Into<Error>,
    {
        match attempt {
            Err(error) if error.as_ref().has_number(LOCK_TIMEOUT) => {
                let passed = self.step_back(target, error.into()).await;
                passed.err().map(|error| Err(error.into()))
            }
            settled => Some(settled),
        }
    }

    /// Gives the locks back, says who is in the way, and waits until it is time to try again.
    ///
    /// # Errors
    /// It was tried for too long.
    async fn step_back(&mut self, target: &mut Session, error: Error) -> Result<()> {
        // Before that the holders are asked for, or nobody would hold anything any more.
        target.lane()?.rollback().await?;
        let held = holders(target, self.table_id).await;
        let waited = self.begun.elapsed();
        if waited >= LONGEST {
            return Err(error
                .settled()
                .within(format_args!("no lock on the table in {}; {held}", human_duration(waited))));
        }
        self.steps += 1;
        let backoff = Backoff { max_retries: u32::MAX, ..Backoff::default() };
        let pause = backoff.delay(self.steps.min(16)).unwrap_or(backoff.cap);
        log::warn!(
            "{}: steps back, so that others can pass, and tries again in {}; {held}",
            self.what,
            human_duration(pause)
        );
        tokio::time::sleep(pause).await;
        Ok(())
    }
}
