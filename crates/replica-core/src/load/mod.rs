//! The target's side of the data lane: blocks of rows as INSERT BULK messages, chunk by chunk.
//!
//! Reading goes on while a block is written; both happen in one task, so that no row crosses from thread to thread.
//! At most [`QUEUE`] blocks wait in between: memory does not grow with the table.
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::catalog::name::quote;
use crate::catalog::{Column, SqlType};
use crate::error::{Error, Result};
use crate::rows::RowSource;
use crate::session::{Lane, Sent};
use crate::tds::bulk;
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::Block;
use crate::tds::rpc::Query;
use crate::types::declare;

mod message;

use message::{OutgoingMessage, Until};

/// Among the hints of a [`Load`].
pub(crate) const FIRE_TRIGGERS: &str = "FIRE_TRIGGERS";

/// Blocks read ahead, at the most: memory does not grow with the table, and the sockets hold more.
const QUEUE: usize = 4;

/// A target column, in the order of the SELECT's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadColumn {
    /// The target's, not quoted.
    pub name: String,
    /// The type of the values on the wire as T-SQL declares it, with COLLATE where it has a collation: what char,
    /// varchar and text bytes mean is said by this clause alone (docs/WIRE.md, "Three rules for a relay of rows", 3).
    pub declared: String,
    /// As the target's catalog has it (docs/WIRE.md, "Three rules for a relay of rows", 2).
    pub nullable: bool,
}

impl LoadColumn {
    /// Of `target`, for the values of a SELECT's column as it has arrived. `collation` is that of the values, where
    /// they have one.
    pub fn new(target: &Column, arrived: &WireColumn, collation: Option<&str>) -> Self {
        let declared = match target.sql_type {
            // The wire has no XML type for a load, and nvarchar(max) in its place; the statement says xml all the same,
            // as SqlBulkCopy's does (dotnet/SqlClient, SqlBulkCopy.cs and TdsParser.cs, XML metadata substitute sequence).
            SqlType::Xml => "xml".to_owned(),
            _ => declare(&bulk::type_info(&arrived.type_info), collation),
        };
        Self { name: target.name.clone(), declared, nullable: target.nullable }
    }
}

/// What to load into, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Quoted for SQL: `[schema].[name]`.
    pub table: String,
    /// In the order in which the rows have them.
    pub columns: Vec<LoadColumn>,
    /// Hints of INSERT BULK's WITH clause: `KEEP_NULLS`, `TABLOCK`, `ORDER([a] ASC)` (docs/WIRE.md, "INSERT BULK").
    pub hints: Vec<String>,
    /// A chunk, which is one INSERT BULK, has no more rows than this.
    pub chunk_rows: u64,
    /// A chunk ends with the first block that brings it to this many bytes.
    pub chunk_bytes: u64,
    /// Commits, and begins anew, at the first chunk's end at or after so many rows. The caller begins the first
    /// transaction and commits the last one. `None`: transactions are the caller's alone.
    pub commit_rows: Option<u64>,
    /// Runs before each of these commits: it fails, and takes everything back, where another writer has taken over.
    pub fence: Option<Query>,
}

/// How far a load is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Rows sent.
    pub rows: u64,
    /// Bytes of these rows as the bulk load has them.
    pub bytes: u64,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOutcome {
    /// Rows and their hash, as read from the source; the target has confirmed the count.
    pub fingerprint: Fingerprint,
    /// Of these rows as the bulk load has them.
    pub bytes: u64,
    /// Only rows that differed were written: how many. `None`: all were loaded.
    pub differing: Option<u64>,
    /// From the first request to the last answer.
    pub elapsed: Duration,
}

/// Loads all rows of a source. Nothing is sent to the target if there are none.
///
/// # Errors
/// Of the source or the target, and says which. The load is then incomplete: what of it is in the table is for the
/// caller's transaction to take back. Both lanes are ready for the next request if their
/// [`is_idle`](Lane::is_idle) says so.
pub async fn stream(
    mut rows: impl RowSource,
    target: &mut Lane,
    load: &Load,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome> {
    let started = Instant::now();
    let mut writer = BulkWriter::new(target, load, rows.columns())?;
    rows.set_chunk_rows(load.chunk_rows);
    let (full, mut queue) = mpsc::channel(QUEUE);
    // Room for every block there is, so that buffers are used again.
    let (used, mut spare) = mpsc::channel(2 * QUEUE);
    let read = async {
        let result = pump(&mut rows, &full, &mut spare).await;
        drop(full);
        result
    };
    let write = async {
        let result = writer.run(&mut queue, &used, progress).await;
        drop(queue);
        result
    };
    let (read, written) = tokio::join!(read, write);
    read.map_err(|e| e.within("reading from the source"))?;
    match written {
        Ok(sent) => {
            let (fingerprint, elapsed) = (rows.fingerprint(), started.elapsed());
            Ok(LoadOutcome { fingerprint, bytes: sent.bytes, differing: None, elapsed })
        }
        Err(error) => {
            if let Err(e) = rows.cancel().await {
                log::debug!("stopping the source: {e}");
            }
            Err(error.within("writing to the target"))
        }
    }
}

/// What the reader tells the writer. A queue that closes without `End` says that the source failed.
enum PumpedBlock {
    Rows(Block),
    End,
}

/// Reads until the end, or until the writer has given up.
async fn pump(
    rows: &mut impl RowSource,
    full: &mpsc::Sender<PumpedBlock>,
    spare: &mut mpsc::Receiver<Vec<u8>>,
) -> Result<()> {
    while let Some(block) = rows.next(spare.try_recv().unwrap_or_default()).await? {
        if full.send(PumpedBlock::Rows(block)).await.is_err() {
            return Ok(());
        }
    }
    // A writer that is gone has its own error to report.
    let _ = full.send(PumpedBlock::End).await;
    Ok(())
}

struct BulkWriter<'a> {
    lane: &'a mut Lane,
    load: &'a Load,
    statement: String,
    /// COLMETADATA, the same for every chunk.
    head: Vec<u8>,
    message: OutgoingMessage,
    /// Of the chunk that is open; no rows: none is.
    chunk: Progress,
    sent: Progress,
    uncommitted: u64,
}

impl<'a> BulkWriter<'a> {
    fn new(lane: &'a mut Lane, load: &'a Load, columns: &[WireColumn]) -> Result<Self> {
        let (theirs, ours) = (columns.len(), load.columns.len());
        if theirs != ours {
            return Err(Error::mapping(format!(
                "there are {theirs} columns for {ours} columns of the target"
            )));
        }
        let target = |column: &LoadColumn| bulk::Target {
            name: column.name.clone(),
            nullable: column.nullable,
            table: load.table.clone(),
        };
        let targets: Vec<_> = load.columns.iter().map(target).collect();
        let head = bulk::head(&bulk::columns(columns, &targets));
        Ok(Self {
            message: OutgoingMessage::new(lane.packet_size()),
            lane,
            load,
            statement: load.statement(),
            head,
            chunk: Progress::default(),
            sent: Progress::default(),
            uncommitted: 0,
        })
    }

    async fn run(
        &mut self,
        queue: &mut mpsc::Receiver<PumpedBlock>,
        used: &mpsc::Sender<Vec<u8>>,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Progress> {
        loop {
            match queue.recv().await {
                Some(PumpedBlock::Rows(block)) => {
                    // Blocks that wait go out together: a call to the kernel, and a waking of whoever reads there,
                    // for all of them.
                    self.write(block, !queue.is_empty()).await?;
                    self.message.give_back(used);
                    progress(self.sent);
                }
                Some(PumpedBlock::End) => {
                    self.end_chunk().await?;
                    return Ok(self.sent);
                }
                None => {
                    self.abandon().await?;
                    return Ok(self.sent);
                }
            }
        }
    }

    /// `more`: another block follows at once.
    async fn write(&mut self, block: Block, more: bool) -> Result<()> {
        if self.message.is_closed() {
            self.lane.batch(&self.statement).await?;
            self.lane.has_left_nothing();
            self.message.open(self.head.clone());
        }
        let rows = block.rows;
        let bytes = block.bytes.len() as u64;
        let whole = block.whole;
        self.message.push(block.bytes);
        self.chunk.rows += rows;
        self.chunk.bytes += bytes;
        self.sent.rows += rows;
        self.sent.bytes += bytes;
        let is_full = self.chunk.bytes >= self.load.chunk_bytes
            || self.sent.rows.is_multiple_of(self.load.chunk_rows.max(1));
        if whole && is_full {
            self.end_chunk().await
        } else if more {
            Ok(())
        } else {
            self.send(Until::LastWholePacket).await
        }
    }

    async fn end_chunk(&mut self) -> Result<()> {
        if self.message.is_closed() {
            return Ok(());
        }
        self.message.push(bulk::tail());
        self.send(Until::End).await?;
        let sent = std::mem::take(&mut self.chunk).rows;
        let reply = self.lane.reply().await?;
        if reply.rows != Some(sent) || reply.dropped.is_some() {
            let loaded = reply.rows.map_or("no number".to_owned(), |rows| rows.to_string());
            let what = format!("{sent} rows were sent, and the target says that it loaded {loaded}");
            return Err(match reply.dropped {
                Some(dropped) => Error::from_server(vec![dropped]).within(what),
                None => Error::data(what),
            });
        }
        if !self.load.fires_triggers() {
            self.lane.has_left_nothing();
        }
        self.uncommitted += sent;
        if self.load.commit_rows.is_some_and(|limit| self.uncommitted >= limit) {
            if let Some(fence) = &self.load.fence {
                self.lane.run(fence).await?;
            }
            self.lane.commit_and_begin().await?;
            self.uncommitted = 0;
        }
        Ok(())
    }

    async fn send(&mut self, until: Until) -> Result<()> {
        match self.message.send(self.lane, until).await? {
            Sent::All => Ok(()),
            // What it has to say is why it stopped reading. If that is no error, the connection is beyond use.
            Sent::Answered(_) => {
                self.lane.reply().await?;
                Err(Error::protocol("the target ended a bulk load before its rows did"))
            }
        }
    }

    /// The source failed: the target forgets the chunk that is open.
    async fn abandon(&mut self) -> Result<()> {
        if self.message.is_closed() { Ok(()) } else { self.lane.abandon().await }
    }
}

impl Load {
    /// What triggers do is the table's own business.
    fn fires_triggers(&self) -> bool {
        self.hints.iter().any(|hint| hint == FIRE_TRIGGERS)
    }

    /// The batch that announces a bulk load.
    pub fn statement(&self) -> String {
        let columns: Vec<_> =
            self.columns.iter().map(|c| format!("{} {}", quote(&c.name), c.declared)).collect();
        let hints = match self.hints.as_slice() {
            [] => String::new(),
            hints => format!(" WITH ({})", hints.join(", ")),
        };
        format!("INSERT BULK {} ({}){hints}", self.table, columns.join(", "))
    }
}

#[cfg(test)]
mod tests;
