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

#[derive(Debug, Default)]
struct Known {
    left: VecDeque<(Window, i64)>,
    /// Taken by a worker whose claim is not settled: the ledger may have them as pending still.
    taken: Vec<Window>,
}

/// One worker asks the ledger; the others wait for what it is told.
pub(super) struct Asking<'a> {
    candidates: &'a Candidates,
    /// What was being claimed when it began to ask.
    taken: Vec<Window>,
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

    /// Others are at work on the same windows: what is left of them is to be asked for.
    pub(super) fn forget(&self) {
        self.known().left.clear();
    }

    /// Waits until nobody else asks. `None`: there are candidates by now.
    pub(super) async fn ask(&self) -> Option<Asking<'_>> {
        let alone = self.asking.lock().await;
        let known = self.known();
        let taken = known.left.is_empty().then(|| known.taken.clone())?;
        Some(Asking { candidates: self, taken, _alone: alone })
    }
}

impl Asking<'_> {
    /// What the ledger has said. Those that another worker was claiming come back only where no others are left: its claim
    /// may fail.
    pub(super) fn told(self, windows: Vec<(Window, i64)>) {
        let (taken, free): (VecDeque<_>, VecDeque<_>) =
            windows.into_iter().partition(|(window, _)| self.taken.contains(window));
        self.candidates.known().left = if free.is_empty() { taken } else { free };
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
