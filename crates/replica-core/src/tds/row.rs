//! The row scanner: finds where the rows of a result set end and writes them down as a bulk load wants them.
//!
//! No value is decoded. What happens to each column is decided once, from COLMETADATA; bytes that stay as they are,
//! across as many columns as possible, are copied in one run. See wire-facts.md, "Types: result row to bulk row":
//! - NBCROW becomes ROW ([MS-TDS] 2.2.7.15: not allowed in a bulk load);
//! - fixed-length types become their nullable sisters, with a length byte;
//! - the length of a PLP value becomes "unknown", which every server reads right.
use super::columns::Column;
use super::fingerprint::{Fingerprint, RowHash};
use super::token::kind::{NBCROW, ROW};
use super::types::{MAX_WIDTH, TypeInfo, fixed_size};
use super::value::{PLP_NULL, PLP_UNKNOWN, SHORT_NULL};
use super::wire::Malformed;

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

/// What to do with a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    /// So many bytes; a length byte is put before them.
    Fixed(u8),
    /// A length byte, 0 for NULL, no more than this.
    ByteLen(u8),
    /// A USHORT length, 0xFFFF for NULL, no more than this.
    ShortLen(u16),
    Plp,
    /// text, ntext, image: pointer, timestamp, then like `Counted`.
    Pointed,
    /// sql_variant: a LONG length, 0 for NULL, then the data.
    Counted,
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
    strategies: Box<[Strategy]>,
    names: Box<[String]>,
    limits: Limits,
    place: Place,
    column: usize,
    /// One bit a column, least significant first (server-facts.md section 2); all 0 in a ROW.
    nulls: Box<[u8]>,
    block: Block,
    /// The block began within a row. It ends with that row, so that blocks end at rows again.
    continues: bool,
    hash: RowHash,
    total: Fingerprint,
}

impl RowScanner {
    /// # Errors
    /// A column of a type that can't be in a result set.
    pub fn new(columns: &[Column], limits: Limits) -> Result<Self, Malformed> {
        Ok(Self {
            strategies: columns.iter().map(|column| strategy(&column.type_info)).collect::<Result<_, _>>()?,
            names: columns.iter().map(|column| column.name.clone()).collect(),
            limits,
            place: Place::BetweenRows,
            column: 0,
            nulls: vec![0; columns.len().div_ceil(8)].into(),
            block: Block::default(),
            continues: false,
            hash: RowHash::new(),
            total: Fingerprint::default(),
        })
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
                            self.nulls.fill(0);
                            self.begin_row();
                            Some(at + 1)
                        }
                        Some(&NBCROW) => input.get(at + 1..at + 1 + self.nulls.len()).map(|nulls| {
                            self.nulls.copy_from_slice(nulls);
                            self.begin_row();
                            at + 1 + nulls.len()
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
                    self.block.bytes.extend_from_slice(here);
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
        let Block { bytes, rows, .. } = &self.block;
        match self.in_row() {
            true => bytes.len() >= self.limits.bytes.saturating_mul(2),
            false => {
                bytes.len() >= self.limits.bytes || *rows >= self.limits.rows || (self.continues && *rows > 0)
            }
        }
    }

    /// The rows so far; scanning goes on in `empty`, whose bytes are discarded.
    pub fn take(&mut self, empty: Vec<u8>) -> Block {
        self.continues = self.in_row();
        self.block.whole = !self.continues;
        if self.continues {
            self.hash.cut(&self.block.bytes);
        }
        let mut bytes = empty;
        bytes.clear();
        std::mem::replace(&mut self.block, Block { bytes, ..Block::default() })
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
        self.block.bytes.push(ROW);
        self.hash.begin(&self.block.bytes);
        self.column = 0;
        self.place = Place::Column;
    }

    fn next_column(&mut self) -> Place {
        self.column += 1;
        Place::Column
    }

    /// Goes on from column to column; `false`: it stopped for want of input.
    fn columns(&mut self, input: &[u8]) -> Result<(usize, bool), Malformed> {
        let out = &mut self.block.bytes;
        // What is copied as it is: `input[run..at]`.
        let (mut run, mut at) = (0, 0);
        while let Some(&strategy) = self.strategies.get(self.column) {
            if self.nulls[self.column / 8] & (1 << (self.column % 8)) != 0 {
                out.extend_from_slice(&input[run..at]);
                out.extend_from_slice(strategy.null());
                run = at;
                self.column += 1;
                continue;
            }
            let rest = &input[at..];
            let length = match strategy {
                Strategy::Fixed(size) => {
                    let size = usize::from(size);
                    if size <= rest.len() {
                        out.extend_from_slice(&input[run..at]);
                        out.push(size as u8);
                        run = at;
                    }
                    Some(size)
                }
                Strategy::ByteLen(most) => match rest.first() {
                    Some(&length) if length > most => return Err(self.too_long(length.into())),
                    length => length.map(|&length| 1 + usize::from(length)),
                },
                Strategy::ShortLen(most) => {
                    match rest.first_chunk().map(|bytes| u16::from_le_bytes(*bytes)) {
                        Some(SHORT_NULL) => Some(2),
                        Some(length) if length > most => return Err(self.too_long(length.into())),
                        length => length.map(|length| 2 + usize::from(length)),
                    }
                }
                Strategy::Plp | Strategy::Pointed | Strategy::Counted => {
                    out.extend_from_slice(&input[run..at]);
                    let begun = match strategy {
                        Strategy::Plp => self.begin_plp(rest),
                        Strategy::Pointed => self.begin_pointed(rest)?,
                        _ => self.begin_counted(rest, 0)?,
                    };
                    return Ok((at + begun.unwrap_or(0), begun.is_some()));
                }
            };
            match length {
                Some(length) if length <= rest.len() => at += length,
                _ => {
                    out.extend_from_slice(&input[run..at]);
                    return Ok((at, false));
                }
            }
            self.column += 1;
        }
        out.extend_from_slice(&input[run..at]);
        self.total += self.hash.end(out);
        self.block.rows += 1;
        self.place = Place::BetweenRows;
        Ok((at, true))
    }

    /// The eight bytes that begin a PLP value. `None`: they are not all here.
    fn begin_plp(&mut self, input: &[u8]) -> Option<usize> {
        let announced = u64::from_le_bytes(*input.first_chunk()?);
        let length = if announced == PLP_NULL { PLP_NULL } else { PLP_UNKNOWN };
        self.block.bytes.extend_from_slice(&length.to_le_bytes());
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
            self.block.bytes.extend_from_slice(here);
            at += here.len();
            plp.chunk -= here.len() as u32;
            if plp.chunk > 0 {
                return Ok((at, Some(plp)));
            }
            let Some(length) = input[at..].first_chunk::<4>() else {
                return Ok((at, Some(plp)));
            };
            self.block.bytes.extend_from_slice(length);
            self.hash.take_all_but(&self.block.bytes, length.len());
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
                self.block.bytes.push(0);
                self.place = self.next_column();
                Ok(Some(1))
            }
            Some(&pointer) => {
                let before = 1 + usize::from(pointer) + TIMESTAMP;
                if input.len() < before + 4 {
                    return Ok(None);
                }
                self.block.bytes.extend_from_slice(&input[..before]);
                self.hash.take_all_but(&self.block.bytes, before);
                self.hash.add(&[1]);
                self.begin_counted(input, before)
            }
        }
    }

    /// The LONG length at `at`, with all before it written already. `None`: it is not all here.
    fn begin_counted(&mut self, input: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
        let Some(length) = input[at..].first_chunk::<4>() else { return Ok(None) };
        self.block.bytes.extend_from_slice(length);
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

impl Strategy {
    /// What a bulk load has for a NULL.
    fn null(self) -> &'static [u8] {
        match self {
            Self::Fixed(_) | Self::ByteLen(_) | Self::Pointed => &[0],
            Self::ShortLen(_) => &[0xFF; 2],
            Self::Plp => &[0xFF; 8],
            Self::Counted => &[0; 4],
        }
    }
}

fn strategy(type_info: &TypeInfo) -> Result<Strategy, Malformed> {
    Ok(match type_info {
        TypeInfo::Fixed { token } => Strategy::Fixed(
            fixed_size(*token)
                .ok_or_else(|| Malformed::new(format!("type 0x{token:02X} has no fixed size")))?,
        ),
        TypeInfo::ByteLen { size, .. } => Strategy::ByteLen(*size),
        TypeInfo::Decimal { .. } => Strategy::ByteLen(17),
        TypeInfo::Date => Strategy::ByteLen(3),
        // A time takes 5 bytes at most, a date 3, an offset 2.
        TypeInfo::Scaled { .. } => Strategy::ByteLen(10),
        TypeInfo::Binary { size: MAX_WIDTH, .. } | TypeInfo::Chars { size: MAX_WIDTH, .. } => Strategy::Plp,
        TypeInfo::Binary { size, .. } | TypeInfo::Chars { size, .. } => Strategy::ShortLen(*size),
        TypeInfo::Xml { .. } | TypeInfo::Udt { .. } => Strategy::Plp,
        TypeInfo::LongLen { .. } => Strategy::Pointed,
        TypeInfo::Variant { .. } => Strategy::Counted,
    })
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
