//! Many tables that are looked at before any of them is touched: in few round trips, and side by side.
use std::mem;

use super::{Plan, Sides, Source, TableJob, informed, published};
use crate::catalog::Table;
use crate::config::Endpoint;
use crate::error::{Kind, Result};
use crate::retry::Backoff;
use crate::schedule::{self, ScheduledJob};
use crate::session::Session;

/// Tables that one pair of sessions is asked about: so many are one round trip ([`Sides::look_ahead`]).
const MOST: usize = 50;

/// Both sides, for one question after the other: on the sessions there are, else on new ones.
pub struct AskedSides<S: Source = Endpoint> {
    source: S,
    target: Endpoint,
    connected: Option<Sides<S::Connected>>,
    /// Nothing was asked on these sessions.
    is_new: bool,
}

impl<S: Source> AskedSides<S> {
    /// Nothing is connected yet.
    pub fn new(source: S, target: Endpoint) -> Self {
        Self { source, target, connected: None, is_new: true }
    }

    /// Asks, and again after what may be over by then. The question gives the sides back with its answer; it is told whether it
    /// is the first one on these sessions: what was asked for ahead is not known there.
    ///
    /// # Errors
    /// Those of [`Sides::connect`] and of the question.
    pub async fn ask<T, F>(&mut self, mut question: impl FnMut(Sides<S::Connected>, bool) -> F) -> Result<T>
    where
        F: Future<Output = (Sides<S::Connected>, Result<T>)>,
    {
        let mut retries = Backoff::default().retries();
        loop {
            let answer = async {
                let (sides, is_new) = match self.connected.take() {
                    Some(sides) => (sides, mem::take(&mut self.is_new)),
                    None => (Sides::connect(&self.source, &self.target).await?, true),
                };
                self.is_new = false;
                let (sides, answer) = question(sides, is_new).await;
                // An error that is not the server's may have left the sessions beyond use.
                let is_lost = answer.as_ref().is_err_and(|error| error.server().is_none());
                self.connected = (!is_lost).then_some(sides);
                answer
            };
            if let Some(settled) = retries.settled(answer.await).await {
                return settled;
            }
        }
    }

    /// For whoever connects next.
    pub async fn give_back(self) {
        if let Some(sides) = self.connected {
            sides.give_back().await;
        }
    }
}

impl<S: Source> TableJob<S> {
    /// What will be done, by what is known of the table on both sides and of its last run.
    ///
    /// # Errors
    /// Those of [`Self::plan`], [`published`] and [`Source::check`]; a lost connection.
    pub async fn plan_on(&self, session: &mut Session, tables: (&Table, &Table)) -> Result<Plan> {
        let options = informed(session, tables, self.options).await?;
        let plan = self.plan(tables.0, tables.1, options)?;
        let plan = published(session, tables, plan, self.options).await?;
        self.source.check(&plan)?;
        Ok(plan)
    }
}

/// Divides jobs among as many pairs of sessions as there may be workers. `look` makes what is wanted of each job of its share;
/// all of it comes in the order of the jobs.
///
/// # Errors
/// The first of `look`; there is no connection.
pub async fn in_shares<S, J, R, F>(
    (source, target): (&S, &Endpoint),
    jobs: Vec<J>,
    workers: usize,
    look: impl Fn(AskedSides<S>, Vec<J>) -> F,
) -> Result<Vec<R>>
where
    S: Source + Clone,
    R: Send + 'static,
    F: Future<Output = Result<Vec<R>>> + Send + 'static,
{
    let size = jobs.len().div_ceil(workers.max(1)).clamp(1, MOST);
    let shares = divided(jobs, size);
    if shares.is_empty() {
        return Ok(Vec::new());
    }
    let asked = || AskedSides::new(source.clone(), target.clone());
    // One login shows whether we are let in: servers lock whom they refuse too often, and all workers would be refused.
    let mut first = match Sides::connect(source, target).await {
        Ok(sides) => Some(AskedSides { connected: Some(sides), ..asked() }),
        Err(error) if error.kind() == Kind::Connect => return Err(error),
        // Each job says so.
        Err(_) => None,
    };
    let mut looked: Vec<Option<Result<Vec<R>>>> = shares.iter().map(|_| None).collect();
    let shares = shares.into_iter().map(|share| (ScheduledJob::default(), share));
    let work = |share| look(first.take().unwrap_or_else(asked), share);
    schedule::run(shares, workers, work, |place, share| looked[place] = Some(share)).await;
    let mut all = Vec::new();
    for share in looked.into_iter().flatten() {
        all.extend(share?);
    }
    Ok(all)
}

fn divided<J>(jobs: Vec<J>, size: usize) -> Vec<Vec<J>> {
    let mut jobs = jobs.into_iter().peekable();
    let mut shares = Vec::new();
    while jobs.peek().is_some() {
        shares.push(jobs.by_ref().take(size).collect());
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_every_job_once_and_in_order() {
        assert_eq!(divided((0..7).collect(), 3), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        assert!(divided(Vec::<u8>::new(), 3).is_empty());
    }
}
