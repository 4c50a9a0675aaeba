//! Whole rows.
use std::ops::Range;
use std::sync::Arc;

use super::{PieceData, PieceReader, Value, ValueKind};
use crate::tds::columns::WireColumn;
use crate::tds::wire::Malformed;

/// Bytes that are kept for rows to come.
const KEPT: usize = 1 << 20;

/// Collects rows out of blocks, one at a time.
pub struct RowReader {
    pieces: PieceReader,
    columns: Box<[(Arc<str>, ValueKind)]>,
    /// Bytes that a row's values may have.
    most: usize,
    /// The values of the row, one after the other, and where each lies; `None` is NULL.
    bytes: Vec<u8>,
    cells: Vec<Option<Range<usize>>>,
    value_start: usize,
    rows: u64,
}

impl RowReader {
    /// For the columns of the SELECT that the blocks come from. A row of more than `most` bytes is an error.
    ///
    /// # Errors
    /// A column of a type that has no values; no columns.
    pub fn new(columns: &[WireColumn], most: usize) -> Result<Self, Malformed> {
        if columns.is_empty() {
            return Err(Malformed::new("rows without columns"));
        }
        let kinds = columns.iter().map(|column| Ok((column.name.clone(), ValueKind::of(&column.type_info)?)));
        Ok(Self {
            pieces: PieceReader::new(columns),
            columns: kinds.collect::<Result<_, Malformed>>()?,
            most,
            bytes: Vec::new(),
            cells: Vec::with_capacity(columns.len()),
            value_start: 0,
            rows: 0,
        })
    }

    /// Takes the next row from the front of `input`. `None`: all of it is taken; a row may go on in the next block.
    ///
    /// # Errors
    /// A row that is none or has too many bytes; the column is named.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Row<'_>>, Malformed> {
        self.release();
        while self.cells.len() < self.columns.len() {
            let Some(piece) = self.pieces.next(input)? else { return Ok(None) };
            match piece.data {
                PieceData::Null => self.cells.push(None),
                PieceData::Bytes { bytes, last } => {
                    if bytes.len() > self.most.saturating_sub(self.bytes.len()) {
                        let name = self.columns.get(piece.column).map_or("", |(name, _)| name);
                        let error = Malformed::new(format!("more than {} bytes", self.most));
                        return Err(at(error, self.rows + 1, piece.column, name));
                    }
                    self.bytes.extend_from_slice(bytes);
                    if last {
                        self.cells.push(Some(self.value_start..self.bytes.len()));
                    }
                }
            }
            if self.cells.len() > piece.column {
                self.value_start = self.bytes.len();
            }
        }
        self.value_start = 0;
        self.rows += 1;
        Ok(Some(self.row(self.rows)))
    }

    /// Gives up the last row, and what it took if that is much: for who has looked at it and needs the memory.
    pub fn release(&mut self) {
        if self.cells.len() == self.columns.len() {
            self.cells.clear();
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        }
    }

    fn row(&self, number: u64) -> Row<'_> {
        Row { number, columns: &self.columns, bytes: &self.bytes, cells: &self.cells }
    }

    /// For another result of the same columns, once one has ended, with a buffer of at most so many bytes. `false`: it has not.
    pub fn begins_anew(&mut self, kept: usize) -> bool {
        self.release();
        self.bytes.shrink_to(kept);
        self.rows = 0;
        self.is_between_rows() && self.cells.is_empty()
    }

    /// Whether the rows may end here.
    pub fn is_between_rows(&self) -> bool {
        self.pieces.is_between_rows()
    }
}

/// One row.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    number: u64,
    columns: &'a [(Arc<str>, ValueKind)],
    bytes: &'a [u8],
    cells: &'a [Option<Range<usize>>],
}

impl<'a> Row<'a> {
    /// From 1 on.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// A value's bytes as they came, without lengths; `None` is NULL.
    pub fn raw(&self, column: usize) -> Option<&'a [u8]> {
        let cell = self.cells.get(column)?.clone()?;
        self.bytes.get(cell)
    }

    /// Every value's bytes.
    pub fn raws(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let row = *self;
        (0..row.cells.len()).map(move |column| row.raw(column))
    }

    /// A value.
    ///
    /// # Errors
    /// Bytes that are no value of the column's type; a column that is not there.
    pub fn value(&self, column: usize) -> Result<Value<'a>, Malformed> {
        let (name, kind) = self.columns.get(column).ok_or_else(|| Malformed::new("no such column"))?;
        let value = self.raw(column).map_or(Ok(Value::Null), |bytes| kind.decode(bytes));
        value.map_err(|error| at(error, self.number, column, name))
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = Result<Value<'a>, Malformed>> + use<'a> {
        let row = *self;
        (0..row.cells.len()).map(move |column| row.value(column))
    }
}

fn at(error: Malformed, row: u64, column: usize, name: &str) -> Malformed {
    error.within(format_args!("row {row}, column {} ({name})", column + 1))
}
