//! Requests of several statements, whose results are small.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BLOCK, Rows, settle};
use crate::catalog::record::{CatalogRow, CatalogValue};
use crate::decode::{Row, RowReader, Value};
use crate::error::{Error, Result};
use crate::session::{Lane, Session};
use crate::tds::columns::WireColumn;
use crate::tds::row::{ChunkCounter, RowScanner, ScanStop};
use crate::tds::rpc::Query;
use crate::tds::token::{self, Token};

/// Bytes of a row, and of all rows of a result, and more.
const MOST_ROW: usize = 1 << 20;
const MOST: usize = 64 << 20;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct SmallResults {
    /// The results that came whole.
    pub sets: Vec<Vec<CatalogRow>>,
    /// The server's error, after which nothing came.
    pub ended: Result<()>,
}

impl SmallResults {
    /// Asks it on a session on which no transaction is open.
    ///
    /// # Errors
    /// A lost connection, or what is no answer. Those of the server are in the results.
    pub(crate) async fn of(session: &mut Session, query: Query) -> Result<Self> {
        let mut sets = Vec::new();
        let mut rows = match Rows::open(session.lane()?, query).await {
            Ok(rows) => rows,
            Err(error) if error.server().is_some() => return Ok(Self { sets, ended: Err(error) }),
            Err(error) => return Err(error),
        };
        loop {
            let (set, next) = rows.whole_result().await?;
            sets.push(set);
            if let NextResult::None(ended) = next {
                return Ok(Self { sets, ended });
            }
        }
    }

    /// Those from one on, and those before it.
    pub(crate) fn split_off(mut self, at: usize) -> (Vec<Vec<CatalogRow>>, Self) {
        let after = self.sets.split_off(at.min(self.sets.len()));
        (self.sets, Self { sets: after, ended: self.ended })
    }
}

/// What comes after a result.
enum NextResult {
    /// Another one, whose rows are next.
    Some,
    /// The end of the answer, which may be an error.
    None(Result<()>),
}

impl<'a> Rows<'a> {
    /// Sends a query of several SELECTs, and takes the results before the last one, which has the rows. `None`: there are
    /// fewer.
    ///
    /// # Errors
    /// Those of [`Rows::open`], and of each SELECT.
    pub(crate) async fn open_behind(
        lane: &'a mut Lane,
        query: Query,
        before: usize,
    ) -> Result<Option<(Vec<Vec<CatalogRow>>, Self)>> {
        let mut rows = Self::open(lane, query).await?;
        let mut sets = Vec::new();
        while sets.len() < before {
            let (set, next) = rows.whole_result().await?;
            sets.push(set);
            if let NextResult::None(ended) = next {
                return ended.map(|()| None);
            }
        }
        Ok(Some((sets, rows)))
    }

    /// All rows of a result.
    async fn whole_result(&mut self) -> Result<(Vec<CatalogRow>, NextResult)> {
        let known = match self.known.take() {
            Some(known) => known,
            None => KnownColumns::new(Box::default(), &self.columns)?,
        };
        let mut result = SmallResult { known, rows: Vec::new(), bytes: 0 };
        loop {
            let (used, stop) = self.scanner.scan(self.inbox.payload())?;
            self.inbox.consume(used);
            if self.scanner.is_full() {
                result.take(&mut self.scanner)?;
                continue;
            }
            let token = match stop {
                ScanStop::BlockFull | ScanStop::Incomplete => None,
                ScanStop::OtherToken => {
                    if let Some(described) = DescribedResult::known(self.inbox.payload()) {
                        return Ok((self.next_result(result, described)?, NextResult::Some));
                    }
                    token::parse(self.inbox.payload())?
                }
            };
            match token {
                Some((Token::Columns(columns), used)) => {
                    let metadata = self.inbox.payload()[..used].into();
                    let described = DescribedResult::new(metadata, columns)?;
                    return Ok((self.next_result(result, described)?, NextResult::Some));
                }
                Some((token, used)) => {
                    self.inbox.consume(used);
                    self.reply.note(token)?;
                }
                None if self.lane.more(&mut self.inbox).await? => {}
                None => {
                    self.ended = true;
                    result.take(&mut self.scanner)?;
                    self.lane.has_read(std::mem::take(&mut self.inbox));
                    let ended = settle(self.lane, std::mem::take(&mut self.reply)).map(drop);
                    return Ok((result.ends()?, NextResult::None(ended)));
                }
            }
        }
    }

    /// The rows of a result, at whose end another one begins.
    fn next_result(
        &mut self,
        mut result: SmallResult,
        described: DescribedResult,
    ) -> Result<Vec<CatalogRow>> {
        self.inbox.consume(described.known.metadata.len());
        self.lane.has_progressed();
        result.take(&mut self.scanner)?;
        let rows = result.ends()?;
        let DescribedResult { known, columns, scanner } = described;
        let columns = std::mem::replace(&mut self.columns, columns);
        let scanner = std::mem::replace(&mut self.scanner, scanner);
        DescribedResult { known: result.known, columns, scanner }.keep();
        self.known = Some(known);
        self.chunks = ChunkCounter::default();
        // The count of this result is no count of the next one.
        self.reply.rows = None;
        Ok(rows)
    }
}

/// What reads a result's rows.
pub(super) struct KnownColumns {
    /// Its COLMETADATA, as it came; empty: it will not come again.
    metadata: Box<[u8]>,
    names: Arc<[Arc<str>]>,
    reader: RowReader,
    /// Of the last block.
    buffer: Vec<u8>,
}

impl KnownColumns {
    fn new(metadata: Box<[u8]>, columns: &[WireColumn]) -> Result<Self> {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { metadata, names, reader: RowReader::new(columns, MOST_ROW)?, buffer: Vec::new() })
    }
}

/// A result before its first row. The catalog is asked the same questions of each table and side: what their answers look
/// like is worked out once.
struct DescribedResult {
    known: KnownColumns,
    columns: Vec<WireColumn>,
    scanner: RowScanner,
}

/// How many are kept, and bytes of each of its buffers.
const MOST_KNOWN: usize = 64;
const MOST_KEPT: usize = 8 << 10;

fn known_results() -> MutexGuard<'static, Vec<DescribedResult>> {
    static KNOWN: Mutex<Vec<DescribedResult>> = Mutex::new(Vec::new());
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DescribedResult {
    fn new(metadata: Box<[u8]>, columns: Vec<WireColumn>) -> Result<Self> {
        let scanner = RowScanner::new(&columns, ChunkCounter::default().limits(BLOCK))?;
        Ok(Self { known: KnownColumns::new(metadata, &columns)?, columns, scanner })
    }

    /// One that has come before, byte by byte, and is not being read. COLMETADATA tells its own end: what begins with the
    /// bytes of one is the same one.
    fn known(payload: &[u8]) -> Option<Self> {
        let mut known = known_results();
        let place = known.iter().position(|described| payload.starts_with(&described.known.metadata))?;
        Some(known.swap_remove(place))
    }

    /// Once its rows have been read.
    fn keep(mut self) {
        let length = self.known.metadata.len();
        // Nothing was long, as a rule; what was is not kept.
        self.known.buffer.clear();
        self.known.buffer.shrink_to(MOST_KEPT);
        let is_rested = self.scanner.begins_anew(ChunkCounter::default().limits(BLOCK), MOST_KEPT)
            && self.known.reader.begins_anew(MOST_KEPT);
        let mut known = known_results();
        if is_rested && (1..=MOST_KEPT).contains(&length) && known.len() < MOST_KNOWN {
            known.push(self);
        }
    }
}

/// The rows of a result, as they come.
struct SmallResult {
    known: KnownColumns,
    rows: Vec<CatalogRow>,
    bytes: usize,
}

impl SmallResult {
    /// The rows that a scanner has found, which goes on in the buffer of those before.
    fn take(&mut self, scanner: &mut RowScanner) -> Result<()> {
        let block = scanner.take(std::mem::take(&mut self.known.buffer)).bytes;
        self.bytes += block.len();
        if self.bytes > MOST {
            return Err(Error::protocol("the server answers a control query without end"));
        }
        let mut left = block.as_slice();
        while let Some(row) = self.known.reader.next(&mut left)? {
            self.rows.push(record(&self.known.names, row)?);
        }
        self.known.buffer = block;
        Ok(())
    }

    fn ends(&mut self) -> Result<Vec<CatalogRow>> {
        if self.known.reader.is_between_rows() {
            Ok(std::mem::take(&mut self.rows))
        } else {
            Err(Error::protocol("a result ends within a row"))
        }
    }
}

/// As of any other answer of the catalog: integers, flags and names.
fn record(names: &Arc<[Arc<str>]>, row: Row<'_>) -> Result<CatalogRow> {
    let values = names.iter().zip(row.values()).map(|(_, value)| {
        Ok(match value? {
            Value::Int(number) => CatalogValue::Int(number),
            Value::Bit(bit) => CatalogValue::Int(bit.into()),
            Value::Text(text) => CatalogValue::Text(text.lossy().into_owned()),
            _ => CatalogValue::Null,
        })
    });
    Ok(CatalogRow::of(names, values.collect::<Result<_>>()?))
}
