//! A host, as the steps between which others may come.
//!
//! It follows `copy::windows::run` (`RunState`), `copy::windows::workers` (`WorkerPool`, `Replacement`),
//! `copy::windows::closing` and `copy::indexes`.
use crate::record::{
    HOSTS, LAST, LedgerAnswer, LedgerOp, ModelClaim, ModelLedger, ModelResume, WINDOWS, WindowMark, WindowRow,
};

/// What a host does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostStep {
    Begin,
    Record,
    /// ... and let others begin.
    Disable,
    /// The server has refused to disable the index: was it disabled before?
    Refused,
    ForgetRefused,
    Next,
    Delete(ModelClaim),
    Load(ModelClaim),
    /// The answer to its COMMIT was lost.
    IsComplete(ModelClaim),
    ClaimAgain(u8),
    Release,
    Leave,
    IsLast,
    Take,
    Rebuild,
    GiveBack,
    ForgetRebuilt,
    End,
    Gone,
}

/// How it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostFate {
    /// It has done all that it was to do.
    Well,
    /// A signal, or something that it could not do; it has ended in order.
    Stopped,
    /// It has died, or was taken for dead.
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModelHost {
    pub step: HostStep,
    pub fate: HostFate,
    /// It has read other rows than it has sent, and loads a window again that was complete.
    pub reopens: bool,
}

/// What the target has of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WindowRows {
    Old,
    /// So many times.
    Loaded(u8),
    /// Old ones and new ones.
    Mixed,
}

/// Everything that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub ledger: ModelLedger,
    pub rows: [WindowRows; WINDOWS],
    pub disabled: bool,
    pub hosts: [ModelHost; HOSTS],
    /// The application lock under which a run begins: a host's run, or 0.
    pub beginning: u8,
    /// Faults that may still come.
    pub faults: u8,
}

/// What comes of a step: each is a world, said in a word.
pub type NextWorlds = Vec<(&'static str, World)>;

impl World {
    pub fn new(windows: usize, faults: u8) -> Self {
        let host = ModelHost { step: HostStep::Begin, fate: HostFate::Well, reopens: false };
        Self {
            ledger: ModelLedger::new(windows),
            rows: [WindowRows::Old; WINDOWS],
            disabled: false,
            hosts: [host; HOSTS],
            beginning: 0,
            faults,
        }
    }

    /// All that may happen now.
    pub fn steps(&self, resume: ModelResume) -> NextWorlds {
        let mut steps = Vec::new();
        for (host, run) in (0..HOSTS).zip(1..) {
            let at = self.hosts[host].step;
            // Hosts are alike: they begin in their order.
            let waits = at == HostStep::Begin && host > 0 && self.hosts[host - 1].step == HostStep::Begin;
            if at != HostStep::Gone && !waits {
                self.advance(host, resume, &mut steps);
            }
            self.troubles(host, run, &mut steps);
        }
        steps
    }

    fn with(&self, host: usize, step: HostStep) -> Self {
        let mut world = *self;
        world.hosts[host].step = step;
        world
    }

    /// The same after one fault more.
    fn fault(&self) -> Option<Self> {
        let faults = self.faults.checked_sub(1)?;
        Some(Self { faults, ..*self })
    }

    /// What may happen to a host, whatever it does.
    fn troubles(&self, host: usize, run: u8, steps: &mut NextWorlds) {
        let ModelHost { step, fate, .. } = self.hosts[host];
        if step == HostStep::Begin || !self.ledger.is_unended(run) && step == HostStep::Gone {
            return;
        }
        if let Some(mut world) = self.fault().filter(|_| step != HostStep::Gone) {
            world.hosts[host].step = HostStep::Gone;
            world.hosts[host].fate = HostFate::Dead;
            if world.beginning == run {
                world.beginning = 0;
            }
            steps.push(("dies", world));
        }
        if self.ledger.is_alive(run) {
            // That of a dead host runs out by itself.
            let lapsed = if step == HostStep::Gone { Some(*self) } else { self.fault() };
            if let Some(mut world) = lapsed {
                world.ledger.run_mut(run).alive = false;
                steps.push(("lease runs out", world));
            }
        } else if self.ledger.is_unended(run) && step != HostStep::Gone {
            let mut world = *self;
            world.ledger.apply(LedgerOp::Renew(run));
            steps.push(("renews", world));
        } else if self.has_work(host) && fate == HostFate::Well {
            // The heartbeat says that another run has taken it for dead.
            let mut world = self.with(host, HostStep::Release);
            world.hosts[host].fate = HostFate::Dead;
            steps.push(("hears that it is lost", world));
        }
    }

    /// It is between its beginning and its end.
    fn has_work(&self, host: usize) -> bool {
        use HostStep::{ClaimAgain, Delete, IsComplete, Load, Next};
        matches!(self.hosts[host].step, Next | Delete(_) | Load(_) | IsComplete(_) | ClaimAgain(_))
    }

    /// What a host does.
    fn advance(&self, host: usize, resume: ModelResume, steps: &mut NextWorlds) {
        let run = u8::try_from(host + 1).unwrap();
        if self.has_work(host)
            && let Some(world) = self.fault()
        {
            let mut world = world.with(host, HostStep::Release);
            world.hosts[host].fate = HostFate::Stopped;
            steps.push(("a signal", world));
        }
        match self.hosts[host].step {
            HostStep::Begin if self.beginning == 0 => {
                let mut world = *self;
                if world.ledger.apply(LedgerOp::Begin(run, resume)) == LedgerAnswer::Began {
                    // Even if it is disabled by now, since it was enabled when this host looked at the table.
                    world.beginning = run;
                    steps.push(("begins", world.with(host, HostStep::Record)));
                    world.beginning = 0;
                }
                steps.push(("begins without an index", world.with(host, HostStep::Next)));
            }
            HostStep::Begin | HostStep::Gone => {}
            HostStep::Record => {
                steps.push(("records", self.after(LedgerOp::Record(run)).with(host, HostStep::Disable)))
            }
            HostStep::Disable => {
                steps.push((
                    "disables",
                    Self { disabled: true, beginning: 0, ..self.with(host, HostStep::Next) },
                ));
                if let Some(world) = self.fault() {
                    steps.push(("may not disable", world.with(host, HostStep::Refused)));
                }
            }
            HostStep::Refused if self.disabled => {
                steps.push(("keeps the record", Self { beginning: 0, ..self.with(host, HostStep::Next) }));
            }
            HostStep::Refused => steps.push(("finds it enabled", self.with(host, HostStep::ForgetRefused))),
            HostStep::ForgetRefused => {
                let world = Self { beginning: 0, ..self.after(LedgerOp::Forget) };
                steps.push(("forgets", world.with(host, HostStep::Next)));
            }
            HostStep::ClaimAgain(window) => self.claim_again(host, run, window, steps),
            HostStep::Next => self.claim(host, run, steps),
            HostStep::Delete(claim) => self.delete(host, claim, steps),
            HostStep::Load(claim) => self.complete(host, claim, steps),
            HostStep::IsComplete(claim) => {
                let mut world = *self;
                let complete = world.ledger.apply(LedgerOp::IsComplete(claim)) == LedgerAnswer::Yes;
                let then = if complete { HostStep::Next } else { HostStep::ClaimAgain(claim.window) };
                steps.push(("asks for its COMMIT", world.with(host, then)));
            }
            step => self.close(host, run, step, steps),
        }
    }

    fn after(&self, op: LedgerOp) -> Self {
        let mut world = *self;
        world.ledger.apply(op);
        world
    }

    fn claim_again(&self, host: usize, run: u8, window: u8, steps: &mut NextWorlds) {
        let mut world = *self;
        let then = match world.ledger.apply(LedgerOp::Claim(run, window)) {
            LedgerAnswer::Claimed(window, attempt) => HostStep::Delete(ModelClaim { run, window, attempt }),
            _ => HostStep::Next,
        };
        steps.push(("claims again", world.with(host, then)));
    }

    fn claim(&self, host: usize, run: u8, steps: &mut NextWorlds) {
        let mut world = *self;
        match world.ledger.apply(LedgerOp::Next(run)) {
            LedgerAnswer::Claimed(window, attempt) => {
                let claim = ModelClaim { run, window, attempt };
                steps.push(("claims", world.with(host, HostStep::Delete(claim))));
                if let Some(lost) = world.fault() {
                    steps.push(("claims, and does not hear of it", lost.with(host, HostStep::Next)));
                }
            }
            LedgerAnswer::Wait => {}
            _ => {
                let ours = |row: &WindowRow| row.state == WindowMark::Loading && row.run == run;
                let stranded = self.ledger.windows.iter().zip(0..).find(|(row, _)| ours(row));
                // It has nothing to give back.
                let then = stranded.map_or(HostStep::Leave, |(_, window)| HostStep::ClaimAgain(window));
                steps.push(("finds none left", world.with(host, then)));
            }
        }
    }

    /// A transaction that changes a window's rows, and ends with the fence.
    fn delete(&self, host: usize, claim: ModelClaim, steps: &mut NextWorlds) {
        let mut world = *self;
        if world.ledger.apply(LedgerOp::Fence(claim)) == LedgerAnswer::Lost {
            steps.push(("was overtaken", self.with(host, HostStep::Next)));
            return;
        }
        world.rows[usize::from(claim.window)] = WindowRows::Loaded(0);
        steps.push(("deletes", world.with(host, HostStep::Load(claim))));
    }

    /// The transaction of the last rows.
    fn complete(&self, host: usize, claim: ModelClaim, steps: &mut NextWorlds) {
        let mut world = *self;
        if world.ledger.apply(LedgerOp::Complete(claim)) == LedgerAnswer::Lost {
            steps.push(("was overtaken", self.with(host, HostStep::Next)));
            return;
        }
        let rows = &mut world.rows[usize::from(claim.window)];
        *rows = match *rows {
            WindowRows::Old => WindowRows::Mixed,
            WindowRows::Mixed => WindowRows::Mixed,
            WindowRows::Loaded(times) => WindowRows::Loaded(times + 1),
        };
        steps.push(("completes", world.with(host, HostStep::Next)));
        if let (Some(committed), Some(rolled_back)) = (world.fault(), self.fault()) {
            steps.push(("completes unheard", committed.with(host, HostStep::IsComplete(claim))));
            steps.push(("loses its COMMIT", rolled_back.with(host, HostStep::IsComplete(claim))));
            let mut reopened = committed.with(host, HostStep::ClaimAgain(claim.window));
            reopened.hosts[host].reopens = true;
            steps.push(("reads other rows", reopened));
        }
    }

    /// What a host does that copies no more.
    fn close(&self, host: usize, run: u8, step: HostStep, steps: &mut NextWorlds) {
        let mut world = *self;
        let (said, then) = match step {
            HostStep::Release => {
                world.ledger.apply(LedgerOp::Release(run));
                ("gives back", HostStep::Leave)
            }
            HostStep::Leave if world.ledger.finish(run) == LedgerAnswer::Lost => {
                world.hosts[host].fate = HostFate::Dead;
                ("is lost", HostStep::Gone)
            }
            HostStep::Leave => ("leaves", HostStep::IsLast),
            HostStep::IsLast if world.ledger.is_last(run) == LedgerAnswer::Yes => {
                ("is the last", HostStep::Take)
            }
            HostStep::IsLast => ("is not the last", HostStep::End),
            HostStep::Take => match (world.ledger.index.is_some(), world.ledger.apply(LedgerOp::Take(run))) {
                (true, LedgerAnswer::Yes) => ("takes the index", HostStep::Rebuild),
                _ => ("takes no index", HostStep::End),
            },
            HostStep::Rebuild if !self.disabled => ("finds it enabled", HostStep::ForgetRebuilt),
            HostStep::Rebuild => {
                if let Some(mut refused) = self.fault() {
                    refused.hosts[host].fate = HostFate::Stopped;
                    steps.push(("may not rebuild", refused.with(host, HostStep::GiveBack)));
                }
                world.disabled = false;
                ("rebuilds", HostStep::ForgetRebuilt)
            }
            HostStep::GiveBack => {
                world.ledger.apply(LedgerOp::GiveBack(run));
                ("gives the index back", HostStep::End)
            }
            HostStep::ForgetRebuilt => {
                world.ledger.apply(LedgerOp::ForgetTaken(run));
                ("forgets the index", HostStep::End)
            }
            _ => {
                world.ledger.apply(LedgerOp::End(run));
                ("ends", HostStep::Gone)
            }
        };
        steps.push((said, world.with(host, then)));
    }

    /// What a run does that has the table alone, after all others: as many of these steps as there are.
    pub fn run_alone(&self) -> Self {
        let mut world = *self;
        world.ledger.begin(LAST, ModelResume::Resume, false);
        while let LedgerAnswer::Claimed(window, attempt) = world.ledger.apply(LedgerOp::Next(LAST)) {
            world.rows[usize::from(window)] = WindowRows::Loaded(1);
            world.ledger.apply(LedgerOp::Complete(ModelClaim { run: LAST, window, attempt }));
        }
        if world.ledger.index.take().is_some() {
            world.disabled = false;
        }
        world
    }
}
