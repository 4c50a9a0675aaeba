//! What would go wrong in a run, before it does: questions to the machine's network, to both servers, and about each
//! table; and what their answers come to.
//!
//! Nothing is written, and nothing waits for a lock for longer than two seconds. Each question stands by itself: what a
//! server refuses is a finding of its own, which names the right that is missing, and the others are asked all the same.
//! What an answer comes to is decided without I/O, beside its question.
mod ask;
mod certificate;
mod credential;
mod finding;
mod network;
mod ours;
mod row_size;
mod selection;
mod server;
mod space;
mod table;
mod traffic;

pub use ask::Asker;
pub use finding::{Check, CheckFinding, CheckFindings, CheckGroup, CheckSeverity, Side};
pub use network::reach;
pub use table::{CheckedDays, CheckedTable};

use space::Need;
use traffic::When;

/// The run that is checked.
#[derive(Clone, Debug)]
pub struct CheckedRun<'a> {
    /// Its tables.
    pub tables: &'a [CheckedTable],
    /// Streams at once.
    pub workers: usize,
    /// When it starts, in minutes after midnight by the servers' clocks; `None`: nobody says.
    pub starts: Option<u16>,
}

/// Asks all that can be asked of the servers that were reached.
pub async fn run(
    source: &mut Option<Asker>,
    target: &mut Option<Asker>,
    run: &CheckedRun<'_>,
    out: &mut CheckFindings,
) {
    for asker in [&mut *source, &mut *target].into_iter().flatten() {
        server::check(asker, out).await;
    }
    if let (Some(source), Some(target)) = (&*source, &*target) {
        out.extend(server::clocks(&source.known, &target.known));
    }
    let mut largest = Need::default();
    for checked in run.tables {
        let need = table::check(source.as_mut(), target.as_mut(), checked, out).await;
        if let Some(need) = need.filter(|need| need.bytes > largest.bytes) {
            largest = need;
        }
    }
    let when = When { workers: run.workers, starts: run.starts };
    for asker in [&mut *source, &mut *target].into_iter().flatten() {
        space::check(asker, &largest, out).await;
        traffic::check(asker, when, out).await;
    }
    if let Some(target) = target {
        ours::check(target, run.tables, out).await;
    }
}
