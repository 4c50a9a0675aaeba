//! Requests of several statements, whose results are small.
use std::sync::Arc;

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
        let mut result = SmallResult::new(&self.columns)?;
        loop {
            let (used, stop) = self.scanner.scan(self.inbox.payload())?;
            self.inbox.consume(used);
            if self.scanner.is_full() {
                result.take(&self.scanner.take(Vec::new()).bytes)?;
                continue;
            }
            let token = match stop {
                ScanStop::BlockFull | ScanStop::Incomplete => None,
                ScanStop::OtherToken => token::parse(self.inbox.payload())?,
            };
            match token {
                Some((Token::Columns(columns), used)) => {
                    self.inbox.consume(used);
                    self.lane.has_progressed();
                    result.take(&self.scanner.take(Vec::new()).bytes)?;
                    self.chunks = ChunkCounter::default();
                    self.scanner = RowScanner::new(&columns, self.chunks.limits(BLOCK))?;
                    self.columns = columns;
                    // The count of this result is no count of the next one.
                    self.reply.rows = None;
                    return Ok((result.rows()?, NextResult::Some));
                }
                Some((token, used)) => {
                    self.inbox.consume(used);
                    self.reply.note(token)?;
                }
                None if self.lane.more(&mut self.inbox).await? => {}
                None => {
                    self.ended = true;
                    result.take(&self.scanner.take(Vec::new()).bytes)?;
                    let ended = settle(self.lane, std::mem::take(&mut self.reply)).map(drop);
                    return Ok((result.rows()?, NextResult::None(ended)));
                }
            }
        }
    }
}

/// The rows of a result, as they come.
struct SmallResult {
    names: Arc<[Arc<str>]>,
    reader: RowReader,
    rows: Vec<CatalogRow>,
    bytes: usize,
}

impl SmallResult {
    fn new(columns: &[WireColumn]) -> Result<Self> {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { names, reader: RowReader::new(columns, MOST_ROW)?, rows: Vec::new(), bytes: 0 })
    }

    fn take(&mut self, mut block: &[u8]) -> Result<()> {
        self.bytes += block.len();
        if self.bytes > MOST {
            return Err(Error::protocol("the server answers a control query without end"));
        }
        while let Some(row) = self.reader.next(&mut block)? {
            self.rows.push(record(&self.names, row)?);
        }
        Ok(())
    }

    fn rows(self) -> Result<Vec<CatalogRow>> {
        if self.reader.is_between_rows() {
            Ok(self.rows)
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
