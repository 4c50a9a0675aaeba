//! Tables whose version does not hold: both sides are compared, what differs is written, and the table goes on from the
//! version that was taken before.
use super::judge::Reset;
use super::keeper::{ConnectedSides, Keeper};
use super::planned::PlannedChanges;
use super::round::Round;
use super::source::SourceNow;
use super::{Came, ChangesJob, OnReset};
use crate::config::{Apply, Endpoint, Publish};
use crate::copy::{self, CopyOptions, Effort, TableJob, Verify, WrittenRows};
use crate::error::numbers::CONSTRAINT_CONFLICT;
use crate::error::{Error, Result};
use crate::ledger::write_version;
use crate::schedule::{self, ScheduledJob, keys, order};

impl Keeper<'_> {
    /// # Errors
    /// What concerns all tables; of one table it is in the round.
    pub(super) async fn compare(
        &self,
        connected: &mut ConnectedSides,
        reset: Vec<PlannedChanges>,
        now: &SourceNow,
        round: &mut Round<'_>,
    ) -> Result<()> {
        let mut tables = Vec::new();
        for table in reset {
            let Err(reason) = &table.old else { continue };
            match self.on_reset(reason) {
                Ok(()) => {
                    let level = if *reason == Reset::First { log::Level::Info } else { log::Level::Warn };
                    log::log!(level, "{}: {reason}: both sides are compared", table.label);
                    tables.push(table);
                }
                Err(error) => round.end(table.place, Err(error.table(&table.label))),
            }
        }
        if tables.is_empty() {
            return Ok(());
        }
        let keys = keys(tables.iter().map(|table| &table.parent));
        let order = order(&vec![0; tables.len()], &keys);
        let in_order = order.in_sequence();
        let mut compared = self.pass(&tables, &order.after).await;
        let breaks_a_key = |compared: &Result<WrittenRows>| {
            compared.as_ref().is_err_and(|e| e.has_number(CONSTRAINT_CONFLICT))
        };
        let again: Vec<usize> =
            in_order.into_iter().filter(|place| breaks_a_key(&compared[*place])).collect();
        if tables.len() > 1 {
            // New rows, parents first; then those that are gone can go, children first.
            let mut brought = vec![WrittenRows::default(); tables.len()];
            for place in &again {
                match compared_once(&self.job_of(&tables[*place], true)).await {
                    Ok(written) => brought[*place] = written,
                    Err(error) => log::debug!("{error}"),
                }
            }
            for place in again.iter().rev() {
                compared[*place] =
                    compared_once(&self.job_of(&tables[*place], false)).await.map(|written| WrittenRows {
                        inserted: written.inserted + brought[*place].inserted,
                        updated: written.updated + brought[*place].updated,
                        deleted: written.deleted,
                    });
            }
        }
        for (table, compared) in tables.into_iter().zip(compared) {
            match compared {
                Ok(written) => {
                    let old = connected.known(table.place).map(|known| known.version);
                    write_version(&mut connected.target, &table.version, old).await?;
                    self.tell_applied(connected, now, table, (Came::Compared, written), round);
                }
                Err(error) => round.end(table.place, Err(error.table(&table.label))),
            }
        }
        Ok(())
    }

    /// What is done about a version that does not hold: the reason, for people, or the end of it.
    fn on_reset(&self, reset: &Reset) -> Result<()> {
        if *reset == Reset::First || self.job.on_reset == OnReset::Compare {
            return Ok(());
        }
        Err(Error::data(format!("{reset}: its changes cannot be carried over")).remedy(
            "Say --on-reset compare: both sides are compared then, and what differs is written; changes are carried over from there",
        ))
    }

    /// Compares each, parents first, several at once.
    async fn pass(&self, tables: &[PlannedChanges], after: &[Vec<usize>]) -> Vec<Result<WrittenRows>> {
        let jobs = tables.iter().zip(after).map(|(table, after)| {
            let size = table.plan.plan.source_rows.unwrap_or(u64::MAX);
            (ScheduledJob { after: after.clone(), weight: 1, size }, self.job_of(table, false))
        });
        let mut compared: Vec<Result<WrittenRows>> =
            tables.iter().map(|_| Err(Error::data("it was not compared"))).collect();
        let work = |job: TableJob<Endpoint>| async move { compared_once(&job).await };
        let jobs: Vec<_> = jobs.collect();
        schedule::run(jobs, self.job.workers, work, |place: usize, done| compared[place] = done).await;
        compared
    }

    fn job_of(&self, table: &PlannedChanges, keep_gone: bool) -> TableJob<Endpoint> {
        let ChangesJob { tool, source, target, tables, .. } = self.job;
        let kept = &tables[table.place];
        TableJob {
            tool,
            source: source.clone(),
            target: target.clone(),
            table: kept.table.clone(),
            article: kept.article.clone(),
            days: None,
            options: CopyOptions {
                apply: Apply::Difference,
                // Of replacements alone.
                publish: Publish::default(),
                keep_gone,
                unrecorded: true,
                ..kept.options
            },
            verify: Verify::Nothing,
            planned: None,
        }
    }
}

async fn compared_once(job: &TableJob<Endpoint>) -> Result<WrittenRows> {
    let mut effort = Effort::default();
    Box::pin(copy::table_with_effort(job, &mut |_| {}, &mut effort)).await?;
    Ok(effort.written.unwrap_or_default())
}
