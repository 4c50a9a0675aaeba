//! How fast a run goes, and how long it will take. Pure.
use std::time::Duration;

/// What of a run's windows is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct DoneWindows {
    /// Rows of the windows that the batch has completed.
    pub rows: u64,
    /// What its workers took for them, all together.
    pub took: Duration,
    /// Windows that are loaded now: as many workers are at it.
    pub at_work: u64,
    /// Rows that are expected of the windows that nobody has begun.
    pub pending_rows: u64,
}

/// A run's pace, as far as it can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Rows a second, of all workers together.
    pub rows_per_second: Option<f64>,
    /// Until the last row is loaded, at this pace.
    pub left: Option<Duration>,
}

impl Pace {
    /// By the windows that are complete: what a worker does in a second, times the workers. `loading`: rows that are
    /// expected of each window at work, and since when it is.
    pub(super) fn of_windows(done: DoneWindows, loading: impl Iterator<Item = (u64, Duration)>) -> Self {
        let worker = done.rows as f64 / done.took.as_secs_f64();
        if !worker.is_normal() || done.at_work == 0 {
            return Self::default();
        }
        let begun: f64 = loading.map(|(rows, age)| (rows as f64 - worker * age.as_secs_f64()).max(0.0)).sum();
        Self::at(worker * done.at_work as f64, done.pending_rows as f64 + begun)
    }

    /// By what has come since the beginning, of so many that are expected.
    pub(super) fn of_rows(rows: u64, age: Duration, expected: Option<u64>) -> Self {
        let rate = rows as f64 / age.as_secs_f64();
        if !rate.is_normal() {
            return Self::default();
        }
        match expected.filter(|expected| *expected > rows) {
            Some(expected) => Self::at(rate, (expected - rows) as f64),
            None => Self { rows_per_second: Some(rate), left: None },
        }
    }

    /// Windows that take longer than others did have nothing left by that pace, and nobody knows how long they will take.
    fn at(rate: f64, rows_left: f64) -> Self {
        let left = Duration::try_from_secs_f64(rows_left / rate).ok();
        Self { rows_per_second: Some(rate), left: left.filter(|left| !left.is_zero()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn two_workers_are_twice_as_fast_as_one() {
        // 100 rows a second each; 400 rows are to come, and of two windows of 300 each a second's worth is there.
        let done = DoneWindows { rows: 1_000, took: 10 * SECOND, at_work: 2, pending_rows: 400 };
        let pace = Pace::of_windows(done, [(300, SECOND), (300, SECOND)].into_iter());
        assert_eq!(pace, Pace { rows_per_second: Some(200.0), left: Some(4 * SECOND) });
        // An estimate that was too low is no debt.
        let late = Pace::of_windows(done, [(300, SECOND), (300, 60 * SECOND)].into_iter());
        assert_eq!(late.left, Some(3 * SECOND));
        let only_late =
            Pace::of_windows(DoneWindows { pending_rows: 0, ..done }, [(300, 60 * SECOND)].into_iter());
        assert_eq!((only_late.rows_per_second, only_late.left), (Some(200.0), None));
    }

    #[test]
    fn before_the_first_window_nothing_is_known() {
        let done = DoneWindows { at_work: 2, pending_rows: 400, ..DoneWindows::default() };
        assert_eq!(Pace::of_windows(done, std::iter::empty()), Pace::default());
        let none_at_work = DoneWindows { rows: 5, took: SECOND, at_work: 0, pending_rows: 9 };
        assert_eq!(Pace::of_windows(none_at_work, std::iter::empty()), Pace::default());
        assert_eq!(Pace::of_rows(0, SECOND, Some(5)), Pace::default());
        assert_eq!(Pace::of_rows(5, Duration::ZERO, Some(5)), Pace::default());
    }

    #[test]
    fn a_whole_table_goes_on_as_it_began() {
        let pace = Pace::of_rows(100, 10 * SECOND, Some(150));
        assert_eq!(pace, Pace { rows_per_second: Some(10.0), left: Some(5 * SECOND) });
        assert_eq!(Pace::of_rows(200, 10 * SECOND, Some(150)).left, None, "more than expected");
    }
}
