//! Which rows make a part differ: both sides are read once more, and merged by the key, or matched as multisets.
use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::Differences;
use super::finding::{DifferenceKind, DifferingRows};
use super::long::ShownRow;
use crate::compare::Reading;
use crate::compare::key::MergeKey;
use crate::compare::merge::{Merge, MergeStep};
use crate::compare::part::RereadRows;
use crate::compare::sketch::{self, Surplus};
use crate::compare::stream::{Stream, sums};
use crate::copy::Sides;
use crate::error::Result;
use crate::session::Role;
use crate::tds::fingerprint::Fingerprint;

/// What the second reading says.
pub(super) struct Narrowed {
    pub source: Fingerprint,
    pub target: Fingerprint,
    pub differences: Differences,
    pub findings: DifferingRows,
}

/// Merges the two sides of a part, row by row in the order of the key. `None`: a side does not come in that order.
pub(super) async fn merge(
    sides: &mut Sides,
    reading: &Reading<'_>,
    part: &RereadRows,
    key: &MergeKey,
) -> Result<Option<Narrowed>> {
    let mut merge = Merge::open(sides.both(), reading, part, key, false).await?;
    let mut findings = DifferingRows::new(reading, merge.source.columns(), merge.target.columns());
    let mut differences = Differences::default();
    let changed = reading.comparison.changed.as_deref();
    let tells_newer = reading.comparison.tells_newer(Role::Source);
    let in_order = loop {
        let mut long = None;
        let ordering = match merge.next().await? {
            MergeStep::Differs(ordering) => ordering,
            MergeStep::Long(ordering) => {
                if findings.room() > 0 {
                    long = Some(findings.read_long(&mut merge, ordering).await?);
                } else {
                    merge.pass_rest(ordering).await?;
                }
                if !merge.differs(ordering) {
                    continue;
                }
                ordering
            }
            MergeStep::OutOfOrder => break false,
            MergeStep::End => break true,
        };
        let (source, target) = (&merge.source.row, &merge.target.row);
        let newer = (tells_newer && ordering.is_le() && key.is_newer(source))
            || changed.is_some_and(|keys| keys.contains(key, if ordering.is_le() { source } else { target }));
        let kind = match ordering {
            _ if newer => DifferenceKind::Newer,
            Ordering::Less => DifferenceKind::Missing,
            Ordering::Equal => DifferenceKind::Changed,
            Ordering::Greater => DifferenceKind::Extra,
        };
        differences.count(kind, 1);
        match long {
            Some(ShownRow { key, values }) => findings.add_shown(kind, 1, key, values),
            None => {
                let rows = [ordering.is_le().then_some(&**source), ordering.is_ge().then_some(&**target)];
                findings.add(kind, 1, rows);
            }
        }
    };
    let (source, target) = (merge.source.fingerprint(), merge.target.fingerprint());
    merge.cancel().await?;
    Ok(in_order.then_some(Narrowed { source, target, differences, findings }))
}

/// Finds out which rows of a part one side has more often than the other, without any order. `None`: too many.
pub(super) async fn surplus(
    sides: &mut Sides,
    reading: &Reading<'_>,
    part: &RereadRows,
) -> Result<Option<Surplus>> {
    let question = |role| reading.comparison.part(role, part, None);
    let (mut ignore, mut ignore_too) = (|_| {}, |_| {});
    let (source, target) = tokio::try_join!(
        sums(&mut sides.source, question(Role::Source), reading, true, &mut ignore),
        sums(&mut sides.target, question(Role::Target), reading, true, &mut ignore_too),
    )?;
    Ok(source.sketch.zip(target.sketch).and_then(|(source, target)| source.less(&target)))
}

/// Reads the rows of a surplus: how often each is there now, and what is in it.
pub(super) async fn pick(
    sides: &mut Sides,
    reading: &Reading<'_>,
    part: &RereadRows,
    surplus: &Surplus,
) -> Result<Narrowed> {
    let question = |role| reading.comparison.part(role, part, None);
    let mut source = Stream::open(&mut sides.source, question(Role::Source), reading, false).await?;
    let mut target = Stream::open(&mut sides.target, question(Role::Target), reading, false).await?;
    let mut findings = DifferingRows::new(reading, source.columns(), target.columns());
    let mut picked: BTreeMap<u64, Picked> = BTreeMap::new();
    let ((source_sum, source_rows), (target_sum, target_rows)) = tokio::try_join!(
        collect(&mut source, surplus, 1, &findings),
        collect(&mut target, surplus, -1, &findings),
    )?;
    for (id, more) in source_rows.into_iter().chain(target_rows) {
        let row = picked.entry(id).or_default();
        row.count += more.count;
        row.shown = row.shown.take().or(more.shown);
    }
    let mut differences = Differences::default();
    for Picked { count, shown } in picked.into_values() {
        let kind = match count.cmp(&0) {
            Ordering::Greater => DifferenceKind::Missing,
            Ordering::Less => DifferenceKind::Extra,
            Ordering::Equal => continue,
        };
        differences.count(kind, count.unsigned_abs());
        if let Some(shown) = shown {
            findings.add_shown(kind, count.unsigned_abs(), shown, Vec::new());
        }
    }
    Ok(Narrowed { source: source_sum, target: target_sum, differences, findings })
}

/// How often a row is there, and its key, or all of it, where it is to be shown.
#[derive(Default)]
struct Picked {
    count: i64,
    shown: Option<String>,
}

type Collected = (Fingerprint, BTreeMap<u64, Picked>);

/// `sign`: 1 for the source, -1 for the target.
async fn collect(
    stream: &mut Stream<'_>,
    surplus: &Surplus,
    sign: i64,
    findings: &DifferingRows,
) -> Result<Collected> {
    let side = usize::from(sign < 0);
    let mut room = findings.room();
    let mut picked = BTreeMap::<u64, Picked>::new();
    while stream.next().await? {
        let mut long = None;
        if !stream.is_whole && room > 0 {
            long = Some(findings.key_of_long(stream, side).await?);
        }
        stream.pass_rest().await?;
        let id = sketch::id(stream.hash);
        let Some(more) = surplus.get(&id) else { continue };
        let row = picked.entry(id).or_default();
        row.count += sign;
        // The side that has it more often shows it.
        if row.shown.is_none() && room > 0 && more.signum() == sign {
            row.shown = Some(long.unwrap_or_else(|| findings.key_of(side, &stream.row)));
            room -= 1;
        }
    }
    Ok((stream.fingerprint(), picked))
}
