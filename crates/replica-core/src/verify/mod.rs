//! Is the replica equal, row for row?
//!
//! Both sides of a window are read at once, as the copy reads them: nothing is decoded, and of every row only its hash
//! is kept, added up for the window and, in the same pass, for each stretch of its key or each of its days. Those that
//! differ are read once more on both sides, in the order of a key, and merged; that second reading also decides, since a source that changes
//! meanwhile may differ for a moment. Without a key, a sketch taken in the first pass says which hashes
//! make the difference, and the second picks their rows. `compare` does the reading.
mod finding;
mod job;
mod long;
mod narrow;
mod promise;

pub use finding::{DifferenceKind, DifferingColumn, DifferingRow};
pub use job::{ComparisonJob, Connections};

use crate::compare::part::RereadRows;
use crate::compare::stream::{Sums, sums};
pub use crate::compare::{AsOf, Comparison, ComparisonOptions, Throttle};
use crate::compare::{FirstPass, Reading, end, now, sketch};
use crate::copy::Sides;
use crate::error::Result;
use crate::session::{Role, Session};
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;
use narrow::Narrowed;

/// What became of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the two sides have the same rows.
    pub outcome: ComparisonOutcome,
    /// Of the source, or as recorded.
    pub source: Fingerprint,
    /// Of the target's rows.
    pub target: Fingerprint,
    /// How many rows differ, and how.
    pub differences: Differences,
    /// The first rows that differ, as many as were asked for.
    pub findings: Vec<DifferingRow>,
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonOutcome {
    /// The same rows, byte by byte.
    Equal,
    /// The source has newer rows; all others are equal.
    Behind,
    /// At least one row differs.
    Different,
}

impl ComparisonOutcome {
    /// As the tools print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Behind => "behind",
            Self::Different => "different",
        }
    }
}

/// How many rows differ, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Rows of the source that the target lacks.
    pub missing: u64,
    /// Rows of the target that the source lacks.
    pub extra: u64,
    /// Rows with the same key and other values.
    pub changed: u64,
    /// Rows that the source changed after the copy was made.
    pub newer: u64,
    /// They are not told apart: too many in a table without a key, or compared with a record.
    pub uncounted: bool,
}

impl Differences {
    fn count(&mut self, kind: DifferenceKind, rows: u64) {
        *match kind {
            DifferenceKind::Missing => &mut self.missing,
            DifferenceKind::Extra => &mut self.extra,
            DifferenceKind::Changed => &mut self.changed,
            DifferenceKind::Newer => &mut self.newer,
        } += rows;
    }

    fn outcome(&self) -> ComparisonOutcome {
        match self {
            Self { missing: 0, extra: 0, changed: 0, uncounted: false, newer } => {
                if *newer == 0 {
                    ComparisonOutcome::Equal
                } else {
                    ComparisonOutcome::Behind
                }
            }
            _ => ComparisonOutcome::Different,
        }
    }
}

/// Compares a window of a table, or all of it. After an error the connections are of no use any more.
///
/// # Errors
/// The servers'; lost connections.
async fn window(
    sides: &mut Sides,
    reading: &Reading<'_>,
    window: Option<Window>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Verdict> {
    match &window {
        Some(window) => sides.work_on(format_args!("{} {window}", reading.comparison.target)),
        None => sides.work_on(&reading.comparison.target),
    }
    let promised = match &reading.comparison.promise {
        Some(promise) => Some(promise::begin(sides, reading, promise).await?),
        None => {
            let Sides { source, target } = sides;
            let (source, target) =
                tokio::join!(reading.begin(source, Role::Source), reading.begin(target, Role::Target));
            source.and(target)?;
            None
        }
    };
    let reading = Reading { comparison: promised.as_ref().unwrap_or(reading.comparison), ..*reading };
    let verdict = compare(sides, &reading, window, progress).await?;
    let (source, target) = tokio::join!(end(&mut sides.source), end(&mut sides.target));
    source.and(target)?;
    Ok(verdict)
}

/// Compares a window of the target with what the copy has recorded of it.
async fn unchanged(
    target: &mut Session,
    reading: &Reading<'_>,
    window: Option<Window>,
    recorded: Fingerprint,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Verdict> {
    let comparison = reading.comparison;
    reading.make_ready(target, Role::Target).await?;
    let question = comparison.all(Role::Target, window.as_ref(), None);
    let Sums { total, .. } = sums(target, question, reading, false, progress).await?;
    Ok(Verdict {
        outcome: if total == recorded { ComparisonOutcome::Equal } else { ComparisonOutcome::Different },
        source: recorded,
        target: total,
        differences: Differences { uncounted: total != recorded, ..Differences::default() },
        findings: Vec::new(),
    })
}

async fn compare(
    sides: &mut Sides,
    reading: &Reading<'_>,
    window: Option<Window>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Verdict> {
    let comparison = reading.comparison;
    let sketch = comparison.key.is_none();
    let FirstPass { source, target, differing } =
        FirstPass::of(sides.both(), reading, window, sketch, progress).await?;
    let Some(part) = differing else {
        return Ok(Verdict {
            outcome: ComparisonOutcome::Equal,
            source: source.total,
            target: target.total,
            differences: Differences::default(),
            findings: Vec::new(),
        });
    };
    let totals = [&source, &target].map(|sums| (sums.total, part.sum(sums.total, sums.groups.as_ref())));
    let narrowed = match &comparison.key {
        Some(key) => match narrow::merge(sides, reading, &part, key).await? {
            Some(narrowed) => Some(narrowed),
            None => by_hash(sides, reading, &part).await?,
        },
        None => match surplus(source, target) {
            Some(surplus) => Some(narrow::pick(sides, reading, &part, &surplus).await?),
            None => None,
        },
    };
    let [source, target] = totals;
    let Some(Narrowed { source: source_now, target: target_now, differences, findings }) = narrowed else {
        let differences = Differences { uncounted: true, ..Differences::default() };
        let (source, target) = (source.0, target.0);
        return Ok(Verdict {
            outcome: ComparisonOutcome::Different,
            source,
            target,
            differences,
            findings: Vec::new(),
        });
    };
    Ok(Verdict {
        outcome: differences.outcome(),
        source: now(source.0, source.1, source_now),
        target: now(target.0, target.1, target_now),
        differences,
        findings: findings.into_list(),
    })
}

fn surplus(source: Sums, target: Sums) -> Option<sketch::Surplus> {
    source.sketch?.less(&target.sketch?)
}

/// For servers that order a key in another way than we do.
async fn by_hash(sides: &mut Sides, reading: &Reading<'_>, part: &RereadRows) -> Result<Option<Narrowed>> {
    let comparison = reading.comparison;
    log::info!("{}: the rows do not come in the order of the key; matched by hash", comparison.source);
    match narrow::surplus(sides, reading, part).await? {
        Some(surplus) => narrow::pick(sides, reading, part, &surplus).await.map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
