//! The row scanner: finds where the rows of a result set end and writes them down as a bulk load wants them.
//!
//! No value is decoded. What happens to each column is decided once, from COLMETADATA; bytes that stay as they are,
//! across as many columns as possible, are copied in one run. See wire-facts.md, "Types: result row to bulk row":
//! - NBCROW becomes ROW ([MS-TDS] 2.2.7.15: not allowed in a bulk load);
//! - fixed-length types become their nullable sisters, with a length byte;
//! - the length of a PLP value becomes "unknown", which every server reads right.
mod buffer;
mod copy;
mod nulls;
mod strategy;

use super::columns::Column;
use super::fingerprint::{Fingerprint, RowHash};
use super::token::kind::{NBCROW, ROW};
use super::value::{PLP_NULL, PLP_UNKNOWN};
use super::wire::Malformed;
use buffer::Buffer;
use nulls::Nulls;
use strategy::{Form, Strategy, WIDEST_DECIMAL};

/// Where a block of rows ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A block is full at the first end of a row at or after this many bytes; within a row at twice as many.
    pub bytes: usize,
    /// A block has no more rows than this.
    pub rows: u64,
}

/// Rows in bulk form. A row too long for one block goes on in the next.
#[derive(Debug, Default)]
pub struct Block {
    pub bytes: Vec<u8>,
    /// Rows that end in this block.
    pub rows: u64,
    /// The block ends where a row does.
    pub whole: bool,
}

/// Why the scanner stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It needs more input.
    Short,
    /// The next byte begins a token that is not a row.
    Token,
    /// The block is full; take it.
    Full,
}

/// Where the scan stands between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    BetweenRows,
    /// Before the column whose ordinal `RowScanner::column` says.
    Column,
    /// In the data of a counted value: bytes to come.
    Counted(u32),
    Plp(Plp),
}

/// Progress inside a PLP value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plp {
    /// What the server said, or [`PLP_UNKNOWN`].
    announced: u64,
    /// Bytes of all chunks begun.
    total: u64,
    /// Bytes to come of the current chunk.
    chunk: u32,
}

/// Longest text, ntext, image or (max) value: 2^31-1 bytes.
const LONGEST: u64 = 0x7FFF_FFFF;

/// Scans one result set.
pub struct RowScanner {
    strategy: Strategy,
    names: Box<[String]>,
    limits: Limits,
    place: Place,
    column: usize,
    nulls: Nulls,
    out: Buffer,
    /// Rows that ended in it.
    rows: u64,
    /// It began within a row. The block ends with that row, so that blocks end at rows again.
    continues: bool,
    hash: RowHash,
    total: Fingerprint,
}

impl RowScanner {
    /// # Errors
    /// A column of a type that can't be in a result set.
    pub fn new(columns: &[Column], limits: Limits) -> Result<Self, Malformed> {
        Ok(Self {
            strategy: Strategy::new(columns)?,
            names: columns.iter().map(|column| column.name.clone()).collect(),
            limits,
            place: Place::BetweenRows,
            column: 0,
            nulls: Nulls::new(columns.len()),
            out: Buffer::default(),
            rows: 0,
            continues: false,
            hash: RowHash::new(),
            total: Fingerprint::default(),
        })
    }

    /// Writes the decimals among `columns`, which are those of [`new`](Self::new), with 17 bytes each, and hashes them
    /// so. Servers differ in how many they send; Babelfish 4.3 reads 17 whatever it is sent.
    pub fn pad_decimals(&mut self, columns: &[Column]) {
        self.strategy.pad_decimals(columns);
    }

    /// Takes rows from the front of `input`: how many bytes, and why no more. What is left of `input` comes first in
    /// the next call.
    ///
    /// # Errors
    /// Lengths that can't be. The scanner is of no use afterwards.
    pub fn scan(&mut self, input: &[u8]) -> Result<(usize, Stop), Malformed> {
        let mut at = 0;
        loop {
            let went_on = match self.place {
                Place::BetweenRows => {
                    if self.is_full() {
                        return Ok((at, Stop::Full));
                    }
                    match input.get(at) {
                        None => None,
                        Some(&ROW) => {
                            self.nulls.clear();
                            self.begin_row();
                            Some(at + 1)
                        }
                        Some(&NBCROW) => input.get(at + 1..at + 1 + self.nulls.bytes()).map(|bitmap| {
                            self.nulls.set(bitmap);
                            self.begin_row();
                            at + 1 + bitmap.len()
                        }),
                        Some(_) => return Ok((at, Stop::Token)),
                    }
                }
                Place::Column => {
                    let (used, all) = self.columns(&input[at..])?;
                    at += used;
                    all.then_some(at)
                }
                Place::Counted(left) => {
                    let here = &input[at..][..(left as usize).min(input.len() - at)];
                    self.out.put(here);
                    let left = left - here.len() as u32;
                    at += here.len();
                    self.place = if left > 0 { Place::Counted(left) } else { self.next_column() };
                    (left == 0).then_some(at)
                }
                Place::Plp(plp) => {
                    let (used, plp) = self.plp(plp, &input[at..])?;
                    at += used;
                    self.place = plp.map_or_else(|| self.next_column(), Place::Plp);
                    plp.is_none().then_some(at)
                }
            };
            match went_on {
                Some(next) => at = next,
                None => return Ok((at, Stop::Short)),
            }
        }
    }

    /// Whether [`take`](Self::take) should be called.
    pub fn is_full(&self) -> bool {
        let (bytes, rows) = (self.out.len(), self.rows);
        match self.in_row() {
            true => bytes >= self.limits.bytes.saturating_mul(2),
            false => bytes >= self.limits.bytes || rows >= self.limits.rows || (self.continues && rows > 0),
        }
    }

    /// The rows so far; scanning goes on in `empty`, whose bytes are discarded.
    pub fn take(&mut self, empty: Vec<u8>) -> Block {
        self.continues = self.in_row();
        if self.continues {
            self.hash.cut(self.out.filled());
        }
        Block { bytes: self.out.take(empty), rows: std::mem::take(&mut self.rows), whole: !self.continues }
    }

    /// Other limits, from this block on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Count and hash of all complete rows so far.
    pub fn fingerprint(&self) -> Fingerprint {
        self.total
    }

    /// Whether the scan stands inside a row, so that the result set can't end here.
    pub fn in_row(&self) -> bool {
        self.place != Place::BetweenRows
    }

    fn begin_row(&mut self) {
        self.out.put(&[ROW]);
        self.hash.begin(self.out.len());
        self.column = 0;
        self.place = Place::Column;
    }

    fn next_column(&mut self) -> Place {
        self.column += 1;
        Place::Column
    }

    /// Goes on from column to column; `false`: it stopped for want of input.
    fn columns(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        while let Some((form, columns)) = self.strategy.group(self.column) {
            let rest = &input[at..];
            match form {
                Form::Narrow | Form::Wide => {
                    let columns = columns.start..columns.end.min(columns.start + Nulls::AT_ONCE);
                    let nulls = self.nulls.from(columns.start);
                    let cells = &self.strategy.cells[columns];
                    let copied = match form {
                        Form::Narrow => copy::narrow(cells, nulls, rest, &mut self.out),
                        _ => copy::wide(cells, nulls, rest, &mut self.out),
                    };
                    self.column += copied.columns;
                    at += copied.bytes;
                    match copied.stop {
                        copy::Stop::Done => {}
                        copy::Stop::TooLong(length) => return Err(self.too_long(length.into())),
                        copy::Stop::Near => match self.near_the_end(&input[at..])? {
                            Some(bytes) => at += bytes,
                            None => return Ok((at, false)),
                        },
                    }
                }
                _ if self.nulls.is_null(self.column) => {
                    self.put_null();
                }
                Form::Padded => match self.padded(rest)? {
                    Some(bytes) => at += bytes,
                    None => return Ok((at, false)),
                },
                Form::Plp if let Some(bytes) = self.whole_plp(rest) => at += bytes,
                _ => {
                    let begun = match form {
                        Form::Plp => self.begin_plp(rest),
                        Form::Pointed => self.begin_pointed(rest)?,
                        _ => self.begin_counted(rest, 0)?,
                    };
                    return Ok((at + begun.unwrap_or(0), begun.is_some()));
                }
            }
        }
        self.total += self.hash.end(self.out.filled());
        self.rows += 1;
        self.place = Place::BetweenRows;
        Ok((at, true))
    }

    /// One narrow or wide column, where the input ends.
    fn near_the_end(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        if self.nulls.is_null(self.column) {
            self.put_null();
            return Ok(Some(0));
        }
        match copy::one(&self.strategy.cells[self.column], input, &mut self.out) {
            Ok(Some(bytes)) => {
                self.column += 1;
                Ok(Some(bytes))
            }
            Ok(None) => Ok(None),
            Err(length) => Err(self.too_long(length.into())),
        }
    }

    /// A decimal, with zero bytes up to the longest.
    fn padded(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some((&length, rest)) = input.split_first() else { return Ok(None) };
        if length > WIDEST_DECIMAL {
            return Err(self.too_long(length.into()));
        }
        let Some(value) = rest.get(..length.into()) else { return Ok(None) };
        let mut padded = [0; 1 + WIDEST_DECIMAL as usize];
        match value {
            [] => self.out.put(&[0]),
            value => {
                padded[0] = WIDEST_DECIMAL;
                padded[1..=value.len()].copy_from_slice(value);
                self.out.put(&padded);
            }
        }
        self.column += 1;
        Ok(Some(1 + value.len()))
    }

    fn put_null(&mut self) {
        let cell = &self.strategy.cells[self.column];
        self.out.put(&cell.null[..usize::from(cell.null_length)]);
        self.column += 1;
    }

    /// A PLP value that lies here in one chunk, as nearly all do. `None`: it has to be gone through piece by piece.
    #[inline]
    fn whole_plp(&mut self, input: &[u8]) -> Option<usize> {
        let (announced, rest) = input.split_first_chunk::<8>()?;
        let announced = u64::from_le_bytes(*announced);
        let chunk = u32::from_le_bytes(*rest.first_chunk()?);
        let (lengths, data) = if chunk == 0 { (4, 0) } else { (8, chunk as usize) };
        let value = rest.get(..lengths + data)?;
        let is_whole =
            value.ends_with(&[0; 4]) && (announced == u64::from(chunk) || announced == PLP_UNKNOWN);
        if !is_whole || u64::from(chunk) > LONGEST {
            return None;
        }
        self.out.put(&PLP_UNKNOWN.to_le_bytes());
        self.hash.take_all_but(self.out.filled(), 0);
        self.out.put(value);
        self.hash.take(self.out.filled(), 4..4 + data);
        self.hash.add(&u64::from(chunk).to_le_bytes());
        self.column += 1;
        Some(8 + value.len())
    }

    /// The eight bytes that begin a PLP value. `None`: they are not all here.
    fn begin_plp(&mut self, input: &[u8]) -> Option<usize> {
        let announced = u64::from_le_bytes(*input.first_chunk()?);
        let length = if announced == PLP_NULL { PLP_NULL } else { PLP_UNKNOWN };
        self.out.put(&length.to_le_bytes());
        self.place = match announced {
            PLP_NULL => self.next_column(),
            _ => Place::Plp(Plp { announced, total: 0, chunk: 0 }),
        };
        Some(8)
    }

    /// Chunks of a PLP value: how much of the input they took, and how the value goes on, if it does.
    fn plp(&mut self, mut plp: Plp, input: &[u8]) -> Result<(usize, Option<Plp>), Malformed> {
        let mut at = 0;
        loop {
            let here = &input[at..][..(plp.chunk as usize).min(input.len() - at)];
            self.out.put(here);
            at += here.len();
            plp.chunk -= here.len() as u32;
            if plp.chunk > 0 {
                return Ok((at, Some(plp)));
            }
            let Some(length) = input[at..].first_chunk::<4>() else {
                return Ok((at, Some(plp)));
            };
            self.out.put(length);
            self.hash.take_all_but(self.out.filled(), length.len());
            at += length.len();
            plp.chunk = u32::from_le_bytes(*length);
            plp.total += u64::from(plp.chunk);
            if plp.total > LONGEST {
                return Err(self.too_long(plp.total));
            }
            if plp.chunk == 0 {
                if plp.announced != PLP_UNKNOWN && plp.announced != plp.total {
                    let (announced, total) = (plp.announced, plp.total);
                    return Err(self.malformed(format!("{total} bytes were announced as {announced}")));
                }
                self.hash.add(&plp.total.to_le_bytes());
                return Ok((at, None));
            }
        }
    }

    /// Text pointer and timestamp say nothing of the value: the hash gets a mark in their place.
    fn begin_pointed(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        const TIMESTAMP: usize = 8;
        match input.first() {
            None => Ok(None),
            Some(0) => {
                self.out.put(&[0]);
                self.place = self.next_column();
                Ok(Some(1))
            }
            Some(&pointer) => {
                let before = 1 + usize::from(pointer) + TIMESTAMP;
                if input.len() < before + 4 {
                    return Ok(None);
                }
                self.out.put(&input[..before]);
                self.hash.take_all_but(self.out.filled(), before);
                self.hash.add(&[1]);
                self.begin_counted(input, before)
            }
        }
    }

    /// The LONG length at `at`, with all before it written already. `None`: it is not all here.
    fn begin_counted(&mut self, input: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
        let Some(length) = input[at..].first_chunk::<4>() else { return Ok(None) };
        self.out.put(length);
        let length = u32::from_le_bytes(*length);
        if u64::from(length) > LONGEST {
            return Err(self.too_long(length.into()));
        }
        self.place = if length > 0 { Place::Counted(length) } else { self.next_column() };
        Ok(Some(at + 4))
    }

    fn too_long(&self, length: u64) -> Malformed {
        self.malformed(format!("{length} bytes are more than its type has"))
    }

    fn malformed(&self, what: String) -> Malformed {
        let (row, name) = (self.total.rows + 1, self.names.get(self.column).map_or("", String::as_str));
        Malformed::new(format!("row {row}, column {} ({name}): {what}", self.column + 1))
    }
}

#[cfg(test)]
mod tests;
