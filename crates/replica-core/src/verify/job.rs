//! A window's comparison on connections of its own, again where that can help.
use std::sync::{Arc, Mutex, PoisonError};

use super::{Comparison, Reading, Throttle, Verdict, unchanged, window};
use crate::config::Endpoint;
use crate::copy::Sides;
use crate::error::Result;
use crate::retry::Backoff;
use crate::session::forbids_snapshot;
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;

/// Connections to both sides, used again by the next job. Clones share them.
#[derive(Clone)]
pub struct Connections {
    source: Endpoint,
    target: Endpoint,
    idle: Arc<Mutex<Vec<Sides>>>,
}

impl Connections {
    /// None is opened before it is taken.
    pub fn new(source: Endpoint, target: Endpoint) -> Self {
        Self { source, target, idle: Arc::default() }
    }

    /// # Errors
    /// Cannot connect.
    pub async fn take(&self) -> Result<Sides> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(sides) => Ok(sides),
            None => Sides::connect(&self.source, &self.target).await,
        }
    }

    /// For sides with nothing under way.
    pub fn give_back(&self, sides: Sides) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(sides);
    }
}

/// A window of a table to compare, and how.
#[derive(Clone)]
pub struct ComparisonJob {
    /// What is compared, and how; the same for all windows of a table.
    pub comparison: Arc<Comparison>,
    /// `None`: the whole table.
    pub window: Option<Window>,
    /// What the target is compared with, instead of the source.
    pub recorded: Option<Fingerprint>,
    /// Shared by all jobs of a run.
    pub throttle: Throttle,
    /// Rows that differ to keep, at the most.
    pub show_rows: usize,
}

impl ComparisonJob {
    /// Compares, and does it again after a transient error.
    ///
    /// # Errors
    /// The last attempt's, with table and window.
    pub async fn run(
        &self,
        connections: &Connections,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Verdict> {
        let mut retries = Backoff::default().retries();
        let mut snapshot = true;
        loop {
            let compared = self.attempt(connections, snapshot, progress).await.map_err(|error| {
                let error = self.comparison.article.named(&self.comparison.source, error);
                self.window.iter().fold(error, |error, window| error.window(window))
            });
            match compared {
                Err(error) if snapshot && forbids_snapshot(&error) => {
                    log::warn!("{error}; going on without SNAPSHOT isolation");
                    snapshot = false;
                }
                compared => {
                    if let Some(settled) = retries.settled(compared).await {
                        return settled;
                    }
                }
            }
        }
    }

    async fn attempt(
        &self,
        connections: &Connections,
        snapshot: bool,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Verdict> {
        let mut sides = connections.take().await?;
        let Self { comparison, throttle, show_rows, .. } = self;
        let reading = Reading { comparison, throttle, snapshot, show_rows: *show_rows };
        let verdict = match self.recorded {
            Some(recorded) => {
                unchanged(&mut sides.target, &reading, self.window.clone(), recorded, progress).await?
            }
            None => window(&mut sides, &reading, self.window.clone(), progress).await?,
        };
        connections.give_back(sides);
        Ok(verdict)
    }
}
