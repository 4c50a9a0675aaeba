//! What is worth trying again, as a table, and how long to wait before it.
//!
//! [`Retries::settled`] decides whether work is done again, for all that comes after the login. Until a server lets us in
//! is [`Session::connect`](crate::session::Session::connect)'s own business, which waits for longer.
use std::time::Duration;

use crate::error::Result;
use crate::error::numbers::NO_SUCH_DATABASE;

/// Server errors after which the same work may succeed, each with its reason
/// (Microsoft, "Database Engine events and errors" and "Troubleshoot transient connection errors").
///
/// A failed login, 18456, is none of them in any of its states (ibid., "MSSQLSERVER_18456"): what is transient at a
/// login has a number of its own.
pub const TRANSIENT: &[(u32, &str)] = &[
    (921, "the database has not been recovered yet"),
    (922, "the database is being recovered"),
    (983, "the availability replica is neither primary nor secondary, which happens during a failover"),
    (1204, "the server is out of lock memory for now"),
    (1205, "chosen as the victim of a deadlock"),
    (1222, "a lock was not granted within LOCK_TIMEOUT"),
    (3960, "a snapshot transaction met a newer version of a row"),
    (NO_SUCH_DATABASE, "the database cannot be opened, which happens during a failover"),
    (4221, "a readable secondary waits for row versions"),
    (
        4891,
        "the table changed between a load's announcement and its rows: a partition was switched, an index disabled",
    ),
    (8645, "no memory grant within the limit"),
    (8651, "the memory to start the query is not free"),
    (10928, "Azure SQL: a resource limit is reached"),
    (10929, "Azure SQL: the server is too busy for more than the guaranteed minimum"),
    (18401, "the server is upgrading its system databases, and takes administrators only"),
    (40143, "Azure SQL: the service could not process the request"),
    (40197, "Azure SQL: the service is reconfigured or fails over"),
    (40501, "Azure SQL: the service is busy"),
    (40540, "Azure SQL: the service aborted the transaction"),
    (40613, "Azure SQL: the database is not available now"),
    (42108, "Azure Synapse: the pool is paused"),
    (42109, "Azure Synapse: the pool is warming up"),
    (49918, "Azure SQL: not enough resources to process the request"),
    (49919, "Azure SQL: too many create or update operations"),
    (49920, "Azure SQL: too many operations in the subscription"),
];

/// Is this server error in [`TRANSIENT`]?
pub fn is_transient_number(number: u32) -> bool {
    TRANSIENT.iter().any(|(transient, _)| *transient == number)
}

/// Bounded exponential backoff with full jitter.
#[derive(Clone, Debug)]
pub struct Backoff {
    /// Attempts after the first one.
    pub max_retries: u32,
    /// The bound of the first wait; it doubles with each retry.
    pub base: Duration,
    /// The bound of every wait.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { max_retries: 5, base: Duration::from_millis(500), cap: Duration::from_secs(60) }
    }
}

impl Backoff {
    /// Retries to be used up, one after the other.
    pub fn retries(self) -> Retries {
        Retries { backoff: self, used: 0 }
    }

    /// How long to wait before retry number `retry` (from 1), or `None` when they are used up.
    ///
    /// The wait is spread evenly over the second half of the bound: workers that fell over each
    /// other do not meet again at the same moment, and none comes back at once.
    pub(crate) fn delay(&self, retry: u32) -> Option<Duration> {
        if retry == 0 || retry > self.max_retries {
            return None;
        }
        let bound = self.base.saturating_mul(2u32.saturating_pow(retry - 1)).min(self.cap);
        Some(bound / 2 + (bound / 2).mul_f64(unit_random()))
    }
}

/// What is left of a [`Backoff`].
#[derive(Clone, Debug)]
pub struct Retries {
    backoff: Backoff,
    used: u32,
}

impl Retries {
    /// What an attempt came to, if it stands. `None`: its error is transient, and it is time for another attempt, on
    /// connections of its own: those of the one before may be beyond use, and hold what this one waits for.
    ///
    /// ```ignore
    /// loop {
    ///     if let Some(settled) = retries.settled(attempt().await).await {
    ///         return settled;
    ///     }
    /// }
    /// ```
    pub async fn settled<T>(&mut self, attempted: Result<T>) -> Option<Result<T>> {
        match attempted {
            Err(error) if error.is_transient() && self.another_after(&error).await => None,
            settled => Some(settled),
        }
    }

    /// Attempts after the first, so far.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Waits until it is time for another attempt, and says so in the log; `false` at once when they are used up.
    pub async fn another_after(&mut self, error: &impl std::fmt::Display) -> bool {
        let Some(delay) = self.backoff.delay(self.used + 1) else { return false };
        self.used += 1;
        let (retry, most) = (self.used, self.backoff.max_retries);
        log::warn!("{}", announcement(error, retry, most, delay));
        tokio::time::sleep(delay).await;
        true
    }
}

/// A server's text is a sentence; here it goes on.
fn announcement(error: &impl std::fmt::Display, retry: u32, most: u32, delay: Duration) -> String {
    let error = error.to_string();
    let error = error.trim_end_matches(['.', ' ']);
    format!("{error}; retry {retry} of {most} in {:.1}s", delay.as_secs_f64())
}

/// Evenly spread over 0.0..1.0. The standard library's hasher keys are random for each instance,
/// which is all the randomness that jitter needs.
fn unit_random() -> f64 {
    use std::hash::{BuildHasher, Hasher};
    let bits = std::collections::hash_map::RandomState::new().build_hasher().finish();
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn delays_grow_within_their_bounds_and_end() {
        let backoff = Backoff { max_retries: 3, base: Duration::from_secs(1), cap: Duration::from_secs(3) };
        for (retry, bound) in [(1, 1.0), (2, 2.0), (3, 3.0)] {
            for _ in 0..100 {
                let delay = backoff.delay(retry).unwrap().as_secs_f64();
                assert!((bound / 2.0..=bound).contains(&delay), "retry {retry}: {delay}");
            }
        }
        assert_eq!(backoff.delay(4), None);
    }

    #[test]
    fn work_is_done_again_while_that_can_help() {
        let backoff = Backoff { max_retries: 3, base: Duration::ZERO, cap: Duration::ZERO };
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            for (errors, done, attempts) in [
                (vec![Error::io("lost"), Error::timeout("silent")], true, 3),
                (vec![Error::io("lost"), Error::data("too long")], false, 2),
                ((0..9).map(|_| Error::io("lost")).collect(), false, 4),
            ] {
                let mut errors = errors.into_iter();
                let mut retries = backoff.clone().retries();
                let mut begun = 0;
                let settled = loop {
                    begun += 1;
                    let attempted = errors.next().map_or(Ok(()), Err);
                    if let Some(settled) = retries.settled(attempted).await {
                        break settled;
                    }
                };
                assert_eq!((settled.is_ok(), begun, retries.used()), (done, attempts, attempts - 1));
            }
        });
    }

    #[test]
    fn what_stands_for_the_rows_is_never_transient() {
        for number in [245, 515, 547, 2601, 2627, 2628, 4815, 8114, 8115, 8152, 18456] {
            assert!(!is_transient_number(number), "{number}");
        }
    }

    #[test]
    fn every_listed_number_is_listed_once() {
        let mut numbers: Vec<_> = TRANSIENT.iter().map(|(number, _)| *number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), TRANSIENT.len());
        assert!(numbers.is_sorted());
    }

    /// What the rows are to blame for comes back however often it is tried (Microsoft docs, "Database engine events and
    /// errors").
    #[test]
    fn what_the_rows_are_to_blame_for_is_not_tried_again() {
        for number in [515, 547, 2601, 2627, 2628, 8115, 8152] {
            assert!(!is_transient_number(number), "{number}");
        }
    }

    #[test]
    fn a_sentence_goes_on_without_its_full_stop() {
        let text = announcement(&"Rerun the transaction.", 1, 5, Duration::from_millis(1500));
        assert_eq!(text, "Rerun the transaction; retry 1 of 5 in 1.5s");
    }

    #[test]
    fn retries_are_counted() {
        let backoff = Backoff { max_retries: 2, base: Duration::ZERO, cap: Duration::ZERO };
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            let mut retries = backoff.retries();
            let used = [retries.another_after(&"a").await, retries.another_after(&"b").await];
            assert_eq!((used, retries.another_after(&"c").await), ([true, true], false));
        });
    }
}
