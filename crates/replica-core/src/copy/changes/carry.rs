//! Tables whose version holds: what changed is read from one snapshot and applied, a version with it.
use super::apply::{AppliedTable, ApplyError, apply};
use super::keeper::{ConnectedSides, DoubtfulChanges, Keeper};
use super::planned::{PlannedChanges, tied};
use super::round::{Next, Round, applied};
use super::source::SourceNow;
use super::{Came, stage};
use crate::copy::WrittenRows;
use crate::error::{Error, Result};
use crate::ledger::Method;
use crate::session::{Isolation, Session, forbids_snapshot};

impl Keeper<'_> {
    /// Reads and applies the changes of tables, those together that foreign keys tie together, all from one snapshot.
    pub(super) async fn carry(
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
                Err(ApplyError { error, unless_committed: Some(written) }) => {
                    self.doubt(now, tied, written);
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
    fn doubt(&mut self, now: &SourceNow, tied: Vec<PlannedChanges>, written: Vec<WrittenRows>) {
        self.doubtful = tied
            .into_iter()
            .zip(written)
            .map(|(table, written)| DoubtfulChanges {
                place: table.place,
                applied: applied(now, &table.version, (Came::Changes, written), table.deletes),
                version: table.version,
            })
            .collect();
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
