//! All tables that were planned, in an order that their foreign keys allow, and once more where that was not enough.
use std::io;
use std::time::Instant;

use replica_core::copy::{self, Source, TableJob};
use replica_core::error::Result;
use replica_core::report::ProgressBars;
use replica_core::schedule::{self, TableReference, keys, order};

use crate::run::{CopyRun, FinishedTable, PlannedTable};

/// For each table those that come before it: what checks foreign keys wants the rows that they point at.
pub fn after<S>(planned: &[PlannedTable<S>], keys: &[TableReference]) -> Vec<Vec<usize>> {
    let checked = keys.iter().filter(|key| planned[key.child].plan.strategy.check_constraints);
    let order = order(&vec![0; planned.len()], &checked.copied().collect::<Vec<_>>());
    for key in &order.ignored {
        let (child, parent) = (&planned[key.child].plan.target, &planned[key.parent].plan.target);
        log::warn!(
            "{child} does not wait for {parent}, to which its foreign key points: each would wait for the other"
        );
    }
    order.after
}

/// As [`after`], and where rows are deleted that are gone at the source, a table waits for those that point at it: no row
/// of theirs may stand against it.
fn after_deletes<S>(planned: &[PlannedTable<S>], keys: &[TableReference]) -> Vec<Vec<usize>> {
    if planned.iter().all(|planned| planned.plan.difference.is_none()) {
        return after(planned, keys);
    }
    let turned = |key: &TableReference| TableReference { child: key.parent, parent: key.child };
    order(&vec![0; planned.len()], &keys.iter().map(turned).collect::<Vec<_>>()).after
}

impl CopyRun<'_> {
    /// Replaces every table. Those that break a foreign key to or from another one of the run come back while there is
    /// `another` pass to come: the rows at the key's other end may be replaced by then.
    pub async fn pass<S: Source + Clone + Send + 'static>(
        &mut self,
        planned: Vec<PlannedTable<S>>,
        another: bool,
    ) -> io::Result<Vec<PlannedTable<S>>> {
        let keys = keys(planned.iter().map(|planned| &planned.parent));
        let after = if another { after(&planned, &keys) } else { after_deletes(&planned, &keys) };
        let jobs: Vec<_> = planned
            .iter()
            .zip(after)
            .map(|(planned, after)| {
                let size = planned.plan.source_rows.unwrap_or(u64::MAX);
                (
                    schedule::ScheduledJob { after, weight: 1, size },
                    (planned.job.clone(), planned.plan.source_rows),
                )
            })
            .collect();
        let is_tied = |place: usize| {
            keys.iter().any(|key| key.child != key.parent && (key.child == place || key.parent == place))
        };
        let progress = self.reporter.progress().clone();
        let workers = self.options.max_workers;
        let work = move |(job, rows): (TableJob<S>, Option<u64>)| replace(job, rows, progress.clone());
        let mut again = vec![false; planned.len()];
        let mut broken = Ok(());
        let done = |place: usize, finished: FinishedTable| {
            if another && is_tied(place) && finished.breaks_a_key() {
                again[place] = true;
                return;
            }
            let written = self.finish(finished);
            broken = std::mem::replace(&mut broken, Ok(())).and(written);
        };
        schedule::run(jobs, workers, work, done).await;
        broken?;
        Ok(planned.into_iter().zip(again).filter(|(_, again)| *again).map(|(planned, _)| planned).collect())
    }

    /// New and changed rows of tables that are written by their differences, parents first: so that rows can go in the
    /// pass that follows, children first. What fails here fails there, too.
    pub async fn bring_what_is_new<S: Source + Clone + Send + 'static>(&self, planned: &[PlannedTable<S>]) {
        let after = after(planned, &keys(planned.iter().map(|planned| &planned.parent)));
        let jobs = planned.iter().zip(after).map(|(planned, after)| {
            let mut job = planned.job.clone();
            job.options.keep_gone = true;
            let job = planned.plan.difference.is_some().then_some(job);
            (schedule::ScheduledJob { after, ..schedule::ScheduledJob::default() }, job)
        });
        let work = |job: Option<TableJob<S>>| async move {
            match job {
                Some(job) => copy::table(&job, &mut |_| {}).await.map(drop),
                None => Ok(()),
            }
        };
        let done = |place: usize, brought: Result<()>| {
            if let Err(error) = brought {
                log::debug!("{}: {error}", planned[place].job.table);
            }
        };
        schedule::run(jobs.collect::<Vec<_>>(), 1, work, done).await;
    }
}

async fn replace<S: Source>(job: TableJob<S>, rows: Option<u64>, progress: ProgressBars) -> FinishedTable {
    let started = Instant::now();
    let bar = progress.bar(&job.table.to_string(), rows);
    let result = copy::table(&job, &mut |so_far| bar.loaded(so_far)).await;
    FinishedTable { table: job.label(), result, took: started.elapsed() }
}
