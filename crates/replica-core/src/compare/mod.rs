//! Both sides of a table, read alike and side by side. Nothing is decoded: a row is its bytes and their hash.
//!
//! A first pass adds both sides up, by stretches of the key or by days, where rows have either. What of them differs is
//! read once more on both sides, in the order of a [key], and [merged](merge). Whoever wants to know ([`verify`](crate::verify)) or to change what
//! differs takes the rows from there.
mod as_of;
mod comparison;
pub(crate) mod key;
pub(crate) mod merge;
pub(crate) mod part;
pub(crate) mod promise;
pub(crate) mod sketch;
pub(crate) mod stream;
pub(crate) mod stretch;
mod throttle;

use std::time::Duration;

pub use as_of::AsOf;
pub use comparison::{Comparison, ComparisonOptions};
pub use throttle::Throttle;

use crate::error::Result;
use crate::session::{Isolation, Role, Session};
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;
use part::RereadRows;
use stream::{Sums, sums};

/// Whoever holds the table for longer is let go first.
const LOCK_WAIT: Duration = Duration::from_secs(120);

/// Connections to both sides.
pub(crate) struct Both<'a> {
    pub source: &'a mut Session,
    pub target: &'a mut Session,
}

/// How a table is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub comparison: &'a Comparison,
    pub throttle: &'a Throttle,
    /// SNAPSHOT isolation, where the databases allow it.
    pub snapshot: bool,
    /// At most so many rows that differ are shown.
    pub show_rows: usize,
}

impl Reading<'_> {
    /// Where row versions are kept, both readings are of one point in time and take no locks.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn begin(&self, session: &mut Session, role: Role) -> Result<()> {
        if self.make_ready(session, role).await? == Isolation::Snapshot {
            session.lane()?.begin().await?;
        }
        Ok(())
    }

    /// As [`Self::begin`], for one reading.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn make_ready(&self, session: &mut Session, role: Role) -> Result<Isolation> {
        let snapshot = self.snapshot && self.comparison.allows_snapshot(role);
        let level = if snapshot { Isolation::Snapshot } else { Isolation::ReadCommitted };
        session.set_isolation_and_wait(level, LOCK_WAIT).await?;
        Ok(level)
    }
}

/// Ends what [`Reading::begin`] began.
///
/// # Errors
/// The server's.
pub(crate) async fn end(session: &mut Session) -> Result<()> {
    let lane = session.lane()?;
    if lane.in_transaction() { lane.commit().await } else { Ok(()) }
}

/// What the first pass says.
pub(crate) struct FirstPass {
    pub source: Sums,
    pub target: Sums,
    /// The rows that differ are among these; `None`: there are none.
    pub differing: Option<RereadRows>,
}

impl FirstPass {
    /// Reads both sides of a window, or of all of a table, to their end. `sketch`: see [`Sums::sketch`].
    ///
    /// # Errors
    /// The servers'; lost connections.
    pub(crate) async fn of(
        Both { source, target }: Both<'_>,
        reading: &Reading<'_>,
        window: Option<Window>,
        sketch: bool,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Self> {
        let comparison = reading.comparison;
        let grouping = comparison.grouping(window.as_ref());
        let question = |role| comparison.all(role, window.as_ref(), grouping);
        let mut ignore = |_| {};
        let (source, target) = tokio::try_join!(
            sums(source, question(Role::Source), reading, sketch, progress),
            sums(target, question(Role::Target), reading, sketch, &mut ignore),
        )?;
        let differing = (source.total != target.total).then(|| {
            let groups = source.groups.as_ref().zip(target.groups.as_ref());
            RereadRows::differing(window.clone(), grouping.zip(groups))
        });
        Ok(Self { source, target, differing })
    }
}

/// Count and hash of what the source has, read once more.
///
/// # Errors
/// The server's; a lost connection.
pub(crate) async fn again(
    source: &mut Session,
    reading: &Reading<'_>,
    window: Option<Window>,
) -> Result<Fingerprint> {
    let question = reading.comparison.all(Role::Source, window.as_ref(), None);
    Ok(sums(source, question, reading, false, &mut |_| {}).await?.total)
}

/// The whole, with its part as it was when it was read again.
pub(crate) fn now(mut total: Fingerprint, part: Fingerprint, part_now: Fingerprint) -> Fingerprint {
    total -= part;
    total += part_now;
    total
}
