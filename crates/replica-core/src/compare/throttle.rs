//! No more bytes a second than allowed, over all streams together.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Clones share one allowance.
#[derive(Clone, Debug)]
pub struct Throttle(Option<Arc<Limit>>);

#[derive(Debug)]
struct Limit {
    bytes_per_second: f64,
    /// When everything taken so far is paid for.
    paid: Mutex<Instant>,
}

impl Throttle {
    /// `None`: without limit.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|bytes| {
            Arc::new(Limit { bytes_per_second: bytes.max(1) as f64, paid: Mutex::new(Instant::now()) })
        }))
    }

    /// Waits until all that others and we have taken is paid for, and these bytes, too.
    pub async fn take(&self, bytes: usize) {
        let Some(limit) = &self.0 else { return };
        let cost = Duration::from_secs_f64(bytes as f64 / limit.bytes_per_second);
        let until = {
            let mut paid = limit.paid.lock().unwrap_or_else(PoisonError::into_inner);
            *paid = (*paid).max(Instant::now()) + cost;
            *paid
        };
        sleep_until(until).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_streams_share_what_is_allowed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let throttle = Throttle::new(Some(1_000_000));
            let begun = Instant::now();
            let stream = || async {
                for _ in 0..5 {
                    throttle.take(10_000).await;
                }
            };
            tokio::join!(stream(), stream());
            // 100,000 bytes at a million a second.
            assert!(begun.elapsed() >= Duration::from_millis(100));
            Throttle::new(None).take(usize::MAX).await;
        });
    }
}
