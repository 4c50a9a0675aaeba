//! Every table is planned before any is touched: what cannot work is known at once, and the sizes decide the order.
use std::time::{Duration, Instant};

use replica_core::copy::{self, AskedSides, Plan, Sides, Source, TableJob};
use replica_core::error::{Kind, Result};
use replica_core::retry::Backoff;
use replica_core::schedule::Parent;

/// A table that was looked at.
pub struct LookedAtTable<S> {
    pub job: TableJob<S>,
    /// What would be done with it, and which keys point at it.
    pub result: Result<(Plan, Parent)>,
    pub took: Duration,
}

/// Looks at all tables, side by side, on so many pairs of sessions.
///
/// # Errors
/// Without a connection there is nothing to be said of any table.
pub async fn look_at<S: Source + Clone + Send + 'static>(
    jobs: Vec<TableJob<S>>,
    workers: usize,
) -> Result<Vec<LookedAtTable<S>>> {
    let Some(first) = jobs.first() else { return Ok(Vec::new()) };
    // All tables of a run have the same servers.
    let (source, target) = (first.source.clone(), first.target.clone());
    copy::in_shares((&source, &target), jobs, workers, look_at_share).await
}

async fn look_at_share<S: Source>(
    mut asked: AskedSides<S>,
    jobs: Vec<TableJob<S>>,
) -> Result<Vec<LookedAtTable<S>>> {
    let names: Vec<_> = jobs.iter().map(|job| (job.table.clone(), job.article.clone())).collect();
    let mut tables = Vec::with_capacity(jobs.len());
    for (place, job) in jobs.into_iter().enumerate() {
        let started = Instant::now();
        let mut retries = Backoff::default().retries();
        let result = loop {
            let planned = async {
                let (mut sides, is_new) = asked.take().await?;
                let planned = async {
                    if is_new {
                        let left = names[place..].iter().map(|(name, article)| (name, article));
                        sides.look_ahead(left).await?;
                    }
                    plan(&mut sides, &job).await
                };
                let planned = planned.await;
                asked.keep(sides, &planned);
                planned
            };
            if let Some(settled) = retries.settled(planned.await).await {
                break settled;
            }
        };
        match result {
            Err(error) if error.kind() == Kind::Connect => return Err(error),
            result => tables.push(LookedAtTable { job, result, took: started.elapsed() }),
        }
    }
    asked.give_back().await;
    Ok(tables)
}

async fn plan<S: Source>(sides: &mut Sides<S::Connected>, job: &TableJob<S>) -> Result<(Plan, Parent)> {
    let (source, target) = sides.tables(&job.table, &job.article).await?;
    let plan = job.plan_on(&mut sides.target, (&source, &target)).await?;
    let unknown = || Parent { name: target.object.name.clone(), children: Vec::new() };
    let parent = Parent::of(&target).unwrap_or_else(unknown);
    Ok((plan, parent))
}
