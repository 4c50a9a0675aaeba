//! The ledger, as the values that decide, and its statements. Pure.

/// Windows, and hosts. A host has one run, whose number in the ledger is its place and one.
pub const WINDOWS: usize = 3;
pub const HOSTS: usize = 3;
/// The run that looks after the others when all have gone.
pub const LAST: u8 = HOSTS as u8 + 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowMark {
    /// No such window.
    None,
    /// It is not on record: no run has begun.
    Absent,
    Pending,
    Loading,
    Complete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunPhase {
    Absent,
    Copying,
    Finishing,
    Ended,
}

/// A row of `replica.runs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RunRow {
    pub batch: u8,
    pub phase: RunPhase,
    /// Its lease has not run out.
    pub alive: bool,
}

/// A row of `replica.windows`. `run` is 0 for NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WindowRow {
    pub state: WindowMark,
    pub batch: u8,
    pub run: u8,
    pub attempts: u8,
}

/// The row of `replica.disabled_indexes`. `rebuilding` is 0 for NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IndexRow {
    pub run: u8,
    pub rebuilding: u8,
}

/// A run's right to a window, as it remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModelClaim {
    pub run: u8,
    pub window: u8,
    pub attempt: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModelResume {
    /// All windows are loaded again.
    Replace,
    /// Those that are complete are skipped.
    Resume,
}

/// What a host asks of the ledger: a function of `replica_core::ledger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LedgerOp {
    /// By the run that gets this number.
    Begin(u8, ModelResume),
    Next(u8),
    Claim(u8, u8),
    Fence(ModelClaim),
    Complete(ModelClaim),
    IsComplete(ModelClaim),
    Release(u8),
    Leave(u8),
    End(u8),
    Renew(u8),
    Record(u8),
    Take(u8),
    GiveBack(u8),
    Forget,
    ForgetTaken(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LedgerAnswer {
    Done,
    Yes,
    No,
    /// The claim or the run is another's by now.
    Lost,
    /// Begins a batch of its own; joins this one.
    Began,
    Joined(u8),
    /// This window, as this attempt.
    Claimed(u8, u8),
    Wait,
    NoneLeft,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModelLedger {
    pub runs: [RunRow; HOSTS + 1],
    pub windows: [WindowRow; WINDOWS],
    pub index: Option<IndexRow>,
}

impl ModelLedger {
    pub fn new(windows: usize) -> Self {
        let run = RunRow { batch: 0, phase: RunPhase::Absent, alive: false };
        let window = |n| {
            let state = if n < windows { WindowMark::Absent } else { WindowMark::None };
            WindowRow { state, batch: 0, run: 0, attempts: 0 }
        };
        Self { runs: [run; HOSTS + 1], windows: std::array::from_fn(window), index: None }
    }

    pub fn run(&self, run: u8) -> &RunRow {
        &self.runs[usize::from(run - 1)]
    }

    pub fn run_mut(&mut self, run: u8) -> &mut RunRow {
        &mut self.runs[usize::from(run - 1)]
    }

    /// Alive, and not ended.
    pub fn is_alive(&self, run: u8) -> bool {
        run > 0 && self.run(run).alive && self.is_unended(run)
    }

    pub fn is_unended(&self, run: u8) -> bool {
        matches!(self.run(run).phase, RunPhase::Copying | RunPhase::Finishing)
    }

    fn unended(&self) -> impl Iterator<Item = u8> {
        (1..=LAST).rev().filter(|run| self.is_unended(*run))
    }

    /// All of it, as one step.
    pub fn apply(&mut self, op: LedgerOp) -> LedgerAnswer {
        match op {
            LedgerOp::Begin(run, resume) => self.begin(run, resume, true),
            LedgerOp::Next(run) => match (0..WINDOWS as u8).find(|window| self.is_free(run, *window)) {
                Some(window) => self.claimed(run, window),
                None => self.others(run),
            },
            LedgerOp::Claim(run, window) => self.claim(run, window),
            LedgerOp::Fence(claim) if self.is_ours(claim) => LedgerAnswer::Done,
            LedgerOp::Complete(claim) if self.is_ours(claim) => {
                self.windows[usize::from(claim.window)].state = WindowMark::Complete;
                LedgerAnswer::Done
            }
            LedgerOp::Fence(_) | LedgerOp::Complete(_) => LedgerAnswer::Lost,
            LedgerOp::IsComplete(claim) => {
                let row = self.windows[usize::from(claim.window)];
                let ours =
                    (row.state, row.run, row.attempts) == (WindowMark::Complete, claim.run, claim.attempt);
                if ours { LedgerAnswer::Yes } else { LedgerAnswer::No }
            }
            LedgerOp::Release(run) => {
                for row in self.windows.iter_mut().filter(|w| w.state == WindowMark::Loading && w.run == run)
                {
                    (row.state, row.run) = (WindowMark::Pending, 0);
                }
                LedgerAnswer::Done
            }
            LedgerOp::Leave(run) => match self.finish(run) {
                LedgerAnswer::Lost => LedgerAnswer::Lost,
                _ => self.is_last(run),
            },
            LedgerOp::End(run) => {
                self.end(run);
                LedgerAnswer::Done
            }
            LedgerOp::Renew(run) if self.is_unended(run) => {
                self.run_mut(run).alive = true;
                LedgerAnswer::Done
            }
            LedgerOp::Renew(_) => LedgerAnswer::Lost,
            LedgerOp::Record(run) => {
                self.index = Some(IndexRow { run, rebuilding: 0 });
                LedgerAnswer::Done
            }
            LedgerOp::Take(run) => self.take(run),
            LedgerOp::GiveBack(run) => {
                if let Some(row) = self.index.as_mut().filter(|row| row.rebuilding == run) {
                    row.rebuilding = 0;
                }
                LedgerAnswer::Done
            }
            LedgerOp::Forget => {
                self.index = None;
                LedgerAnswer::Done
            }
            LedgerOp::ForgetTaken(run) => {
                self.index = self.index.filter(|row| row.rebuilding != run);
                LedgerAnswer::Done
            }
        }
    }

    /// Joins a run that is alive, if both share; takes all others for dead if it joins none.
    pub fn begin(&mut self, run: u8, resume: ModelResume, shared: bool) -> LedgerAnswer {
        let joined = self.unended().find(|other| shared && self.run(*other).alive);
        let joined = joined.map(|other| self.run(other).batch);
        let crashed: Vec<_> = self.unended().filter(|o| joined.is_none() || !self.run(*o).alive).collect();
        crashed.into_iter().for_each(|other| self.end(other));
        let batch = joined.unwrap_or(run);
        *self.run_mut(run) = RunRow { batch, phase: RunPhase::Copying, alive: true };
        if joined.is_some() {
            return LedgerAnswer::Joined(batch);
        }
        for row in self.windows.iter_mut().filter(|row| row.state != WindowMark::None) {
            if resume == ModelResume::Resume && row.state == WindowMark::Complete {
                row.batch = batch;
            } else {
                *row = WindowRow { state: WindowMark::Pending, batch, run: 0, attempts: 0 };
            }
        }
        LedgerAnswer::Began
    }

    fn end(&mut self, run: u8) {
        if self.is_unended(run) {
            let row = self.run_mut(run);
            (row.phase, row.alive) = (RunPhase::Ended, false);
        }
    }

    /// Nobody works on it, as far as its lease says.
    fn is_free(&self, run: u8, window: u8) -> bool {
        let row = self.windows[usize::from(window)];
        row.batch == self.run(run).batch
            && (row.state == WindowMark::Pending
                || row.state == WindowMark::Loading && row.run != run && !self.is_alive(row.run))
    }

    fn others(&self, run: u8) -> LedgerAnswer {
        let batch = self.run(run).batch;
        let is_at_work = |row: &WindowRow| row.state == WindowMark::Loading && row.run != run;
        let others = self.windows.iter().any(|row| row.batch == batch && is_at_work(row));
        if others { LedgerAnswer::Wait } else { LedgerAnswer::NoneLeft }
    }

    fn claim(&mut self, run: u8, window: u8) -> LedgerAnswer {
        let row = self.windows[usize::from(window)];
        let free = row.state == WindowMark::Pending
            || row.run == run
            || row.state == WindowMark::Loading && !self.is_alive(row.run);
        if row.batch == self.run(run).batch && free { self.claimed(run, window) } else { LedgerAnswer::No }
    }

    fn claimed(&mut self, run: u8, window: u8) -> LedgerAnswer {
        let row = &mut self.windows[usize::from(window)];
        (row.state, row.run, row.attempts) = (WindowMark::Loading, run, row.attempts + 1);
        LedgerAnswer::Claimed(window, row.attempts)
    }

    /// The right to load it is this claim's.
    fn is_ours(&self, claim: ModelClaim) -> bool {
        let row = self.windows[usize::from(claim.window)];
        (row.state, row.run, row.attempts) == (WindowMark::Loading, claim.run, claim.attempt)
    }

    /// The first part of `leave`.
    pub fn finish(&mut self, run: u8) -> LedgerAnswer {
        if !self.is_unended(run) {
            return LedgerAnswer::Lost;
        }
        self.run_mut(run).phase = RunPhase::Finishing;
        LedgerAnswer::Done
    }

    /// The second part: is it the last one out?
    pub fn is_last(&self, run: u8) -> LedgerAnswer {
        let batch = self.run(run).batch;
        let left = |row: &WindowRow| {
            row.batch == batch && matches!(row.state, WindowMark::Pending | WindowMark::Loading)
        };
        let others = (1..=LAST).any(|other| {
            let row = self.run(other);
            other != run && row.batch == batch && row.phase == RunPhase::Copying && row.alive
        });
        if others && self.windows.iter().any(left) { LedgerAnswer::No } else { LedgerAnswer::Yes }
    }

    fn take(&mut self, run: u8) -> LedgerAnswer {
        let Some(row) = self.index else { return LedgerAnswer::No };
        let others = row.rebuilding != 0 && row.rebuilding != run && self.is_alive(row.rebuilding);
        if others || !self.is_unended(run) {
            return LedgerAnswer::No;
        }
        self.index = Some(IndexRow { rebuilding: run, ..row });
        LedgerAnswer::Yes
    }
}
