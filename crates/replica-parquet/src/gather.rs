//! Rows as they are gathered for a file, one at a time: what is short in memory, what is long in a file beside it.
use std::io::{self, Read, Take, Write};
use std::ops::Range;
use std::path::Path;

use replica_core::decode::{PieceData, PieceReader, Value, ValueKind};
use replica_core::error::{Error, Result};
use replica_core::tds::columns::WireColumn;
use replica_core::tds::types::ValueLayout;
use replica_core::tds::wire::Malformed;

use crate::scratch::Scratch;

/// A value that is longer goes to a file, and so does the one with which a row's other values come to more than [`HELD`]. A
/// page is made of a shorter one in memory, three times over. Tests have shorter ones.
pub const LONG: usize = if cfg!(test) { 96 << 10 } else { 4 << 20 };
const HELD: usize = 2 * LONG;
/// Of values that are never long: a server that sends more of them is none.
const MOST_HELD: usize = 64 << 20;
/// Bytes that are kept for rows to come.
const KEPT: usize = 1 << 20;

/// Collects rows out of blocks.
pub struct Gatherer {
    pieces: PieceReader,
    columns: Box<[GatheredColumn]>,
    /// The row's short values, one after the other.
    bytes: Vec<u8>,
    /// The long ones.
    scratch: Scratch,
    values: Vec<GatheredValue>,
    /// Where the current value begins: among the bytes, or, if it has become long, in the file.
    start: usize,
    long_start: Option<u64>,
    rows: u64,
}

struct GatheredColumn {
    name: String,
    kind: ValueKind,
    can_be_long: bool,
}

/// Where a value is.
#[derive(Clone, Debug)]
pub enum GatheredValue {
    Null,
    Short(Range<usize>),
    Long(Range<u64>),
}

/// Whether values of more than 8,000 bytes lie so.
pub fn is_long(layout: ValueLayout) -> bool {
    matches!(layout, ValueLayout::LongLen | ValueLayout::TextPointer | ValueLayout::Plp)
}

impl Gatherer {
    /// For the columns of the SELECT that the blocks come from, and a file at `path`.
    ///
    /// # Errors
    /// A column of a type that has no values.
    pub fn new(columns: &[WireColumn], path: &Path) -> Result<Self, Malformed> {
        let gathered = columns.iter().map(|column| {
            let kind = ValueKind::of(&column.type_info)?;
            let can_be_long =
                is_long(column.type_info.layout()) && matches!(kind, ValueKind::Text(_) | ValueKind::Binary);
            Ok(GatheredColumn { name: column.name.to_string(), kind, can_be_long })
        });
        Ok(Self {
            pieces: PieceReader::new(columns),
            columns: gathered.collect::<Result<_, Malformed>>()?,
            bytes: Vec::new(),
            scratch: Scratch::beside(path),
            values: Vec::new(),
            start: 0,
            long_start: None,
            rows: 0,
        })
    }

    /// Takes the next row from the front of `input`; `false`: all of it is taken, and the row may go on in the next block.
    ///
    /// # Errors
    /// A row that is none or has too many bytes; a long value cannot be written.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<bool> {
        self.release()?;
        while self.values.len() < self.columns.len() {
            let Some(piece) = self.pieces.next(input).map_err(unfit)? else { return Ok(false) };
            match piece.data {
                PieceData::Null => self.values.push(GatheredValue::Null),
                PieceData::Bytes { bytes, last } => self.add(piece.column, bytes, last)?,
            }
        }
        self.rows += 1;
        Ok(true)
    }

    fn add(&mut self, column: usize, bytes: &[u8], last: bool) -> Result<()> {
        if self.long_start.is_none() {
            let (held, length) =
                (self.bytes.len() + bytes.len(), self.bytes.len() - self.start + bytes.len());
            if self.columns[column].can_be_long && (length > LONG || held > HELD) {
                self.long_start = Some(self.scratch.len());
                self.scratch.write_all(&self.bytes[self.start..]).map_err(|error| scratched(&error))?;
                self.bytes.truncate(self.start);
            } else if held > MOST_HELD {
                return Err(unfit(
                    self.at(column, Malformed::new("more bytes than a row of short values has")),
                ));
            }
        }
        match self.long_start {
            Some(_) => self.scratch.write_all(bytes).map_err(|error| scratched(&error))?,
            None => self.bytes.extend_from_slice(bytes),
        }
        if last {
            self.values.push(match self.long_start.take() {
                Some(start) => GatheredValue::Long(start..self.scratch.len()),
                None => GatheredValue::Short(self.start..self.bytes.len()),
            });
            self.start = self.bytes.len();
        }
        Ok(())
    }

    /// Gives up a row that is complete.
    ///
    /// # Errors
    /// The file of its long values cannot be emptied.
    pub fn release(&mut self) -> Result<()> {
        if self.values.len() < self.columns.len() {
            return Ok(());
        }
        if self.is_long() {
            self.scratch.clear().map_err(|error| scratched(&error))?;
        }
        self.values.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.start = 0;
        Ok(())
    }

    /// Whether the row has long values, as far as it has come.
    pub fn is_long(&self) -> bool {
        self.scratch.len() > 0
    }

    /// How many values a row has.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// Where a value of the row is, and what it is.
    ///
    /// # Errors
    /// The row has no such value.
    pub fn value(&self, column: usize) -> Result<(ValueKind, GatheredValue)> {
        let value = self.columns.get(column).zip(self.values.get(column));
        let (column, value) = value.ok_or_else(|| Error::data("a row has fewer values than columns"))?;
        Ok((column.kind, value.clone()))
    }

    /// The bytes of a value that is short; none for a NULL.
    pub fn short(&self, value: &GatheredValue) -> &[u8] {
        match value {
            GatheredValue::Short(range) => self.bytes.get(range.clone()).unwrap_or_default(),
            _ => &[],
        }
    }

    /// What the bytes of a value mean that is not long.
    ///
    /// # Errors
    /// Bytes that are no value of the column's type.
    pub fn decoded(&self, column: usize, value: &GatheredValue) -> Result<Value<'_>> {
        if matches!(value, GatheredValue::Null) {
            return Ok(Value::Null);
        }
        let decoded = self.columns[column].kind.decode(self.short(value));
        decoded.map_err(|error| unfit(self.at(column, error)))
    }

    /// The bytes of a long value, for as long as nothing else is read.
    ///
    /// # Errors
    /// The file's.
    pub fn long(&mut self, range: &Range<u64>) -> io::Result<Take<impl Read + use<>>> {
        self.scratch.read(range)
    }

    fn at(&self, column: usize, error: Malformed) -> Malformed {
        let row = self.rows.max(1);
        error.within(format_args!("row {row}, column {} ({})", column + 1, self.columns[column].name))
    }
}

/// A value that is none, or too long for a file.
pub fn unfit(error: Malformed) -> Error {
    Error::from(error).remedy("--full-table-mode stream moves rows unread")
}

fn scratched(error: &io::Error) -> Error {
    Error::data(format!("keeping a long value beside the file: {error}"))
}
