//! One table by several streams: each reads ranges of its key on a session of its own, and all load into one table beside the
//! target, which is published once it is whole.
//!
//! N sessions are N snapshots, each from its first read on, and a row whose key moves from range to range in between would be
//! missed or come twice. So a shared lock keeps writers off the source's table, for the moment in which all streams take
//! theirs (docs/PUBLISHING.md, "Several streams").
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::replace::LOCK_WAIT;
use crate::boundaries;
use crate::catalog::Table;
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::load::{self, Load, LoadOutcome, Progress};
use crate::plan::{Plan, RowSelection};
use crate::read::{self, Rows};
use crate::session::{Isolation, Role, Session};
use crate::tds::fingerprint::Fingerprint;
use crate::tds::rpc::Query;
use crate::window::{Filter, Key, KeyRange};

/// Ranges for each stream: the largest comes first, so that wrong statistics do not make all wait for one.
const RANGES_A_STREAM: u32 = 4;

/// How long the lock that makes one snapshot of many may be waited for: the source's writers wait behind it.
const SNAPSHOT_WAIT: Duration = Duration::from_secs(5);

/// What all streams have in common.
pub(super) struct Streams<'a> {
    pub source: &'a Endpoint,
    pub target: &'a Endpoint,
    /// As the source's catalog has it.
    pub table: &'a Table,
    /// What reads the rows.
    pub plan: &'a Plan,
    /// What loads them.
    pub beside: &'a Plan,
}

/// What a stream needs, whichever range it works on.
struct StreamJob {
    plan: Plan,
    beside: Plan,
    key: Key,
    ranges: Mutex<VecDeque<KeyRange>>,
}

impl Streams<'_> {
    /// Loads all rows of the table.
    pub(super) async fn load(&self, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<LoadOutcome> {
        let Some(streams) = &self.plan.streams else { return Err(Error::usage("streams are not planned")) };
        let begun = Instant::now();
        // Keys are looked for past writers, too.
        let mut first = self.connect().await?;
        let columns: Vec<_> = streams.columns.iter().collect();
        let wanted = streams.at_once.saturating_mul(RANGES_A_STREAM).min(boundaries::MOST_RANGES);
        let (many, found) = boundaries::find(&mut first, self.table, &columns, wanted).await?;
        for told in found.told(wanted) {
            log::info!("{}: {told}", self.plan.source);
        }
        let mut ranges: Vec<_> = found.ranges.into_iter().zip(found.rows).collect();
        ranges.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        let job = Arc::new(StreamJob {
            plan: self.plan.clone(),
            beside: self.beside.clone(),
            key: Key::at_source(&columns[..many]),
            ranges: Mutex::new(ranges.into_iter().map(|(range, _)| range).collect()),
        });
        let mut sources = vec![first];
        for _ in 1..streams.at_once {
            sources.push(self.connect().await?);
        }
        self.open(&mut sources).await?;
        let (told, mut heard) = unbounded_channel();
        let mut work = JoinSet::new();
        for source in sources {
            let target = Session::take(self.target, Role::Target).await?;
            work.spawn(job.clone().stream(source, target, told.clone()));
        }
        drop(told);
        let (mut so_far, mut total) = (Progress::default(), Progress::default());
        while let Some(more) = heard.recv().await {
            so_far = Progress { rows: so_far.rows + more.rows, bytes: so_far.bytes + more.bytes };
            progress(so_far);
        }
        let mut fingerprint = Fingerprint::default();
        while let Some(ended) = work.join_next().await {
            let (rows, bytes) = ended.map_err(|error| Error::io(format!("a stream ended: {error}")))??;
            fingerprint += rows;
            total.bytes += bytes;
        }
        Ok(LoadOutcome { fingerprint, bytes: total.bytes, differing: None, elapsed: begun.elapsed() })
    }

    /// A session that reads ranges.
    async fn connect(&self) -> Result<Session> {
        let mut source = Session::take(self.source, Role::Source).await?;
        source.set_lock_timeout(LOCK_WAIT).await?;
        let isolation = if self.plan.snapshot { Isolation::Snapshot } else { Isolation::ReadCommitted };
        source.set_isolation(isolation).await?;
        Ok(source)
    }

    /// Has every session at the source where its rows are read from: in one snapshot, where the source lets us.
    async fn open(&self, sources: &mut [Session]) -> Result<()> {
        let mut holder = Session::take(self.source, Role::Source).await?;
        let held = self.hold(&mut holder).await?;
        // Nothing else is asked here: writers wait meanwhile.
        for source in sources.iter_mut().filter(|_| self.plan.snapshot) {
            source.lane()?.begin().await?;
            // A snapshot is that of the transaction's first read, and a query without rows reads nothing.
            let read = format!("SELECT TOP (1) 1 FROM {}", self.plan.rows_from);
            read::numbers(source.lane()?, read).await?;
        }
        if held {
            holder.lane()?.rollback().await?;
        }
        holder.give_back().await;
        Ok(())
    }

    /// Keeps writers off the table for a moment. `false`: it was not to be had, and why is said.
    async fn hold(&self, holder: &mut Session) -> Result<bool> {
        let source = &self.plan.source;
        const MISSED: &str =
            "a row whose key moves from range to range while they are read may be missed or come twice";
        if !self.plan.snapshot {
            log::warn!("{source}: its database does not allow SNAPSHOT isolation: {MISSED}");
            return Ok(false);
        }
        if self.table.object.is_view {
            log::warn!(
                "{source}: a view, which has no lock of its own: each stream has a snapshot of its own; {MISSED}"
            );
            return Ok(false);
        }
        holder.set_isolation(Isolation::ReadCommitted).await?;
        holder.set_lock_timeout(SNAPSHOT_WAIT).await?;
        holder.lane()?.begin().await?;
        let hold = format!("SELECT TOP (1) 1 FROM {} WITH (TABLOCK, HOLDLOCK)", source.quoted());
        match read::numbers(holder.lane()?, hold).await {
            Ok(_) => Ok(true),
            Err(error) if error.server().is_some() => {
                holder.lane()?.rollback().await?;
                log::warn!("{source}: {error}: each stream has a snapshot of its own; {MISSED}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl StreamJob {
    /// Ranges, until none is left.
    async fn stream(
        self: Arc<Self>,
        mut source: Session,
        mut target: Session,
        told: UnboundedSender<Progress>,
    ) -> Result<(Fingerprint, u64)> {
        target.set_lock_timeout(LOCK_WAIT).await?;
        let (mut fingerprint, mut bytes) = (Fingerprint::default(), 0);
        while let Some(range) = self.next() {
            let query = self.select(&range);
            let rows = Rows::open(source.lane()?, query).await;
            let mut rows = rows.map_err(|error| error.within("reading from the source"))?;
            if self.plan.strategy.server.pads_decimals {
                rows.pad_decimals();
            }
            let load = Load { commit_rows: None, ..self.beside.load(rows.columns())? };
            target.lane()?.begin().await?;
            let mut before = Progress::default();
            let mut progress = |so_far: Progress| {
                let (rows, bytes) = (so_far.rows - before.rows, so_far.bytes - before.bytes);
                before = so_far;
                // Nobody listens where another stream has failed.
                let _unheard = told.send(Progress { rows, bytes });
            };
            let loaded = load::stream(rows, target.lane()?, &load, &mut progress).await?;
            target.lane()?.commit().await?;
            fingerprint += loaded.fingerprint;
            bytes += loaded.bytes;
        }
        if source.lane()?.in_transaction() {
            // Its snapshot.
            source.lane()?.rollback().await?;
        }
        tokio::join!(source.give_back(), target.give_back());
        Ok((fingerprint, bytes))
    }

    fn next(&self) -> Option<KeyRange> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn select(&self, range: &KeyRange) -> Query {
        let mut params = Vec::new();
        let predicate = self.key.within(range, &mut params);
        let filter = Some(Filter { predicate, params });
        self.plan.select_part(&RowSelection { filter, ..RowSelection::default() })
    }
}
