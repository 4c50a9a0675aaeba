//! The workers: each takes the largest window that is left, on two connections of its own, until none is.
mod attempt;
mod replacement;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::sync::mpsc::UnboundedSender;

use super::{FinishedWindow, IndexScope, WindowsJob};
use crate::catalog::Table;
use crate::compare::stretch::Stretches;
use crate::copy::referencing::clearing;
use crate::copy::replace::LOCK_WAIT;
use crate::copy::{FailedLoad, Sides, pinpoint};
use crate::error::{Error, Result};
use crate::ledger::{Candidates, Claim, Clearing, NextClaim, Run};
use crate::plan::{Plan, WindowedPlan};
use crate::report::{self, Bar};
use crate::retry::{Backoff, Retries};
use crate::schedule::pool;
use crate::window::Window;
use replacement::Replacement;

/// Other hosts are at work on the last windows: how long to wait before asking whether they still are.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// A key or a unique index has the value already (Microsoft docs, "Database engine events and errors"): the row is
/// refused or, with IGNORE_DUP_KEY, dropped.
const DUPLICATE: [u32; 3] = [2601, 2627, 3604];

/// What the workers share.
pub(super) struct WorkerPool {
    job: WindowsJob,
    plan: WindowedPlan,
    run: Run,
    source: Table,
    target: Table,
    rows: HashMap<Window, u64>,
    progress: report::ProgressBars,
    total: Option<Bar>,
    moved: AtomicU64,
    /// What the server has refused once it is not asked for again.
    switch_refused: AtomicBool,
    /// The source does not let the rows be read under SNAPSHOT isolation.
    snapshot_refused: AtomicBool,
    /// Where windows are compared: what their rows are told apart by, once it was asked for.
    stretches: OnceCell<Option<Arc<Stretches>>>,
    candidates: Candidates,
    /// A claim's answer was lost: a window may be ours without a worker that knows.
    unsure: AtomicBool,
    /// So that what the ledger could not be told is not taken for such a window.
    given_up: Mutex<HashSet<Window>>,
    /// Windows that a key has kept out once. The row in their way may have moved here from a window that was still to
    /// be replaced then.
    postponed: Mutex<Vec<Window>>,
}

/// A worker's connections; `None` until they are needed, and after an error.
type Connected = Option<Sides>;

impl WorkerPool {
    pub(super) fn new(
        job: &WindowsJob,
        plan: WindowedPlan,
        run: Run,
        (source, target): (Table, Table),
        left: Vec<(Window, u64)>,
        progress: &report::ProgressBars,
    ) -> Self {
        let rows: HashMap<_, _> = left.into_iter().collect();
        // One window has a bar of its own, which says it all.
        let total = (rows.len() > 1)
            .then(|| progress.bar(&format!("{} in total", job.table), Some(rows.values().sum())));
        Self {
            job: job.clone(),
            plan,
            run,
            source,
            target,
            rows,
            progress: progress.clone(),
            total,
            moved: AtomicU64::new(0),
            stretches: OnceCell::new(),
            switch_refused: AtomicBool::new(false),
            snapshot_refused: AtomicBool::new(false),
            unsure: AtomicBool::new(false),
            candidates: Candidates::default(),
            given_up: Mutex::default(),
            postponed: Mutex::default(),
        }
    }

    /// Has `workers` at work until no window is left; answers what kept them from it.
    pub(super) async fn work(self, workers: usize, finished: UnboundedSender<FinishedWindow>) -> Vec<Error> {
        let shared = Arc::new(self);
        let work = {
            let (shared, finished) = (shared.clone(), finished.clone());
            move |_| {
                let (shared, finished) = (shared.clone(), finished.clone());
                async move { shared.worker(&finished).await }
            }
        };
        let (mut problems, mut none_left) = (Vec::new(), false);
        let ended = |ended: Result<()>| match ended {
            Ok(()) => none_left = true,
            Err(problem) => problems.push(problem),
        };
        pool::run((0..workers).collect(), workers, |_| 0, work, ended).await;
        if none_left {
            for problem in problems.drain(..) {
                log::warn!("a worker has left its windows to the others: {problem}");
            }
            problems.extend(shared.take_the_rest(&finished).await.err());
        }
        problems
    }

    /// What is left when the workers have ended.
    async fn take_the_rest(&self, finished: &UnboundedSender<FinishedWindow>) -> Result<()> {
        let mut sides = None;
        let mut rest = self.stranded(&mut sides).await?;
        rest.extend(locked(&self.postponed).iter().cloned());
        for window in rest {
            let target = &mut self.connected(&mut sides).await?.target;
            if let Some(claim) = self.run.claim(target, window).await?
                && let Some(done) = self.replace(&mut sides, claim).await
                && finished.send(done).is_err()
            {
                break;
            }
        }
        Ok(())
    }

    /// Windows that were claimed by an UPDATE whose answer was lost. The workers have ended, so that what the ledger
    /// says is being loaded is not.
    async fn stranded(&self, sides: &mut Connected) -> Result<Vec<Window>> {
        if !self.unsure.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let loading = self.run.loading(&mut self.connected(sides).await?.target).await?;
        let given_up = locked(&self.given_up);
        Ok(loading.into_iter().filter(|window| !given_up.contains(window)).collect())
    }

    /// Whether a window is to be tried again at the end, which happens once: another window of the run may hold the
    /// row whose key is in the way.
    fn postpones(&self, window: &Window, error: &Error) -> bool {
        let is_duplicate = DUPLICATE.iter().any(|number| error.has_number(*number));
        let mut postponed = locked(&self.postponed);
        let postpones = is_duplicate && self.job.windows.len() > 1 && !postponed.contains(window);
        if postpones {
            log::warn!("{} {window}: tried again after all others, since {error}", self.job.table);
            postponed.push(window.clone());
        }
        postpones
    }

    async fn worker(&self, finished: &UnboundedSender<FinishedWindow>) -> Result<()> {
        let mut sides = None;
        let worked = self.until_none_is_left(&mut sides, finished).await;
        if let Some(sides) = sides.filter(|_| worked.is_ok()) {
            sides.give_back().await;
        }
        worked
    }

    async fn until_none_is_left(
        &self,
        sides: &mut Connected,
        finished: &UnboundedSender<FinishedWindow>,
    ) -> Result<()> {
        let mut retries = self.retries();
        loop {
            match self.next(sides).await {
                Ok(Some(claim)) => {
                    if let Some(done) = self.replace(sides, claim).await
                        && finished.send(done).is_err()
                    {
                        return Ok(());
                    }
                    retries = self.retries();
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.unsure.store(true, Ordering::Relaxed);
                    if !error.is_transient() || !retries.another_after(&error).await {
                        return Err(self.job.named(error));
                    }
                    *sides = None;
                }
            }
        }
    }

    fn retries(&self) -> Retries {
        Backoff { max_retries: self.job.max_retries, ..Backoff::default() }.retries()
    }

    async fn next(&self, sides: &mut Connected) -> Result<Option<Claim>> {
        loop {
            let target = &mut self.connected(sides).await?.target;
            match self.run.next_of(target, &self.candidates, |window| self.clearing(window)).await? {
                NextClaim::Claimed(claim) => return Ok(Some(claim)),
                NextClaim::Wait => tokio::time::sleep(ASK_AGAIN).await,
                NextClaim::Done => return Ok(None),
            }
        }
    }

    /// What deletes a window's old rows with its claim, where nothing has to come before that.
    fn clearing(&self, window: &Window) -> Option<Clearing> {
        let base = &self.plan.base;
        let disables = self.job.index_scope == IndexScope::Window && !base.strategy.disable.is_empty();
        let stages = self.plan.tables(window).is_some() && !self.switch_refused.load(Ordering::Relaxed);
        if base.difference.is_some() || base.strategy.lock.serializes_loads() || disables || stages {
            return None;
        }
        Some(clearing(&self.plan.limited(window.clone()), LOCK_WAIT))
    }

    async fn connected<'a>(&self, sides: &'a mut Connected) -> Result<&'a mut Sides> {
        if sides.is_none() {
            *sides = Some(Sides::connect(&self.job.source, &self.job.target).await?);
        }
        sides.as_mut().ok_or_else(|| Error::io("no connection"))
    }

    /// Replaces a window. `None`: another host has taken it over, or it is postponed.
    async fn replace(&self, sides: &mut Connected, claim: Claim) -> Option<FinishedWindow> {
        let window = claim.window.clone();
        let replacement = Replacement::new(self, window.clone()).run(sides, claim);
        report::about(self.job.label(), Some(window.to_string()), replacement).await
    }

    /// The same window for another attempt; `None`: another host has it.
    async fn claim_again(&self, sides: &mut Connected, claim: &Claim) -> Result<Option<Claim>> {
        let mut retries = self.retries();
        loop {
            let claimed = match self.connected(sides).await {
                Ok(sides) => self.run.claim(&mut sides.target, claim.window.clone()).await,
                Err(error) => Err(error),
            };
            match retries.settled(claimed).await {
                Some(settled) => return settled,
                None => *sides = None,
            }
        }
    }

    async fn give_up(&self, sides: &mut Connected, claim: &Claim, why: &Error) {
        locked(&self.given_up).insert(claim.window.clone());
        let noted = match self.connected(sides).await {
            Ok(sides) => claim.fail(&mut sides.target, why).await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            // It stays `loading`, which says as much: the next run loads it again.
            log::warn!("{} {}: not noted in the ledger: {error}", self.job.table, claim.window);
            *sides = None;
        }
    }

    async fn pinpointed(&self, error: Error, plan: &Plan) -> Error {
        let source = Some(&self.job.source);
        let target = &self.job.target;
        let load = FailedLoad { source, target, table: Some(&self.source), plan };
        pinpoint(error, &load).await
    }
}

/// A worker that panicked ends the run; what it knew counts all the same.
fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
