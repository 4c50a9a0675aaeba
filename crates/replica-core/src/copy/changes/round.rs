//! A round: which tables have changes, what becomes of each, and what is told of it.
use std::time::Instant;

use super::apply::{AppliedTable, ApplyError, apply};
use super::judge::{Reset, judge, may_be_truncated, source_of};
use super::keeper::{ConnectedSides, DoubtfulChanges, Keeper};
use super::source::{SourceNow, TableNow, changed};
use super::stage;
use super::{AppliedChanges, Came, OnReset, TableRound, method};
use crate::catalog;
use crate::compare::{Comparison, ComparisonOptions};
use crate::copy::source::ConnectedSource as _;
use crate::copy::{WrittenRows, guard};
use crate::error::{Error, Result};
use crate::ledger::{Method, TableVersion, advance_versions, fingerprint};
use crate::plan::ChangesPlan;
use crate::schedule::{self, Parent, keys};
use crate::session::{Isolation, Session, forbids_snapshot};

/// What comes after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Done,
    /// There may be more to do, on other connections.
    Reconnect,
}

/// Which tables are done with in this round.
pub(super) struct Round<'t> {
    begun: Instant,
    done: Vec<bool>,
    /// What failed for a reason that passes.
    pub passing: Vec<(usize, Error)>,
    tell: &'t mut (dyn FnMut(TableRound) + Send),
}

impl<'t> Round<'t> {
    pub(super) fn of(tables: usize, tell: &'t mut (dyn FnMut(TableRound) + Send)) -> Self {
        Self { begun: Instant::now(), done: vec![false; tables], passing: Vec::new(), tell }
    }

    pub(super) fn is_done(&self, place: usize) -> bool {
        self.done[place]
    }

    /// Tells what became of a table.
    pub(super) fn end(&mut self, place: usize, result: Result<AppliedChanges>) {
        self.done[place] = true;
        (self.tell)(TableRound { place, result, elapsed: self.begun.elapsed() });
    }

    /// Tells of a failure, unless it is of a kind that passes.
    pub(super) fn fail(&mut self, place: usize, error: Error) {
        if error.is_transient() {
            self.passing.push((place, error));
        } else {
            self.end(place, Err(error));
        }
    }
}

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
    /// Whether a COMMIT happened whose answer was lost, the ledger tells.
    pub(super) fn settle_doubtful(&mut self, connected: &ConnectedSides, round: &mut Round<'_>) {
        for DoubtfulChanges { place, version, applied } in std::mem::take(&mut self.doubtful) {
            let recorded = connected.recorded[place].as_ref();
            if recorded.is_some_and(|recorded| recorded.version == version) && !round.is_done(place) {
                round.end(place, Ok(applied));
            }
        }
    }

    /// # Errors
    /// What concerns all tables.
    pub(super) async fn work(
        &mut self,
        connected: &mut ConnectedSides,
        round: &mut Round<'_>,
    ) -> Result<Next> {
        let now = self.now(connected).await?;
        let (mut quiet, mut asked, mut to_plan) = (Vec::new(), Vec::new(), Vec::new());
        for place in (0..self.job.tables.len()).filter(|place| !round.is_done(*place)) {
            match self.at_a_glance(connected, &now, place) {
                Glance::Quiet => quiet.push(place),
                Glance::Ask { since } => {
                    asked.push((place, self.job.tables[place].table.quoted(), since));
                }
                Glance::Plan => to_plan.push(place),
            }
        }
        let with_changes = self.with_changes(connected, &asked).await?;
        for (place, ..) in asked {
            if with_changes.contains(&place) { to_plan.push(place) } else { quiet.push(place) }
        }
        to_plan.sort_unstable();
        let mut planned = Vec::new();
        for place in to_plan {
            match self.plan(connected, &now, place).await {
                Ok(plan) => planned.push(plan),
                Err(error) if error.server().is_none() && error.is_transient() => return Err(error),
                Err(error) => round.fail(place, error.table(&self.job.tables[place].table)),
            }
        }
        let (carried, reset): (Vec<_>, Vec<_>) = planned.into_iter().partition(|planned| planned.old.is_ok());
        let next = self.carry(connected, &now, carried, round).await?;
        self.move_on(connected, &now, &quiet, round).await?;
        self.compare(connected, reset, &now, round).await?;
        Ok(next)
    }

    /// The source at this moment.
    async fn now(&self, connected: &mut ConnectedSides) -> Result<SourceNow> {
        let recorded = || connected.recorded.iter().flatten();
        let rowversions = match self.job.method {
            Some(method) => method == Method::RowVersion,
            None => {
                connected.recorded.iter().any(Option::is_none)
                    || recorded().any(|recorded| recorded.version.method == Method::RowVersion)
            }
        };
        let ids: Vec<i64> = recorded().map(|recorded| recorded.version.source_id).collect();
        let all_known = ids.len() == connected.recorded.len();
        let ids = if all_known { ids } else { Vec::new() };
        let now = SourceNow::ask(&mut connected.source, &ids, rowversions).await?;
        if ids.iter().all(|id| now.tables.contains_key(id)) {
            return Ok(now);
        }
        // A table is gone, and another may have its name.
        SourceNow::ask(&mut connected.source, &[], true).await
    }

    /// What the source's answer and the ledger tell of a table without another look at it.
    fn at_a_glance(&self, connected: &ConnectedSides, now: &SourceNow, place: usize) -> Glance {
        let Some(recorded) = &connected.recorded[place] else { return Glance::Plan };
        let known = &recorded.version;
        let Some(table) = now.tables.get(&known.source_id) else { return Glance::Plan };
        let name = self.job.tables[place].table.to_string();
        let holds = judge(Some(recorded), (&connected.facts, &name), now, table, known.source_id).is_ok();
        let is_as_before = self.job.method.is_none_or(|method| method == known.method)
            && table.modified == known.source_modified;
        if !holds || !is_as_before {
            return Glance::Plan;
        }
        match known.method {
            Method::ChangeTracking if !table.tracked || table.min_valid.is_none() => Glance::Plan,
            Method::ChangeTracking if now.version == Some(known.version) => Glance::Quiet,
            Method::ChangeTracking => Glance::Ask { since: known.version },
            Method::RowVersion => {
                let due = self.job.deletes.are_due(known.deletes_as_of.as_deref(), &now.at);
                let is_as_it_was = now.active == Some(known.version) && now.is_active_latest;
                if is_as_it_was && !due { Glance::Quiet } else { Glance::Plan }
            }
        }
    }

    /// The tables that have changes; all of them where the server refuses the question, to say why of one of them.
    async fn with_changes(
        &self,
        connected: &mut ConnectedSides,
        asked: &[(usize, String, i64)],
    ) -> Result<Vec<usize>> {
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        match changed(&mut connected.source, asked).await {
            Err(error) if error.server().is_some() && !error.is_transient() => {
                log::debug!("asking which tables have changes: {error}");
                Ok(asked.iter().map(|(place, ..)| *place).collect())
            }
            changed => changed,
        }
    }

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
        let fingerprint = fingerprint(&source, &plan.plan.mapping);
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

    /// Reads and applies the changes of tables, those together that foreign keys tie together, all from one snapshot.
    async fn carry(
        &mut self,
        connected: &mut ConnectedSides,
        now: &SourceNow,
        planned: Vec<PlannedChanges>,
        round: &mut Round<'_>,
    ) -> Result<Next> {
        for mut tied in tied(planned) {
            let carried = self.carry_tied(connected, now, &mut tied).await;
            let staged_away = drop_staging(&mut connected.target, &tied).await;
            match carried {
                Ok(written) => {
                    for (table, written) in tied.into_iter().zip(written) {
                        self.tell_applied(connected, now, table, (Came::Changes, written), round);
                    }
                }
                Err(ApplyError { error, at_commit: true }) => {
                    self.doubt(now, tied);
                    return Err(error);
                }
                Err(ApplyError { error, .. }) => {
                    let error = self.without_snapshot(error);
                    if error.server().is_none() && error.is_transient() {
                        return Err(error);
                    }
                    let is_lost = error.server().is_none();
                    for table in &tied {
                        round.fail(table.place, error.clone().table(&table.label));
                    }
                    if is_lost && !connected.source.lane().is_ok_and(|lane| lane.is_idle()) {
                        return Ok(Next::Reconnect);
                    }
                }
            }
            if staged_away.is_err() {
                return Ok(Next::Reconnect);
            }
        }
        end_snapshot(&mut connected.source).await?;
        Ok(Next::Done)
    }

    /// What SNAPSHOT isolation refuses passes: without it, or, after DDL, in the next snapshot.
    fn without_snapshot(&mut self, error: Error) -> Error {
        const DDL_MEANWHILE: u32 = 3961;
        if self.no_snapshot || !forbids_snapshot(&error) {
            return error;
        }
        if !error.has_number(DDL_MEANWHILE) {
            self.no_snapshot = true;
        }
        error.that_passes()
    }

    async fn carry_tied(
        &self,
        connected: &mut ConnectedSides,
        now: &SourceNow,
        tied: &mut [PlannedChanges],
    ) -> Result<Vec<WrittenRows>, ApplyError> {
        let snapshot = connected.facts.allows_snapshot && !self.no_snapshot;
        let ConnectedSides { source, target, .. } = connected;
        begin_snapshot(source, snapshot).await?;
        let mut staged = Vec::new();
        // All of them first: whatever fails later, they can be taken away.
        for (n, table) in tied.iter_mut().enumerate() {
            table.plan.staged_at(n);
            stage::create(target, &table.plan).await?;
        }
        for table in tied.iter() {
            let since = table.old.clone().unwrap_or_default();
            let of_table = |error: Error| error.table(&table.label);
            let changes = match table.version.method {
                Method::ChangeTracking => stage::tracked(source, target, &table.plan, since).await,
                Method::RowVersion => {
                    let before = table.version.version;
                    stage::by_row_version(
                        (&mut *source, &mut *target),
                        &self.job.target,
                        &table.plan,
                        (since, before),
                        table.keys.as_ref(),
                    )
                    .await
                }
            };
            staged.push(changes.map_err(of_table)?);
        }
        still_valid(source, tied).await?;
        let tables: Vec<_> = tied
            .iter()
            .zip(staged)
            .map(|(table, staged)| AppliedTable {
                label: &table.label,
                plan: &table.plan,
                staged,
                version: &table.version,
                old: table.old.clone().unwrap_or_default(),
            })
            .collect();
        log::debug!("{} tables at version {:?}", tables.len(), now.version);
        apply(target, self.job.tool, &tables).await
    }

    /// Nobody knows whether it is committed. What was staged tells how much it would be.
    fn doubt(&mut self, now: &SourceNow, tied: Vec<PlannedChanges>) {
        self.doubtful = tied
            .into_iter()
            .map(|table| DoubtfulChanges {
                place: table.place,
                applied: applied(now, &table.version, (Came::Changes, WrittenRows::default()), table.deletes),
                version: table.version,
            })
            .collect();
    }

    /// Remembers what is on record by now, and tells of it.
    pub(super) fn tell_applied(
        &self,
        connected: &mut ConnectedSides,
        now: &SourceNow,
        table: PlannedChanges,
        how: (Came, WrittenRows),
        round: &mut Round<'_>,
    ) {
        let told = applied(now, &table.version, how, table.deletes);
        connected.remember(table.place, table.version);
        round.end(table.place, Ok(told));
    }

    /// Tables without changes have the source's version, too: or one day it would be too old.
    async fn move_on(
        &self,
        connected: &mut ConnectedSides,
        now: &SourceNow,
        quiet: &[usize],
        round: &mut Round<'_>,
    ) -> Result<()> {
        let mut left: Vec<usize> = quiet.to_vec();
        while let Some(of) = left.first().and_then(|place| connected.known(*place)) {
            let (method, old) = (of.method, of.version);
            let version = match method {
                Method::ChangeTracking => now.version.unwrap_or(old),
                Method::RowVersion => old,
            };
            let is_there = |place: &usize| {
                connected.known(*place).is_some_and(|known| (known.method, known.version) == (method, old))
            };
            let (there, others): (Vec<usize>, Vec<usize>) = left.into_iter().partition(is_there);
            let known = there.iter().filter_map(|place| Some((*place, connected.known(*place)?.clone())));
            let known: Vec<(usize, TableVersion)> = known.collect();
            let ids: Vec<i64> = known.iter().map(|(_, known)| known.object_id).collect();
            advance_versions(&mut connected.target, method, &ids, (old, version), &now.at).await?;
            for (place, known) in known {
                let known = TableVersion { version, as_of: now.at.clone(), ..known };
                let deletes = method == Method::ChangeTracking;
                let told = applied(now, &known, (Came::Quiet, WrittenRows::default()), deletes);
                connected.remember(place, known);
                round.end(place, Ok(told));
            }
            left = others;
        }
        Ok(())
    }

    /// What is done about a version that does not hold: the reason, for people, or the end of it.
    pub(super) fn on_reset(&self, reset: &Reset) -> Result<()> {
        if *reset == Reset::First || self.job.on_reset == OnReset::Compare {
            return Ok(());
        }
        Err(Error::data(format!("{reset}: its changes cannot be carried over")).remedy(
            "Say --on-reset compare: both sides are compared then, and what differs is written; changes are carried over from there",
        ))
    }
}

/// What is to be done about a table as it looks at first.
enum Glance {
    /// Nothing has changed in the whole database.
    Quiet,
    /// It may have changes since this version.
    Ask { since: i64 },
    /// Both sides have to be looked at.
    Plan,
}

fn applied(
    now: &SourceNow,
    version: &TableVersion,
    (came, written): (Came, WrittenRows),
    deletes: bool,
) -> AppliedChanges {
    AppliedChanges {
        came,
        method: version.method,
        written,
        version: version.version,
        as_of: version.as_of.clone(),
        lag: now.asked.elapsed(),
        deletes,
    }
}

async fn begin_snapshot(source: &mut Session, snapshot: bool) -> Result<()> {
    if !snapshot || source.lane()?.in_transaction() {
        return Ok(());
    }
    source.set_isolation(Isolation::Snapshot).await?;
    source.lane()?.begin().await
}

pub(super) async fn end_snapshot(source: &mut Session) -> Result<()> {
    if source.lane()?.in_transaction() {
        source.lane()?.commit().await?;
    }
    source.set_isolation(Isolation::ReadCommitted).await
}

/// Cleanup may have come between the question whether a version holds and the last row that was read.
async fn still_valid(source: &mut Session, tied: &[PlannedChanges]) -> Result<()> {
    let tracked = tied.iter().filter(|table| table.version.method == Method::ChangeTracking);
    let ids: Vec<i64> = tracked.clone().map(|table| table.version.source_id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let valid = super::source::min_valid(source, &ids).await?;
    for table in tracked {
        let min = valid.get(&table.version.source_id);
        if min.is_none_or(|min| table.old.as_ref().is_ok_and(|old| min > old)) {
            let what = "the source has cleaned changes up, or stopped tracking them, while they were read";
            return Err(Error::data(what).table(&table.label).that_passes());
        }
    }
    Ok(())
}

/// Takes the staging tables away. The session lives on.
async fn drop_staging(target: &mut Session, tied: &[PlannedChanges]) -> Result<()> {
    for table in tied {
        target.execute(&table.plan.difference()?.drop_staging()).await?;
    }
    Ok(())
}

/// Sets of tables that foreign keys tie together, each with parents before their children.
fn tied(planned: Vec<PlannedChanges>) -> Vec<Vec<PlannedChanges>> {
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
