//! A table as a round finds it on both sides, and the version that it will have after it.
use super::judge::{Reset, judge, may_be_truncated, source_of};
use super::keeper::{ConnectedSides, Keeper};
use super::method;
use super::source::{SourceNow, TableNow};
use crate::catalog;
use crate::compare::{Comparison, ComparisonOptions};
use crate::copy::guard;
use crate::copy::source::ConnectedSource as _;
use crate::error::{Error, Result};
use crate::ledger::{Method, TableVersion, fingerprint};
use crate::plan::ChangesPlan;
use crate::schedule::{self, Parent, keys};

/// A table whose changes are read in this round.
pub(super) struct PlannedChanges {
    pub place: usize,
    pub label: String,
    pub plan: ChangesPlan,
    pub parent: Parent,
    /// Its version after the round.
    pub version: TableVersion,
    /// The one on record, if it holds.
    pub old: Result<i64, Reset>,
    /// How keys are compared, where nothing else tells of rows that are gone, and it is time to look for them.
    pub keys: Option<Comparison>,
    /// Rows that are gone are, or were, looked for.
    pub deletes: bool,
}

impl Keeper<'_> {
    /// Looks at a table on both sides.
    pub(super) async fn plan(
        &self,
        connected: &mut ConnectedSides,
        now: &SourceNow,
        place: usize,
    ) -> Result<PlannedChanges> {
        let kept = &self.job.tables[place];
        let ConnectedSides { source, target, facts, recorded } = connected;
        let (source, target) = tokio::join!(
            source.table(&kept.table, &kept.article),
            catalog::read_copy(target, &kept.table, &kept.article)
        );
        let (source, target) = (source?, target?);
        let known = recorded[place].as_ref();
        let table = now.tables.get(&source.object.id).cloned().unwrap_or_default();
        let method =
            method::choose(self.job.method, known.map(|known| known.version.method), &source, now, &table)?;
        let plan = ChangesPlan::new(&source, &target, kept.options, method)?;
        guard::look_at_difference(&plan.plan).warnings()?;
        let name = source.object.name.to_string();
        let fingerprint = fingerprint(&source, &plan.plan.mapping, None);
        let old = judge(known, (facts, &name), now, &table, source.object.id).and_then(|()| match known {
            None => Err(Reset::First),
            Some(known) if known.version.method != method => {
                Err(Reset::OtherMethod { was: known.version.method })
            }
            Some(known) if known.version.object_id != target.object.id => Err(Reset::TargetMadeAgain),
            Some(known) if known.version.fingerprint != fingerprint => Err(Reset::OtherColumns),
            // What changed since may have come after a TRUNCATE.
            Some(known) if may_be_truncated(&known.version) && now.version != Some(known.version.version) => {
                Err(Reset::MayBeTruncated)
            }
            Some(known) => Ok(known.version.version),
        });
        let TableNow { modified, since, rows, .. } = table;
        let version = match method {
            Method::ChangeTracking => now.version,
            Method::RowVersion => now.active,
        };
        let deletes = known.and_then(|known| known.version.deletes_as_of.clone());
        let due = method == Method::RowVersion && self.job.deletes.are_due(deletes.as_deref(), &now.at);
        let keys = match plan.difference() {
            Ok(difference) if due && old.is_ok() => {
                let options = ComparisonOptions {
                    ignore_extra_columns: kept.options.ignore_extra_columns,
                    ..ComparisonOptions::default()
                };
                Some(Comparison::new(&source, &target, options)?.of_keys(&difference.key))
            }
            _ => None,
        };
        let version = TableVersion {
            table: target.object.name.clone(),
            object_id: target.object.id,
            fingerprint,
            source: source_of(facts, &name),
            source_id: source.object.id,
            source_modified: modified,
            fork: facts.fork.clone(),
            method,
            tracked_since: since,
            source_rows: rows,
            version: version.ok_or_else(|| Error::protocol("the source does not say its version"))?,
            // As long as a transaction is open, nobody knows how old the oldest change is that is still to come.
            as_of: match known {
                Some(known) if method == Method::RowVersion && !now.is_active_latest => {
                    known.version.as_of.clone()
                }
                _ => now.at.clone(),
            },
            deletes_as_of: match method {
                Method::ChangeTracking => None,
                // A comparison finds them, too.
                Method::RowVersion if due || old.is_err() => Some(now.at.clone()),
                Method::RowVersion => deletes,
            },
        };
        let unknown = || Parent { name: target.object.name.clone(), children: Vec::new() };
        let parent = Parent::of(&target).unwrap_or_else(unknown);
        let deletes = method == Method::ChangeTracking || due || old.is_err();
        Ok(PlannedChanges { place, label: kept.label(), plan, parent, version, old, keys, deletes })
    }
}

/// Sets of tables that foreign keys tie together, each with parents before their children.
pub(super) fn tied(planned: Vec<PlannedChanges>) -> Vec<Vec<PlannedChanges>> {
    let keys = keys(planned.iter().map(|planned| &planned.parent));
    let mut group: Vec<usize> = (0..planned.len()).collect();
    for key in &keys {
        let (from, to) = (group[key.child], group[key.parent]);
        group.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
    }
    let in_order = schedule::order(&vec![0; planned.len()], &keys).in_sequence();
    let mut sets: Vec<(usize, Vec<PlannedChanges>)> = Vec::new();
    let mut left: Vec<Option<PlannedChanges>> = planned.into_iter().map(Some).collect();
    for place in in_order {
        let Some(table) = left[place].take() else { continue };
        match sets.iter_mut().find(|(of, _)| *of == group[place]) {
            Some((_, set)) => set.push(table),
            None => sets.push((group[place], vec![table])),
        }
    }
    sets.into_iter().map(|(_, set)| set).collect()
}
