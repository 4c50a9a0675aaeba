//! Every table is planned before any is touched: what cannot work is known at once, and the sizes decide the order.
use std::time::{Duration, Instant};

use replica_core::catalog::{Article, TableName};
use replica_core::copy::{self, AskedSides, Plan, Sides, Source, TableJob};
use replica_core::error::{Kind, Result};
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
        let left = &names[place..];
        let result = asked.ask(|sides, is_new| plan(sides, &job, left, is_new)).await;
        match result {
            Err(error) if error.kind() == Kind::Connect => return Err(error),
            result => tables.push(LookedAtTable { job, result, took: started.elapsed() }),
        }
    }
    asked.give_back().await;
    Ok(tables)
}

/// `left`: what else these sides are asked about, if this is the first question.
async fn plan<S: Source>(
    mut sides: Sides<S::Connected>,
    job: &TableJob<S>,
    left: &[(TableName, Article)],
    is_new: bool,
) -> (Sides<S::Connected>, Result<(Plan, Parent)>) {
    let planned = async {
        if is_new {
            sides.look_ahead(left.iter().map(|(name, article)| (name, article))).await?;
        }
        let (source, target) = sides.tables(&job.table, &job.article).await?;
        let plan = job.plan_on(&mut sides.target, (&source, &target)).await?;
        let unknown = || Parent { name: target.object.name.clone(), children: Vec::new() };
        let parent = Parent::of(&target).unwrap_or_else(unknown);
        Ok((plan, parent))
    };
    let planned = planned.await;
    (sides, planned)
}
