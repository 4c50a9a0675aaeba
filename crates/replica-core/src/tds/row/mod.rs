//! The row scanner: finds where the rows of a result set end and writes them as bulk rows.
//!
//! No value is decoded. What happens to each column is decided once, from COLMETADATA; bytes that stay as they are,
//! across as many columns as possible, are copied in one run. See docs/WIRE.md, "From a result's row to a bulk row":
//! - NBCROW becomes ROW ([MS-TDS] 2.2.7.15: not allowed in a bulk load);
//! - fixed-length types become the nullable types, with a length byte;
//! - the length of a PLP value becomes "unknown".
//!
//! A row's bytes, and so its hash, depend only on its values: the chunks of PLP values have one size, and text pointers are
//! all the same.
mod buffer;
mod chunk_counter;
mod copy;
mod long;
mod nulls;
mod scan_plan;
mod steady;

use std::sync::Arc;

use super::columns::WireColumn;
use super::fingerprint::{Fingerprint, GroupKey, GroupedFingerprints, RowHash};
use super::token::kind::{NBCROW, ROW};
use super::types::ValueLayout;
use super::wire::Malformed;
use buffer::RowBuffer;
pub use chunk_counter::ChunkCounter;
use long::{Plp, PlpProgress, too_long};
use nulls::Nulls;
use scan_plan::{ColumnRule, ScanPlan, WIDEST_DECIMAL};

/// Where a block of rows ends.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// A block is full at the first end of a row at or after this many bytes; within a row at twice as many.
    pub bytes: usize,
    /// A block has no more rows than this.
    pub rows: u64,
}

/// Rows in bulk form. A row too long for one block goes on in the next.
#[derive(Debug, Default)]
pub struct Block {
    /// Bulk rows, one behind the other.
    pub bytes: Vec<u8>,
    /// Rows that end in this block.
    pub rows: u64,
    /// The block ends where a row does.
    pub whole: bool,
}

/// Why the scanner stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanStop {
    /// The input ends within a row, or between rows: the scanner needs more.
    Incomplete,
    /// The next byte begins a token that is not a row.
    OtherToken,
    /// The block is full: call [`take`](RowScanner::take).
    BlockFull,
}

/// Where the scan stands between two calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScanState {
    BetweenRows,
    /// Before the column whose ordinal is `RowScanner::column`.
    BeforeColumn,
    /// In the data of a LONGLEN value: so many bytes are missing.
    InLongLen(u32),
    InPlp(Plp),
}

/// Scans one result set.
pub struct RowScanner {
    plan: ScanPlan,
    names: Box<[Arc<str>]>,
    limits: BlockLimits,
    state: ScanState,
    column: usize,
    nulls: Nulls,
    out: RowBuffer,
    /// Rows that ended in it.
    rows: u64,
    /// The block begins within a row. It ends with that row, so that the next block begins with a row.
    continues: bool,
    hash: RowHash,
    total: Fingerprint,
    /// The first column that is hashed, if those before it are not.
    unhashed: Option<usize>,
    /// Where in `out` the row's first column begins.
    row_start: usize,
    group: GroupKey,
    grouped: Option<GroupedFingerprints>,
}

impl RowScanner {
    /// # Errors
    /// A column of a type that can't be in a result set.
    pub fn new(columns: &[WireColumn], limits: BlockLimits) -> Result<Self, Malformed> {
        Ok(Self {
            plan: ScanPlan::new(columns)?,
            names: columns.iter().map(|column| column.name.clone()).collect(),
            limits,
            state: ScanState::BetweenRows,
            column: 0,
            nulls: Nulls::new(columns.len()),
            out: RowBuffer::default(),
            rows: 0,
            continues: false,
            hash: RowHash::default(),
            total: Fingerprint::default(),
            unhashed: None,
            row_start: 0,
            group: GroupKey::default(),
            grouped: None,
        })
    }

    /// The first `columns` columns are not part of the row: they are written down, but not hashed. Call it before the
    /// first row. With `grouped` the scanner also adds up the rows' hashes by the first of these columns, which has at most
    /// eight bytes.
    pub fn set_unhashed_columns(&mut self, columns: usize, grouped: bool) {
        self.unhashed = (columns > 0).then_some(columns);
        self.grouped = (columns > 0 && grouped).then(GroupedFingerprints::default);
        self.plan.set_unhashed_columns(columns);
    }

    /// Count and hash of the rows so far by the first column, if [`set_unhashed_columns`](Self::set_unhashed_columns) asked for them.
    pub fn take_grouped(&mut self) -> Option<GroupedFingerprints> {
        self.grouped.take()
    }

    /// Writes the decimals among `columns`, which are those of [`new`](Self::new), with 17 bytes each, and hashes them
    /// so. Servers differ in how many they send; Babelfish 4.3 reads 17 whatever it is sent.
    pub fn pad_decimals(&mut self, columns: &[WireColumn]) {
        self.plan.pad_decimals(columns);
    }

    /// Takes rows from the front of `input`. Returns how many bytes it took, and why it stopped. The rest of `input` comes
    /// first in the next call.
    ///
    /// # Errors
    /// Lengths that can't be. The scanner is of no use afterwards.
    pub fn scan(&mut self, input: &[u8]) -> Result<(usize, ScanStop), Malformed> {
        let mut at = 0;
        loop {
            if self.state == ScanState::BetweenRows {
                at += self.steady_rows(&input[at..]);
            }
            if self.is_full() {
                self.plan.find_runs();
                return Ok((at, ScanStop::BlockFull));
            }
            if self.state == ScanState::BetweenRows {
                match self.begin_row(&input[at..]) {
                    Ok(used) => at += used,
                    Err(stop) => return Ok((at, stop)),
                }
            }
            let next = match self.state {
                ScanState::BetweenRows | ScanState::BeforeColumn => {
                    let (used, all) = self.columns(&input[at..])?;
                    at += used;
                    all.then_some(at)
                }
                ScanState::InLongLen(left) => {
                    let here = &input[at..][..(left as usize).min(input.len() - at)];
                    self.out.put(here);
                    let left = left - here.len() as u32;
                    at += here.len();
                    self.state = if left > 0 { ScanState::InLongLen(left) } else { self.next_column() };
                    (left == 0).then_some(at)
                }
                ScanState::InPlp(mut plp) => {
                    let progress = plp.advance(&input[at..], &mut self.out);
                    let (used, progress) = progress.map_err(|what| self.malformed(what))?;
                    at += used;
                    self.state =
                        if progress == PlpProgress::End { self.next_column() } else { ScanState::InPlp(plp) };
                    (progress != PlpProgress::Incomplete).then_some(at)
                }
            };
            match next {
                Some(next) => at = next,
                None => return Ok((at, ScanStop::Incomplete)),
            }
        }
    }

    /// Whether [`take`](Self::take) should be called.
    pub fn is_full(&self) -> bool {
        let (bytes, rows) = (self.out.len(), self.rows);
        match self.state {
            ScanState::BetweenRows => {
                bytes >= self.limits.bytes || rows >= self.limits.rows || (self.continues && rows > 0)
            }
            // The chunk's length is written at its beginning once it is known, so the block must still have that place.
            ScanState::InPlp(plp) if plp.is_in_chunk() => false,
            _ => bytes >= self.limits.bytes.saturating_mul(2),
        }
    }

    /// The rows so far; scanning goes on in `empty`, whose bytes are discarded.
    pub fn take(&mut self, empty: Vec<u8>) -> Block {
        self.end_block();
        Block { bytes: self.out.take(empty), rows: std::mem::take(&mut self.rows), whole: !self.continues }
    }

    /// Adds the rows so far to others; scanning goes on in the same buffer.
    pub(crate) fn append_to(&mut self, rows: &mut Vec<u8>) {
        self.end_block();
        rows.extend_from_slice(self.out.filled());
        self.out.clear();
        self.rows = 0;
    }

    fn end_block(&mut self) {
        self.continues = self.in_row();
        if self.continues {
            self.hash.suspend(self.out.filled());
        }
    }

    /// Other limits, from this block on.
    pub fn set_limits(&mut self, limits: BlockLimits) {
        self.limits = limits;
    }

    /// For another result of the same columns, once one has ended and its last block was taken, with a buffer of at most so
    /// many bytes. `false`: it has not.
    pub fn begins_anew(&mut self, limits: BlockLimits, kept: usize) -> bool {
        if self.in_row() || self.out.len() > 0 || self.unhashed.is_some() {
            return false;
        }
        self.out.shrink_to(kept);
        self.limits = limits;
        self.continues = false;
        self.total = Fingerprint::default();
        true
    }

    /// Count and hash of all complete rows so far.
    pub fn fingerprint(&self) -> Fingerprint {
        self.total
    }

    /// Whether the scan stands inside a row, so that the result set can't end here.
    pub fn in_row(&self) -> bool {
        self.state != ScanState::BetweenRows
    }

    /// Takes rows of which all columns are one run, as far as nothing of them is unusual.
    fn steady_rows(&mut self, input: &[u8]) -> usize {
        let Some(row) = &self.plan.rows else { return 0 };
        let most = if self.continues { 1 } else { self.limits.rows };
        let mut at = 0;
        while self.out.len() < self.limits.bytes
            && self.rows < most
            && let Some(used) = row.copy(&input[at..], &mut self.out)
        {
            at += used;
            self.rows += 1;
            self.total += Fingerprint::of(&self.out.last(row.written)[1..]);
        }
        at
    }

    /// Takes a row's token, and its bitmap. `Err`: they are not here.
    fn begin_row(&mut self, input: &[u8]) -> Result<usize, ScanStop> {
        let bitmap = match input.split_first() {
            None => return Err(ScanStop::Incomplete),
            Some((&ROW, _)) => &[],
            Some((&NBCROW, rest)) => rest.get(..self.nulls.bytes()).ok_or(ScanStop::Incomplete)?,
            Some(_) => return Err(ScanStop::OtherToken),
        };
        self.nulls.set(bitmap);
        self.out.put(&[ROW]);
        self.row_start = self.out.len();
        self.hash.begin(self.row_start);
        self.column = 0;
        self.state = ScanState::BeforeColumn;
        Ok(1 + bitmap.len())
    }

    fn next_column(&mut self) -> ScanState {
        self.column += 1;
        ScanState::BeforeColumn
    }

    /// Copies column after column. `false`: the input is incomplete.
    fn columns(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        let mut at = 0;
        while let Some((rule, columns)) = self.plan.group(self.column) {
            if self.unhashed == Some(self.column) {
                self.end_unhashed();
            }
            let rest = &input[at..];
            if let Some(run) = self.plan.run(self.column)
                && !self.nulls.are_among(self.column, run.columns)
                && let Some(bytes) = run.copy(rest, &mut self.out)
            {
                self.column += run.columns;
                at += bytes;
                continue;
            }
            match rule {
                ColumnRule::Copy(layout @ (ValueLayout::ByteLen | ValueLayout::UShortLen)) => {
                    let columns = columns.start..columns.end.min(columns.start + Nulls::AT_ONCE);
                    let nulls = self.nulls.from(columns.start);
                    let copied = match layout {
                        ValueLayout::ByteLen => {
                            copy::byte_len(&self.plan.byte_len_copies[columns], nulls, rest, &mut self.out)
                        }
                        _ => copy::ushort_len(&self.plan.columns[columns], nulls, rest, &mut self.out),
                    };
                    self.column += copied.columns;
                    at += copied.bytes;
                    if !copied.all {
                        match self.one(&input[at..])? {
                            Some(bytes) => at += bytes,
                            None => return Ok((at, false)),
                        }
                    }
                }
                _ if self.nulls.is_null(self.column) => {
                    self.put_null();
                }
                ColumnRule::PadDecimal => match self.put_padded_decimal(rest)? {
                    Some(bytes) => at += bytes,
                    None => return Ok((at, false)),
                },
                ColumnRule::Copy(ValueLayout::Plp)
                    if let Some(bytes) = long::whole_plp(rest, &mut self.out) =>
                {
                    self.column += 1;
                    at += bytes;
                }
                ColumnRule::Copy(layout) => {
                    let used = match layout {
                        ValueLayout::Plp => self.begin_plp(rest),
                        ValueLayout::TextPointer => self.begin_text_pointer(rest)?,
                        _ => self.begin_long_len(rest, 0)?,
                    };
                    at += used.unwrap_or(0);
                    if used.is_none() || self.state != ScanState::BeforeColumn {
                        return Ok((at, used.is_some()));
                    }
                }
            }
        }
        let row = self.hash.end(self.out.filled());
        self.total += row;
        if let Some(grouped) = &mut self.grouped {
            grouped.add(self.group, row);
        }
        self.rows += 1;
        self.state = ScanState::BetweenRows;
        Ok((at, true))
    }

    /// Called once more if the input ended here; nothing was written in between.
    fn end_unhashed(&mut self) {
        self.hash.begin(self.out.len());
        if self.grouped.is_some() {
            self.group = GroupKey::of(self.out.filled().get(self.row_start..).unwrap_or_default());
        }
    }

    /// One BYTELEN, fixed-length or USHORTLEN value.
    fn one(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        if self.nulls.is_null(self.column) {
            self.put_null();
            return Ok(Some(0));
        }
        match copy::one(&self.plan.columns[self.column], input, &mut self.out) {
            Ok(Some(bytes)) => {
                self.column += 1;
                Ok(Some(bytes))
            }
            Ok(None) => Ok(None),
            Err(length) => Err(self.malformed(too_long(length.into()))),
        }
    }

    /// A decimal, with zero bytes up to the longest.
    fn put_padded_decimal(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        let Some((&length, rest)) = input.split_first() else { return Ok(None) };
        if length > WIDEST_DECIMAL {
            return Err(self.malformed(too_long(length.into())));
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
        let column = &self.plan.columns[self.column];
        self.out.put(&column.null[..usize::from(column.null_length)]);
        self.column += 1;
    }

    fn malformed(&self, what: String) -> Malformed {
        let row = self.total.rows + 1;
        let name = self.names.get(self.column).map_or("", |name| name);
        Malformed::new(format!("row {row}, column {} ({name}): {what}", self.column + 1))
    }
}

#[cfg(test)]
mod tests;
