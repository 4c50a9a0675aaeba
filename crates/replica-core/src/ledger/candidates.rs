//! What the workers of one run share of the windows that are left: one of them asks for all.
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync;

use crate::window::Window;

/// Windows that nobody worked on when the ledger was asked, largest first, with the attempts that there were. A claim looks at
/// its window's row again.
#[derive(Debug, Default)]
pub struct Candidates {
    known: Mutex<Known>,
    asking: sync::Mutex<()>,
}

#[derive(Debug)]
struct Known {
    left: VecDeque<(Window, i64)>,
    /// Taken by a worker whose claim is not settled: the ledger may have them as pending still.
    taken: Vec<Window>,
    /// How many to ask for.
    at_a_time: usize,
    /// No window is left, nor in the hands of another host: that is for good.
    exhausted: bool,
}

/// Each time that the ledger is asked, the server looks at all that are pending: a run that has its windows alone soon asks for
/// many. One that shares them would have most of them taken by others meanwhile.
const FEW: usize = 16;
const MANY: usize = 4_096;

impl Default for Known {
    fn default() -> Self {
        Self { left: VecDeque::new(), taken: Vec::new(), at_a_time: FEW, exhausted: false }
    }
}

/// One worker asks the ledger; the others wait for what it is told.
pub(super) struct Asking<'a> {
    candidates: &'a Candidates,
    /// What was being claimed when it began to ask.
    taken: Vec<Window>,
    /// How many it asks for.
    pub at_a_time: usize,
    _alone: sync::MutexGuard<'a, ()>,
}

impl Candidates {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one, to be claimed. [`settled`](Self::settled) says that it was, or that it was another's.
    pub(super) fn take(&self) -> Option<(Window, i64)> {
        let mut known = self.known();
        let next = known.left.pop_front()?;
        known.taken.push(next.0.clone());
        Some(next)
    }

    pub(super) fn settled(&self, window: &Window) {
        self.known().taken.retain(|taken| taken != window);
    }

    /// Others are at work on the same windows: what is left of them is to be asked for, a few at a time.
    pub(super) fn forget(&self) {
        let mut known = self.known();
        known.left.clear();
        known.at_a_time = FEW;
    }

    /// Whether the ledger was found to have none, and never will.
    pub(super) fn are_exhausted(&self) -> bool {
        self.known().exhausted
    }

    /// Waits until nobody else asks. `None`: there are candidates by now, or never will be.
    pub(super) async fn ask(&self) -> Option<Asking<'_>> {
        let alone = self.asking.lock().await;
        let known = self.known();
        let taken = (known.left.is_empty() && !known.exhausted).then(|| known.taken.clone())?;
        Some(Asking { candidates: self, taken, at_a_time: known.at_a_time, _alone: alone })
    }
}

impl Asking<'_> {
    /// The ledger has none that is free, nor is another host at work on one.
    pub(super) fn told_of_the_end(self) {
        self.candidates.known().exhausted = true;
    }

    /// What the ledger has said. Those that another worker was claiming come back only where no others are left: its claim
    /// may fail.
    pub(super) fn told(self, windows: Vec<(Window, i64)>) {
        let (taken, free): (VecDeque<_>, VecDeque<_>) =
            windows.into_iter().partition(|(window, _)| self.taken.contains(window));
        let mut known = self.candidates.known();
        known.left = if free.is_empty() { taken } else { free };
        known.at_a_time = (4 * self.at_a_time).min(MANY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::run;
    use crate::window::{Range, Unit};

    fn months() -> Vec<(Window, i64)> {
        let range = Range::typed(Some("2024-01-01"), Some("2024-03-31")).unwrap().unwrap();
        range.windows(Unit::Month).unwrap().into_iter().map(|window| (window, 0)).collect()
    }

    #[test]
    fn one_worker_asks_for_all() {
        run(async {
            let candidates = Candidates::default();
            let asking = candidates.ask().await.unwrap();
            let (_, second) = tokio::join!(async { asking.told(months()) }, candidates.ask());
            assert!(second.is_none(), "asked though there are candidates");
            assert_eq!(candidates.take(), months().into_iter().next());
        });
    }

    #[test]
    fn once_there_is_none_nobody_asks_any_more() {
        run(async {
            let candidates = Candidates::default();
            let asking = candidates.ask().await.unwrap();
            assert!(!candidates.are_exhausted());
            let (_, second) = tokio::join!(async { asking.told_of_the_end() }, candidates.ask());
            assert!(second.is_none() && candidates.are_exhausted());
        });
    }

    #[test]
    fn who_has_the_windows_alone_asks_for_many() {
        run(async {
            let candidates = Candidates::default();
            let mut asked = Vec::new();
            for _ in 0..6 {
                let asking = candidates.ask().await.unwrap();
                asked.push(asking.at_a_time);
                asking.told(months());
                while let Some((window, _)) = candidates.take() {
                    candidates.settled(&window);
                }
            }
            assert_eq!(asked, [FEW, 64, 256, 1_024, MANY, MANY]);
            candidates.forget();
            assert_eq!(candidates.ask().await.unwrap().at_a_time, FEW, "another host has taken one");
        });
    }

    #[test]
    fn what_is_being_claimed_is_offered_last() {
        run(async {
            let candidates = Candidates::default();
            candidates.ask().await.unwrap().told(months());
            let (first, _) = candidates.take().unwrap();
            candidates.forget();
            // The claim is settled while the ledger is asked, which may have looked before.
            let asking = candidates.ask().await.unwrap();
            candidates.settled(&first);
            asking.told(months());
            assert_eq!(candidates.known().left, &months()[1..]);
            candidates.forget();
            candidates.ask().await.unwrap().told(months());
            assert_eq!(candidates.known().left, months(), "a claim that failed keeps its window back");
            let (first, _) = candidates.take().unwrap();
            candidates.forget();
            candidates.ask().await.unwrap().told(months()[..1].to_vec());
            assert_eq!(
                candidates.take().unwrap().0,
                first,
                "the last window waits for a claim that may fail"
            );
        });
    }
}
