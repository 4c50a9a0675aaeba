//! A speed limit: how long to wait before so many bytes more.
use std::time::{Duration, Instant};

/// Time that was not used is not made up for beyond this.
const CREDIT: Duration = Duration::from_millis(50);

pub struct Pace {
    bytes_per_second: u64,
    /// When the next byte may go.
    due: Instant,
}

impl Pace {
    pub fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, due: Instant::now() }
    }

    /// Counts the bytes; what to wait for before they go.
    pub fn delay(&mut self, bytes: usize, now: Instant) -> Duration {
        let wait = self.due.saturating_duration_since(now);
        let nanoseconds = (bytes as u64).saturating_mul(1_000_000_000).checked_div(self.bytes_per_second);
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        self.due = self.due.max(earliest) + Duration::from_nanos(nanoseconds.unwrap_or(0));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_wait_for_those_before_them() {
        let mut pace = Pace::new(1000);
        let start = pace.due;
        assert_eq!(pace.delay(500, start), Duration::ZERO);
        assert_eq!(pace.delay(500, start), Duration::from_millis(500));
        assert_eq!(pace.delay(1, start + Duration::from_millis(900)), Duration::from_millis(100));
    }

    #[test]
    fn a_pause_of_the_reader_is_not_made_up_for() {
        let mut pace = Pace::new(1000);
        let late = pace.due + Duration::from_secs(60);
        pace.delay(1000, late);
        assert_eq!(pace.delay(0, late), Duration::from_secs(1) - CREDIT);
    }

    #[test]
    fn no_limit_is_no_wait() {
        let mut pace = Pace::new(0);
        let start = pace.due;
        pace.delay(usize::MAX, start);
        assert_eq!(pace.delay(1, start), Duration::ZERO);
    }
}
