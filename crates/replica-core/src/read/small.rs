//! Requests of several statements, whose results are small.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BLOCK, Rows, settle};
use crate::catalog::record::{CatalogRow, CatalogValue};
use crate::decode::{Row, RowReader, Value};
use crate::error::{Error, Result};
use crate::session::{Lane, Session};
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::{ChunkCounter, RowScanner, ScanStop};
use crate::tds::rpc::Query;
use crate::tds::token::{self, Token};

/// Bytes of all rows of a result, and more.
const MOST: usize = 64 << 20;

/// What came of a request.
pub(crate) struct SmallResults {
    /// The results that came whole.
    pub sets: Vec<SmallResult>,
    /// The server's error, after which nothing came.
    pub ended: Result<()>,
}

impl SmallResults {
    /// Asks it. An open transaction is over after an error of the server's, and whoever has one rolls it back.
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
    pub(crate) fn split_off(mut self, at: usize) -> (Vec<SmallResult>, Self) {
        let after = self.sets.split_off(at.min(self.sets.len()));
        (self.sets, Self { sets: after, ended: self.ended })
    }
}

/// A result that came whole, as it came. Who only wants to know whether it is the same as before never reads its rows.
pub(crate) struct SmallResult {
    shape: Arc<ResultShape>,
    /// Bulk rows, one behind the other.
    bytes: Vec<u8>,
    fingerprint: Fingerprint,
}

impl SmallResult {
    /// Count and hash of its rows.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// # Errors
    /// Values that are none.
    pub(crate) fn rows(&self) -> Result<Vec<CatalogRow>> {
        if self.bytes.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = self.shape.reader()?;
        let mut rows = Vec::new();
        let mut left = self.bytes.as_slice();
        while let Some(row) = reader.next(&mut left)? {
            rows.push(record(&self.shape.names, row)?);
        }
        self.shape.give_back(reader);
        Ok(rows)
    }
}

/// The rows of each of these results.
///
/// # Errors
/// Those of [`SmallResult::rows`].
pub(crate) fn rows_of(results: &[SmallResult]) -> Result<Vec<Vec<CatalogRow>>> {
    results.iter().map(SmallResult::rows).collect()
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
    ) -> Result<Option<(Vec<SmallResult>, Self)>> {
        let mut rows = Self::open(lane, query).await?;
        let mut sets = Vec::with_capacity(before);
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
    async fn whole_result(&mut self) -> Result<(SmallResult, NextResult)> {
        let shape = match self.shape.take() {
            Some(shape) => shape,
            None => ResultShape::new(Box::default(), self.columns.clone()),
        };
        let mut result = SmallResult { shape, bytes: Vec::new(), fingerprint: Fingerprint::default() };
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
                    result.ends(&mut self.scanner)?;
                    self.lane.has_read(std::mem::take(&mut self.inbox));
                    let ended = settle(self.lane, std::mem::take(&mut self.reply)).map(drop);
                    return Ok((result, NextResult::None(ended)));
                }
            }
        }
    }

    /// The end of a result, where another one begins.
    fn next_result(&mut self, mut result: SmallResult, described: DescribedResult) -> Result<SmallResult> {
        self.inbox.consume(described.shape.metadata.len());
        self.lane.has_progressed();
        result.ends(&mut self.scanner)?;
        let DescribedResult { shape, scanner } = described;
        let scanner = std::mem::replace(&mut self.scanner, scanner);
        DescribedResult { shape: result.shape.clone(), scanner }.keep();
        self.columns = shape.columns.clone();
        self.shape = Some(shape);
        self.chunks = ChunkCounter::default();
        // The count of this result is no count of the next one.
        self.reply.rows = None;
        Ok(result)
    }
}

/// What a result's rows look like.
pub(super) struct ResultShape {
    /// Its COLMETADATA, as it came; empty: it will not come again.
    metadata: Box<[u8]>,
    columns: Arc<[WireColumn]>,
    names: Arc<[Arc<str>]>,
    /// One that nobody uses.
    reader: Mutex<Option<RowReader>>,
}

impl ResultShape {
    fn new(metadata: Box<[u8]>, columns: Arc<[WireColumn]>) -> Arc<Self> {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Arc::new(Self { metadata, columns, names, reader: Mutex::new(None) })
    }

    /// One that is between two results.
    fn reader(&self) -> Result<RowReader> {
        match locked(&self.reader).take() {
            Some(reader) => Ok(reader),
            None => Ok(RowReader::new(&self.columns, MOST)?),
        }
    }

    /// What was long is not kept.
    fn give_back(&self, mut reader: RowReader) {
        if reader.begins_anew(MOST_KEPT) {
            *locked(&self.reader) = Some(reader);
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A result before its first row. The catalog is asked the same questions of each table and side: what their answers look
/// like is worked out once.
struct DescribedResult {
    shape: Arc<ResultShape>,
    scanner: RowScanner,
}

/// How many are kept, and bytes of each of its buffers.
const MOST_KNOWN: usize = 64;
const MOST_KEPT: usize = 8 << 10;

static KNOWN: Mutex<Vec<DescribedResult>> = Mutex::new(Vec::new());

impl DescribedResult {
    fn new(metadata: Box<[u8]>, columns: Vec<WireColumn>) -> Result<Self> {
        let scanner = RowScanner::new(&columns, ChunkCounter::default().limits(BLOCK))?;
        Ok(Self { shape: ResultShape::new(metadata, columns.into()), scanner })
    }

    /// One that has come before, byte by byte, and is not being read. COLMETADATA tells its own end: what begins with the
    /// bytes of one is the same one.
    fn known(payload: &[u8]) -> Option<Self> {
        let mut known = locked(&KNOWN);
        let place = known.iter().position(|described| payload.starts_with(&described.shape.metadata))?;
        Some(known.swap_remove(place))
    }

    /// Once its rows have been read.
    fn keep(mut self) {
        let length = self.shape.metadata.len();
        // Nothing was long, as a rule; what was is not kept.
        let is_rested = self.scanner.begins_anew(ChunkCounter::default().limits(BLOCK), MOST_KEPT);
        let mut known = locked(&KNOWN);
        if is_rested && (1..=MOST_KEPT).contains(&length) && known.len() < MOST_KNOWN {
            known.push(self);
        }
    }
}

impl SmallResult {
    /// The rows that a scanner has found.
    fn take(&mut self, scanner: &mut RowScanner) -> Result<()> {
        scanner.append_to(&mut self.bytes);
        if self.bytes.len() > MOST {
            return Err(Error::protocol("the server answers a control query without end"));
        }
        Ok(())
    }

    /// The last of them.
    fn ends(&mut self, scanner: &mut RowScanner) -> Result<()> {
        if scanner.in_row() {
            return Err(Error::protocol("a result ends within a row"));
        }
        self.take(scanner)?;
        self.fingerprint = scanner.fingerprint();
        Ok(())
    }
}

/// As of any other answer of the catalog: integers, flags and names.
fn record(names: &Arc<[Arc<str>]>, row: Row<'_>) -> Result<CatalogRow> {
    // Their number is known; what collects results does not know it.
    let mut values = Vec::with_capacity(names.len());
    for value in row.values() {
        values.push(match value? {
            Value::Int(number) => CatalogValue::Int(number),
            Value::Bit(bit) => CatalogValue::Int(bit.into()),
            Value::Text(text) => CatalogValue::Text(text.lossy().into_owned()),
            _ => CatalogValue::Null,
        });
    }
    Ok(CatalogRow::of(names, values.into()))
}
