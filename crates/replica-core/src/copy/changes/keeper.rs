//! Who keeps the tables: the connections, the locks, the versions on record, and what is done when any of them is lost.
use std::collections::HashMap;
use std::time::Duration;

use twox_hash::XxHash3_128;

use super::round::{Next, Round};
use super::source::{SourceFacts, facts};
use super::{AppliedChanges, ChangesJob, KeeperRecord, KeptTable, TableRound};
use crate::catalog::TableName;
use crate::copy::replace::LOCK_WAIT;
use crate::copy::{UnbegunCopy, UnbegunRun};
use crate::error::{Error, Result};
use crate::ledger::{self, PlainEnd, PlainRun, PlainRunOptions, RecordedVersion, TableVersion};
use crate::retry::{Backoff, Retries};
use crate::session::applock;
use crate::session::{Role, Session};

/// Keeps a job's tables, round after round, over the same connections.
pub struct Keeper<'a> {
    pub(super) job: &'a ChangesJob,
    connected: Option<ConnectedSides>,
    /// What a COMMIT whose answer was lost would have brought.
    pub(super) doubtful: Vec<DoubtfulChanges>,
    /// The source refused SNAPSHOT isolation.
    pub(super) no_snapshot: bool,
    /// A connection has held the locks before: it may take the server a while to notice that it is gone.
    had_locks: bool,
    /// `None`: it is not on record, or not yet.
    run: Option<PlainRun>,
    /// Tables whose last run on record has failed, by place; and why, if that was a round of this keeper's.
    failing: HashMap<usize, String>,
    /// Written so far.
    rows: u64,
}

/// Both sides, and what is known of them for as long as the connections last.
pub(super) struct ConnectedSides {
    pub source: Session,
    pub target: Session,
    pub facts: SourceFacts,
    /// For each table of the job.
    pub recorded: Vec<Option<RecordedVersion>>,
}

impl ConnectedSides {
    /// The version on record of a table.
    pub(super) fn known(&self, place: usize) -> Option<&TableVersion> {
        self.recorded[place].as_ref().map(|recorded| &recorded.version)
    }

    /// A version was written.
    pub(super) fn remember(&mut self, place: usize, version: TableVersion) {
        let (object_id_now, by) = (Some(version.object_id), "this process".to_owned());
        self.recorded[place] = Some(RecordedVersion { version, object_id_now, by });
    }
}

/// Changes of which nobody knows yet whether they are committed.
pub(super) struct DoubtfulChanges {
    pub place: usize,
    pub version: TableVersion,
    pub applied: AppliedChanges,
}

/// How long a lock may outlive the connection that held it.
const LOST_LOCK: Duration = Duration::from_secs(30);

impl<'a> Keeper<'a> {
    /// Nothing is connected yet.
    pub fn new(job: &'a ChangesJob) -> Self {
        Self {
            job,
            connected: None,
            doubtful: Vec::new(),
            no_snapshot: false,
            had_locks: false,
            run: None,
            failing: HashMap::new(),
            rows: 0,
        }
    }

    /// Carries over what has changed, once. What fails for a reason that passes is tried again; each table is told of once.
    ///
    /// # Errors
    /// What concerns all tables: a server that is not there or refuses all of it; of kind `Busy`: another process keeps one
    /// of the tables. What is one table's is in its result.
    pub async fn round(&mut self, tell: &mut (dyn FnMut(TableRound) + Send)) -> Result<()> {
        let mut retries = Backoff::default().retries();
        let mut told = Vec::new();
        let mut tell = |ended: TableRound| {
            let written = ended.result.as_ref().map(|applied| applied.written.all());
            told.push((ended.place, written.map_err(Error::clone)));
            tell(ended);
        };
        let mut round = Round::of(self.job.tables.len(), &mut tell);
        let ended = self.attempts(&mut round, &mut retries).await;
        self.rows += told.iter().filter_map(|(_, written)| written.as_ref().ok()).sum::<u64>();
        if let Some(run) = &self.run {
            run.progress(self.rows);
        }
        self.note(&told).await;
        ended
    }

    /// Puts on record which tables fail, once for each reason, and which do no longer. Of those that are well all the while
    /// the versions tell.
    async fn note(&mut self, told: &[(usize, Result<u64>)]) {
        let ChangesJob { tool, source, target, tables, .. } = self.job;
        for (place, written) in told {
            let KeptTable { table, article, .. } = &tables[*place];
            let unbegun = UnbegunCopy { tool, source: Some(source), target, table, article };
            let noted = match written {
                Err(why) => {
                    let text = why.to_string();
                    if self.failing.get(place) == Some(&text) {
                        continue;
                    }
                    self.failing.insert(*place, text);
                    unbegun.record(why).await
                }
                Ok(rows) if self.failing.remove(place).is_some() => unbegun.record_well(*rows).await,
                Ok(_) => continue,
            };
            // The next one would wait as long.
            if !noted {
                return;
            }
        }
    }

    async fn attempts(&mut self, round: &mut Round<'_>, retries: &mut Retries) -> Result<()> {
        loop {
            round.passing.clear();
            match Box::pin(self.attempt(round)).await {
                Ok(Next::Reconnect) if round.passing.is_empty() => {}
                Ok(next) => match round.passing.first().map(|(_, error)| error.to_string()) {
                    None => return Ok(()),
                    Some(error) if retries.another_after(&error).await => {}
                    Some(_) => {
                        for (place, error) in std::mem::take(&mut round.passing) {
                            round.end(place, Err(error));
                        }
                        if next == Next::Done {
                            return Ok(());
                        }
                    }
                },
                Err(error) if error.is_transient() && retries.another_after(&error).await => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One attempt at what is not done. After an error that is not the server's nobody knows what is still to come on a
    /// connection: it is not used again.
    async fn attempt(&mut self, round: &mut Round<'_>) -> Result<Next> {
        let mut connected = match self.connected.take() {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        self.settle_doubtful(&connected, round);
        let next = self.work(&mut connected, round).await;
        match &next {
            Ok(Next::Done) => self.connected = Some(connected),
            Err(error) if error.server().is_some() => self.connected = Some(connected),
            _ => {}
        }
        next
    }

    /// Puts it on record, if it is to be and is not yet.
    ///
    /// # Errors
    /// A lost connection.
    pub(super) async fn begin_run(&mut self, target: &mut Session, when: KeeperRecord) -> Result<()> {
        if self.run.is_none() && self.job.on_record == when {
            let source = self.job.source.to_string();
            // Others may keep other tables.
            let options = PlainRunOptions { tool: self.job.tool, table: None, source: &source, alone: false };
            self.run = PlainRun::begin(target, &self.job.target, &options).await?;
        }
        Ok(())
    }

    /// No round is to come: says on record how it went.
    pub async fn end(mut self, result: Result<(), &Error>) {
        let ChangesJob { tool, source, target, on_record, .. } = self.job;
        match (self.run.take(), result) {
            (Some(run), _) => {
                let session = self.connected.as_mut().map(|connected| &mut connected.target);
                let result = result.map(|()| (self.rows, 0));
                run.end(session, PlainEnd { result, retries: 0, releases: false }).await;
            }
            (None, Err(why)) if *on_record != KeeperRecord::Never => {
                UnbegunRun { tool, source: Some(source), target }.record(why).await;
            }
            _ => {}
        }
    }

    /// The connections are gone, or are to be.
    pub fn disconnect(&mut self) {
        self.connected = None;
    }

    /// Connects to both sides, and takes the tables' locks.
    async fn connect(&mut self) -> Result<ConnectedSides> {
        let (source, target) = tokio::join!(
            Session::take(&self.job.source, Role::Source),
            Session::take(&self.job.target, Role::Target)
        );
        let (mut source, mut target) = (source?, target?);
        source.set_lock_timeout(LOCK_WAIT).await?;
        target.set_lock_timeout(LOCK_WAIT).await?;
        let facts = facts(&mut source).await?;
        ledger::open_versions(&mut target).await?;
        self.lock(&mut target).await?;
        self.begin_run(&mut target, KeeperRecord::Always).await?;
        let failing = ledger::failing(&mut target).await?;
        for place in 0..self.job.tables.len() {
            if failing.tables.contains(self.at_target(place)) {
                self.failing.entry(place).or_default();
            }
        }
        // Whoever has seen that it failed wants to see that it does no longer.
        if failing.tools.iter().any(|tool| tool == self.job.tool) {
            self.begin_run(&mut target, KeeperRecord::AtWork).await?;
        }
        let recorded = self.recorded(&mut target).await?;
        Ok(ConnectedSides { source, target, facts, recorded })
    }

    fn at_target(&self, place: usize) -> &'a TableName {
        let KeptTable { table, article, .. } = &self.job.tables[place];
        article.target_of(table)
    }

    /// One process keeps a table. Its rounds never overlap, and its versions are its own to move.
    async fn lock(&mut self, target: &mut Session) -> Result<()> {
        let name = |place: usize| self.at_target(place);
        // 32 characters, as many as the server's views show of a lock's name.
        let resource = |place: usize| {
            let name = name(place).to_string().to_lowercase();
            let hash = format!("{:032x}", XxHash3_128::oneshot(name.as_bytes()));
            format!("replica changes {hash:.16}")
        };
        let resources: Vec<String> = (0..self.job.tables.len()).map(resource).collect();
        let wait = if self.had_locks { LOST_LOCK } else { Duration::ZERO };
        let held = applock::take_all(target, &resources, wait).await?;
        let Some(&place) = held.first() else {
            self.had_locks = true;
            return Ok(());
        };
        let by = self.recorded(target).await?.swap_remove(place).map(|recorded| recorded.by);
        let by = by.map(|by| format!(" (its version was written by {by})")).unwrap_or_default();
        let what = format!("another process keeps {}{by}", name(place));
        Err(applock::held_by_others(target, &resources[place], &what).await)
    }

    /// The versions on record, for each table of the job.
    async fn recorded(&self, target: &mut Session) -> Result<Vec<Option<RecordedVersion>>> {
        let versions = ledger::versions(target).await?;
        let of = |place: usize| {
            let name = self.at_target(place);
            let alike = |known: &&RecordedVersion| {
                known.version.table.to_string().eq_ignore_ascii_case(&name.to_string())
            };
            let exact = versions.iter().find(|known| known.version.table == *name);
            exact.or_else(|| versions.iter().find(alike)).cloned()
        };
        Ok((0..self.job.tables.len()).map(of).collect())
    }
}
