//! All worlds that can come of the first one, and what must hold in each.
use std::collections::HashSet;

use crate::host::{HostFate, HostStep, ModelHost, WindowRows, World};
use crate::record::{HOSTS, LedgerOp, ModelLedger, ModelResume, RunPhase, WindowMark};

pub struct Explored {
    pub states: usize,
    /// Worlds in which nothing happens any more.
    pub ends: usize,
    /// What was asked of which ledger.
    pub steps: HashSet<(ModelLedger, LedgerOp)>,
}

/// Looks at every world.
pub fn explore(resume: ModelResume, windows: usize, faults: u8) -> Explored {
    let first = World::new(windows, faults);
    // Each with the one that it came from.
    let mut worlds = vec![(first, 0, "begins")];
    let (mut known, mut asked, mut ends, mut at) = (HashSet::from([first]), HashSet::new(), 0, 0);
    while let Some((world, ..)) = worlds.get(at).copied() {
        let next = world.steps(resume);
        let ended = world.hosts.iter().all(|host| host.step == HostStep::Gone);
        let wrong = wrong(&world).or_else(|| if ended { wrong_at_end(&world) } else { stuck(&world, &next) });
        if let Some(wrong) = wrong {
            panic!("{wrong}\n{}\n{world:?}", story(&worlds, at));
        }
        ends += usize::from(ended);
        ask(&world, resume, &mut asked);
        for (said, next) in next {
            if known.insert(next) {
                worlds.push((next, at, said));
            }
        }
        at += 1;
    }
    Explored { states: worlds.len(), ends, steps: asked }
}

/// What must hold whenever.
fn wrong(world: &World) -> Option<&'static str> {
    let mut windows = world.ledger.windows.iter().zip(&world.rows);
    if windows.any(|(row, rows)| row.state == WindowMark::Complete && *rows != WindowRows::Loaded(1)) {
        return Some("a window is complete, and its rows are not there once");
    }
    (world.disabled && world.ledger.index.is_none()).then_some("an index is disabled and not on record")
}

/// What must hold when all hosts have gone.
fn wrong_at_end(world: &World) -> Option<&'static str> {
    let batches = world.ledger.runs.iter().filter(|run| run.phase != RunPhase::Absent).map(|run| run.batch);
    let latest = batches.max().unwrap_or_default();
    let of_latest: Vec<_> = (0..HOSTS)
        .filter(|host| world.ledger.runs[*host].batch == latest)
        .map(|host| world.hosts[host])
        .collect();
    let is_well = |host: &ModelHost| host.fate == HostFate::Well;
    let is_complete = |world: &World| {
        world.ledger.windows.iter().all(|row| matches!(row.state, WindowMark::Complete | WindowMark::None))
    };
    // What a host gives back, or opens again, when the others have left is for the next run.
    let opens = |host: &ModelHost| host.fate == HostFate::Stopped || host.reopens;
    if of_latest.iter().any(is_well) && !of_latest.iter().any(opens) && !is_complete(world) {
        return Some("a host has ended well, and a window is lost");
    }
    if of_latest.iter().all(is_well) && (world.disabled || world.ledger.index.is_some()) {
        return Some("all hosts have ended well, and the index is not back");
    }
    let later = world.run_alone();
    if !is_complete(&later) || wrong(&later).is_some() {
        return Some("the next run leaves a window out");
    }
    later.disabled.then_some("the next run does not bring the index back")
}

/// Somebody is at work, and nothing but waiting can come.
fn stuck(world: &World, next: &[(&'static str, World)]) -> Option<&'static str> {
    next.iter().all(|(_, next)| next == world).then_some("nobody can go on")
}

/// What a host that stands where it does asks of the ledger, as the functions of the ledger have it: all of it at once.
fn ask(world: &World, resume: ModelResume, asked: &mut HashSet<(ModelLedger, LedgerOp)>) {
    for (host, run) in world.hosts.iter().zip(1..) {
        let op = match host.step {
            HostStep::Begin
                if world.beginning == 0
                    && (run == 1 || world.hosts[run as usize - 2].step != HostStep::Begin) =>
            {
                LedgerOp::Begin(run, resume)
            }
            HostStep::Record => LedgerOp::Record(run),
            HostStep::Next => LedgerOp::Next(run),
            HostStep::ClaimAgain(window) => LedgerOp::Claim(run, window),
            HostStep::Delete(claim) => LedgerOp::Fence(claim),
            HostStep::Load(claim) => LedgerOp::Complete(claim),
            HostStep::IsComplete(claim) => LedgerOp::IsComplete(claim),
            HostStep::Release => LedgerOp::Release(run),
            HostStep::Leave => LedgerOp::Leave(run),
            HostStep::Take => LedgerOp::Take(run),
            HostStep::GiveBack => LedgerOp::GiveBack(run),
            HostStep::ForgetRefused => LedgerOp::Forget,
            HostStep::ForgetRebuilt => LedgerOp::ForgetTaken(run),
            HostStep::End => LedgerOp::End(run),
            _ => continue,
        };
        asked.insert((world.ledger, op));
        if world.ledger.run(run).phase != RunPhase::Absent {
            asked.insert((world.ledger, LedgerOp::Renew(run)));
        }
    }
}

/// How a world came about.
fn story(worlds: &[(World, usize, &'static str)], end: usize) -> String {
    let (mut lines, mut at) = (Vec::new(), end);
    while at > 0 {
        let (world, before, said) = worlds[at];
        let host = (0..HOSTS).find(|host| worlds[before].0.hosts[*host] != world.hosts[*host]);
        lines.push(format!(
            "{} {said}",
            host.map_or("a host:".to_owned(), |host| format!("host {}", host + 1))
        ));
        at = before;
    }
    lines.reverse();
    lines.join("\n")
}
