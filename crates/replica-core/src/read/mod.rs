//! The source's side of the data lane: a SELECT as blocks of rows in bulk form, with their count and hash.
pub(crate) mod expressions;
mod small;

use crate::decode::{Row, RowReader, Value};
use crate::error::{Error, Result};
use crate::rows::RowSource;
use crate::session::{Lane, Reply};
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::{Fingerprint, GroupedFingerprints};
use crate::tds::packet::Inbox;
use crate::tds::row::{Block, ChunkCounter, RowScanner, ScanStop};
use crate::tds::rpc::Query;
use crate::tds::token::{self, Token};
use small::ResultShape;
pub(crate) use small::{SmallResult, SmallResults, rows_of};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Bytes of a block: large enough that calls to the kernel do not count, small enough to stay in a core's own cache.
const BLOCK: usize = 64 << 10;

/// A SELECT whose rows are being read.
///
/// Dropping it before [`next`](Self::next) has said `None` leaves the reply half read: see [`cancel`](Self::cancel).
pub struct Rows<'a> {
    lane: &'a mut Lane,
    inbox: Inbox,
    reply: Reply,
    columns: Arc<[WireColumn]>,
    scanner: RowScanner,
    chunks: ChunkCounter,
    /// Of the result that is being read, where it is a small one.
    shape: Option<Arc<ResultShape>>,
    ended: bool,
    leaves_nothing: bool,
}

impl<'a> Rows<'a> {
    /// Sends a query of a single SELECT and reads on to its columns.
    ///
    /// # Errors
    /// The server's refusal, with the lane ready for the next request; no result set; those of [`Lane::recv`].
    pub async fn open(lane: &'a mut Lane, query: impl Into<Query>) -> Result<Self> {
        lane.send_query(&query.into()).await?;
        let mut inbox = lane.inbox();
        let mut reply = Reply::default();
        loop {
            match token::parse(inbox.payload())? {
                Some((Token::Columns(columns), used)) => {
                    inbox.consume(used);
                    lane.has_progressed();
                    let chunks = ChunkCounter::default();
                    let scanner = RowScanner::new(&columns, chunks.limits(BLOCK))?;
                    return Ok(Self {
                        lane,
                        inbox,
                        reply,
                        columns: columns.into(),
                        scanner,
                        chunks,
                        shape: None,
                        ended: false,
                        leaves_nothing: false,
                    });
                }
                Some((token, used)) => {
                    inbox.consume(used);
                    reply.note(token)?;
                }
                None if lane.more(&mut inbox).await? => {}
                None => {
                    settle(lane, reply)?;
                    return Err(Error::protocol("the source answers a SELECT without a result set"));
                }
            }
        }
    }

    /// The columns as the server described them.
    pub fn columns(&self) -> &[WireColumn] {
        &self.columns
    }

    /// Makes a block end after each multiple of `rows` rows, counted from here on.
    pub fn set_chunk_rows(&mut self, rows: u64) {
        self.chunks = ChunkCounter::new(rows);
        self.scanner.set_limits(self.chunks.limits(BLOCK));
    }

    /// What the query runs is known to leave nothing in the session.
    pub(crate) fn leaves_nothing(&mut self) {
        self.leaves_nothing = true;
    }

    /// See [`RowScanner::pad_decimals`]; before the first [`next`](Self::next).
    pub fn pad_decimals(&mut self) {
        self.scanner.pad_decimals(&self.columns);
    }

    /// See [`RowScanner::set_unhashed_columns`]; before the first [`next`](Self::next).
    pub fn set_unhashed_columns(&mut self, columns: usize, grouped: bool) {
        self.scanner.set_unhashed_columns(columns, grouped);
    }

    /// See [`RowScanner::take_grouped`].
    pub fn take_grouped(&mut self) -> Option<GroupedFingerprints> {
        self.scanner.take_grouped()
    }

    /// The next rows; `None` after the last. `empty` is a buffer to use again.
    ///
    /// # Errors
    /// The server's, at whatever row; a reply that breaks off, lies about lengths or counts, or falls silent. Only
    /// after an error of the server is the lane ready for the next request.
    pub async fn next(&mut self, empty: Vec<u8>) -> Result<Option<Block>> {
        while !self.ended {
            let (used, stop) = self.scanner.scan(self.inbox.payload())?;
            self.inbox.consume(used);
            if used > 0 {
                self.lane.has_progressed();
            }
            if self.scanner.is_full() {
                return Ok(Some(self.take(empty)));
            }
            match stop {
                ScanStop::BlockFull => {}
                ScanStop::Incomplete => self.ended = !self.lane.more(&mut self.inbox).await?,
                ScanStop::OtherToken => match token::parse(self.inbox.payload())? {
                    Some((token, used)) => {
                        self.inbox.consume(used);
                        self.reply.note(token)?;
                    }
                    None => self.ended = !self.lane.more(&mut self.inbox).await?,
                },
            }
            if self.ended {
                self.end()?;
            }
        }
        let last = self.take(empty);
        Ok((!last.bytes.is_empty()).then_some(last))
    }

    fn take(&mut self, empty: Vec<u8>) -> Block {
        let block = self.scanner.take(empty);
        self.chunks.count(&block);
        self.scanner.set_limits(self.chunks.limits(BLOCK));
        block
    }

    fn end(&mut self) -> Result<()> {
        self.lane.has_read(std::mem::take(&mut self.inbox));
        let reply = settle(self.lane, std::mem::take(&mut self.reply))?;
        let read = self.scanner.fingerprint().rows;
        let counted = reply.rows;
        if self.scanner.in_row() || counted.is_none() {
            return Err(Error::protocol(format!("the source's reply breaks off after {read} rows")));
        }
        if counted != Some(read) {
            let counted = counted.unwrap_or_default();
            return Err(Error::protocol(format!(
                "the source sent {read} rows and says that it was {counted}"
            )));
        }
        if self.leaves_nothing {
            self.lane.has_left_nothing();
        }
        Ok(())
    }

    /// Count and hash of the complete rows so far.
    pub fn fingerprint(&self) -> Fingerprint {
        self.scanner.fingerprint()
    }

    /// Tells the server to stop, unless it has ended anyway. The lane is ready for the next request then.
    ///
    /// # Errors
    /// A lost connection, or silence for too long.
    pub async fn cancel(self) -> Result<()> {
        if self.ended { Ok(()) } else { self.lane.attention().await }
    }
}

impl RowSource for Rows<'_> {
    fn columns(&self) -> &[WireColumn] {
        self.columns()
    }

    fn set_chunk_rows(&mut self, rows: u64) {
        self.set_chunk_rows(rows);
    }

    fn next(&mut self, empty: Vec<u8>) -> impl Future<Output = Result<Option<Block>>> + Send {
        self.next(empty)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint()
    }

    fn cancel(self) -> impl Future<Output = Result<()>> + Send {
        self.cancel()
    }
}

/// Count and hash of all rows of a SELECT, read and thrown away.
///
/// # Errors
/// Those of [`Rows::next`].
pub async fn fingerprint(mut rows: impl RowSource) -> Result<Fingerprint> {
    let mut buffer = Vec::new();
    while let Some(block) = rows.next(buffer).await? {
        buffer = block.bytes;
    }
    Ok(rows.fingerprint())
}

/// Hands each row of an answer to `take`, until that has seen enough. A row is held whole, and has at most `most_row`
/// bytes.
///
/// # Errors
/// Those of [`Rows::open`], [`Rows::next`] and `take`; a longer row.
pub(crate) async fn each_row(
    lane: &mut Lane,
    query: impl Into<Query>,
    most_row: usize,
    mut take: impl FnMut(Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut rows = Rows::open(lane, query).await?;
    let mut reader = RowReader::new(rows.columns(), most_row)?;
    let mut buffer = Vec::new();
    while let Some(block) = rows.next(buffer).await? {
        let mut input = block.bytes.as_slice();
        while let Some(row) = reader.next(&mut input)? {
            if take(row)?.is_break() {
                return rows.cancel().await;
            }
        }
        buffer = block.bytes;
    }
    if reader.is_between_rows() { Ok(()) } else { Err(Error::protocol("an answer ends within a row")) }
}

/// The rows of a query whose few columns are integers.
///
/// # Errors
/// Those of [`Rows::open`] and [`Rows::next`]; columns of another type.
pub async fn numbers(lane: &mut Lane, query: impl Into<Query>) -> Result<Vec<Vec<Option<i64>>>> {
    let mut numbers = Vec::new();
    each_row(lane, query, MOST_NUMBERS, |row| {
        let row = row.values().map(|value| match value? {
            Value::Int(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            other => Err(Error::protocol(format!("a number is expected where the server sends {other}"))),
        });
        numbers.push(row.collect::<Result<_>>()?);
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(numbers)
}

/// The first of them; `None`: there is none.
///
/// # Errors
/// Those of [`numbers`].
pub async fn number(lane: &mut Lane, query: impl Into<Query>) -> Result<Option<i64>> {
    let rows = numbers(lane, query).await?;
    Ok(rows.first().and_then(|row| row.first().copied().flatten()))
}

/// The answer to a COUNT_BIG.
///
/// # Errors
/// Those of [`numbers`]; no number.
pub async fn count(lane: &mut Lane, query: impl Into<Query>) -> Result<u64> {
    let count = number(lane, query).await?.and_then(|count| u64::try_from(count).ok());
    count.ok_or_else(|| Error::protocol("COUNT_BIG gives no number"))
}

/// Bytes of a row of numbers, and more.
const MOST_NUMBERS: usize = 1 << 16;

fn settle(lane: &mut Lane, reply: Reply) -> Result<Reply> {
    if let Some(transaction) = reply.transaction {
        lane.set_transaction(transaction);
    }
    reply.settled()
}

#[cfg(test)]
mod tests;
