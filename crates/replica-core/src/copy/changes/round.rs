//! A round: which tables have changes, what becomes of each, and what is told of it.
use std::time::Instant;

use super::judge::judge;
use super::keeper::{ConnectedSides, DoubtfulChanges, Keeper};
use super::planned::PlannedChanges;
use super::source::{SourceNow, changed};
use super::{AppliedChanges, Came, KeeperRecord, TableRound};
use crate::copy::WrittenRows;
use crate::error::{Error, Result};
use crate::ledger::{Method, TableVersion, advance_versions};

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
        if !planned.is_empty() {
            self.begin_run(&mut connected.target, KeeperRecord::AtWork).await?;
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

/// What there is to tell of a table that is at its version.
pub(super) fn applied(
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
        // As long as a transaction is open, a version may be older than the question.
        lag: now.since(&version.as_of) + now.asked.elapsed(),
        deletes,
    }
}
