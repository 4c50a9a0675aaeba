//! A core for the client alone, and the others for the servers.
//!
//! Left to itself, the system puts the relay on the core of the socket that it feeds: bytes then go from cache to
//! cache, which no client has whose servers are other machines, and which a client that works all the time cannot have.
use rustix::io::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Keeps this thread, and what it starts from here on, off one core, and says which. `None`: there is only one.
pub fn leave_one() -> Result<Option<usize>> {
    let all = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
    let (Some(spare), Some(_)) = (cores.next(), cores.next()) else { return Ok(None) };
    let mut others = all;
    others.unset(spare);
    sched_setaffinity(None, &others)?;
    Ok(Some(spare))
}

/// Keeps this thread, and what it starts from here on, to one core.
pub fn keep_to(core: usize) -> Result<()> {
    let mut alone = CpuSet::new();
    alone.set(core);
    sched_setaffinity(None, &alone)
}
