//! Whether the target holds what was sent.
use std::str::FromStr;

use super::source::{ConnectedSource, open};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::read;
use crate::report::Timing;
use crate::session::Session;
use crate::tds::fingerprint::Fingerprint;

/// What is read back before the commit, to be sure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    #[default]
    /// The server's count of every load is compared all the same.
    Nothing,
    /// The number of rows, by COUNT_BIG.
    Count,
    /// Every byte, by the hash of every row.
    Hash,
    /// The same, once the source has sent the same rows a second time.
    Source,
}

impl FromStr for Verify {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::Nothing),
            "count" => Ok(Self::Count),
            "hash" => Ok(Self::Hash),
            "source" => Ok(Self::Source),
            _ => Err(Error::usage("it is none, count, hash or source")),
        }
    }
}

impl Verify {
    /// What is read back by this plan, which may have reasons of its own.
    pub(super) fn by(self, plan: &Plan) -> Self {
        match self {
            Self::Source => self,
            _ if plan.strategy.server.unchecked_loads => Self::Hash,
            Self::Nothing if plan.strategy.drops_duplicates => Self::Count,
            asked => asked,
        }
    }
}

/// Reads a plan's rows back; `None`: they are what was sent. Otherwise what is different.
pub(super) async fn difference(
    target: &mut Session,
    plan: &Plan,
    verify: Verify,
    sent: Fingerprint,
) -> Result<Option<Error>> {
    let stored = match verify {
        Verify::Nothing => return Ok(None),
        Verify::Count => Fingerprint { rows: read::count(target.lane()?, plan.count()).await?, ..sent },
        Verify::Hash | Verify::Source => stored(target, plan).await?,
    };
    Ok((stored != sent).then(|| {
        let error = Error::data(format!(
            "the target holds {} rows with hash {stored}, the source sent {} rows with hash {sent}",
            stored.rows, sent.rows
        ));
        match may_change(plan) {
            Some(reasons) if stored.rows == sent.rows => error.remedy(reasons),
            _ => error,
        }
    }))
}

/// Reads the rows at the source a second time, where a plan wants that.
///
/// # Errors
/// Other rows have come than the first time; the next attempt may fare better.
pub(super) async fn reread(
    source: &mut impl ConnectedSource,
    plan: &Plan,
    sent: Fingerprint,
    timing: &mut Timing,
) -> Result<()> {
    if !plan.reread {
        return Ok(());
    }
    let again = source.reread(plan).await.map_err(|error| error.within("reading the source again"))?;
    timing.phase("REREAD");
    same_again(plan.snapshot, sent, again)
}

/// Compares two readings of the source.
///
/// # Errors
/// As [`reread`].
pub(super) fn same_again(snapshot: bool, sent: Fingerprint, again: Fingerprint) -> Result<()> {
    if again == sent {
        return Ok(());
    }
    let error = Error::data(format!(
        "the source sent {} rows with hash {sent}, and {} rows with hash {again} when they were read again",
        sent.rows, again.rows
    ));
    let remedy = if snapshot {
        "The network or a machine's memory changes bits: Encrypt=true finds the former"
    } else {
        "Rows may have changed meanwhile: ALLOW_SNAPSHOT_ISOLATION at the source makes both readings of one point in time"
    };
    Err(error.remedy(remedy).that_passes())
}

/// What the target has of a plan's rows.
pub(super) async fn stored(target: &mut Session, plan: &Plan) -> Result<Fingerprint> {
    let mut rows = open(target, plan, plan.verify_select()).await?;
    // A SELECT.
    rows.leaves_nothing();
    read::fingerprint(rows).await
}

/// The columns whose values a target may store as others than were sent, and what to do about each.
fn may_change(plan: &Plan) -> Option<String> {
    let columns = plan.mapping.columns.iter().flat_map(|column| {
        let ways = column.conversion.checks.iter().filter_map(|check| {
            let way_out = check.problem.seen_by_hash(&column.source.name)?;
            Some(format!("{} of column {}: {way_out}", check.problem, column.target.name))
        });
        ways.collect::<Vec<_>>()
    });
    let columns = columns.collect::<Vec<_>>().join("; ");
    let all = format!("find-string-overflows tells whether it is one of these: {columns}");
    (!columns.is_empty()).then_some(all)
}
