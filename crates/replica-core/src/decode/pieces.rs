//! Bulk rows as they lie, value by value, in pieces of whatever size the blocks have.
use crate::tds::columns::WireColumn;
use crate::tds::token::kind::ROW;
use crate::tds::types::ValueLayout;
use crate::tds::value::{PLP_NULL, SHORT_NULL};
use crate::tds::wire::Malformed;

/// What comes next in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The column's ordinal, from 0.
    pub column: usize,
    /// The value, or the part of it that has arrived.
    pub data: PieceData<'a>,
}

/// What a piece holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceData<'a> {
    /// The value is NULL: there are no other pieces.
    Null,
    /// The value's next bytes, without lengths. The last of them may be none at all.
    Bytes {
        /// As the wire has them, without lengths.
        bytes: &'a [u8],
        /// Whether the value ends with them.
        last: bool,
    },
}

#[derive(Clone, Copy, Debug)]
enum PieceState {
    /// Before a row's token.
    BeforeRow,
    /// Before a value, with its length.
    BeforeValue,
    /// In a text pointer and its timestamp: so many bytes are missing.
    InTextPointer(usize),
    /// Before the LONG length behind them.
    BeforeLongLen,
    /// In a value: so many bytes are missing.
    InValue(u32),
    /// Before the length of a PLP chunk.
    BeforePlpChunk,
    /// In a PLP chunk: so many bytes are missing.
    InPlpChunk(u32),
}

/// After a text pointer ([MS-TDS] 2.2.5.5.1.1).
const TIMESTAMP: usize = 8;

/// Reads blocks of bulk rows in bounded memory. Blocks may end anywhere.
pub struct PieceReader {
    layouts: Box<[ValueLayout]>,
    column: usize,
    state: PieceState,
    /// The first bytes of a length whose other bytes are in the next block.
    partial_length: Vec<u8>,
}

impl PieceReader {
    /// For the columns of the SELECT that the blocks come from.
    pub fn new(columns: &[WireColumn]) -> Self {
        let layouts = columns.iter().map(|column| column.type_info.layout()).collect();
        Self { layouts, column: 0, state: PieceState::BeforeRow, partial_length: Vec::new() }
    }

    /// Takes the next piece from the front of `input`. `None`: all of it is taken, and more is needed if the reader
    /// does not stand [between rows](Self::is_between_rows).
    ///
    /// # Errors
    /// A row that is none. The reader is of no use afterwards.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Malformed> {
        loop {
            let data = match self.state {
                PieceState::BeforeRow => {
                    let Some([token]) = self.prefix(input) else { return Ok(None) };
                    if token != ROW {
                        return Err(Malformed::new(format!("token 0x{token:02X} where a row belongs")));
                    }
                    self.column = 0;
                    self.state =
                        if self.layouts.is_empty() { PieceState::BeforeRow } else { PieceState::BeforeValue };
                    continue;
                }
                PieceState::BeforeValue => match self.begin(input) {
                    Some(Some(state)) => {
                        self.state = state;
                        continue;
                    }
                    Some(None) => PieceData::Null,
                    None => return Ok(None),
                },
                PieceState::InTextPointer(left) => {
                    let left = left - take(input, left).len();
                    self.state =
                        if left > 0 { PieceState::InTextPointer(left) } else { PieceState::BeforeLongLen };
                    if left > 0 {
                        return Ok(None);
                    }
                    continue;
                }
                PieceState::BeforeLongLen => {
                    let Some(length) = self.prefix(input) else { return Ok(None) };
                    self.state = PieceState::InValue(u32::from_le_bytes(length));
                    continue;
                }
                PieceState::InValue(left) => {
                    if left > 0 && input.is_empty() {
                        return Ok(None);
                    }
                    let bytes = take(input, left as usize);
                    let left = left - bytes.len() as u32;
                    self.state = PieceState::InValue(left);
                    PieceData::Bytes { bytes, last: left == 0 }
                }
                PieceState::BeforePlpChunk => {
                    let Some(length) = self.prefix(input) else { return Ok(None) };
                    match u32::from_le_bytes(length) {
                        0 => PieceData::Bytes { bytes: &[], last: true },
                        length => {
                            self.state = PieceState::InPlpChunk(length);
                            continue;
                        }
                    }
                }
                PieceState::InPlpChunk(left) => {
                    if input.is_empty() {
                        return Ok(None);
                    }
                    let bytes = take(input, left as usize);
                    let left = left - bytes.len() as u32;
                    self.state =
                        if left > 0 { PieceState::InPlpChunk(left) } else { PieceState::BeforePlpChunk };
                    PieceData::Bytes { bytes, last: false }
                }
            };
            let column = self.column;
            if matches!(data, PieceData::Null | PieceData::Bytes { last: true, .. }) {
                self.column += 1;
                self.state = if self.column < self.layouts.len() {
                    PieceState::BeforeValue
                } else {
                    PieceState::BeforeRow
                };
            }
            return Ok(Some(Piece { column, data }));
        }
    }

    /// Whether the rows may end here.
    pub fn is_between_rows(&self) -> bool {
        matches!(self.state, PieceState::BeforeRow) && self.partial_length.is_empty()
    }

    /// The length at a value's beginning and where it leads: `Some(None)` for a NULL, `None` for want of input.
    fn begin(&mut self, input: &mut &[u8]) -> Option<Option<PieceState>> {
        Some(match self.layouts.get(self.column)? {
            ValueLayout::ByteLen => match self.prefix(input)? {
                [0] => None,
                [length] => Some(PieceState::InValue(length.into())),
            },
            ValueLayout::UShortLen => match u16::from_le_bytes(self.prefix(input)?) {
                SHORT_NULL => None,
                length => Some(PieceState::InValue(length.into())),
            },
            ValueLayout::LongLen => match u32::from_le_bytes(self.prefix(input)?) {
                0 => None,
                length => Some(PieceState::InValue(length)),
            },
            ValueLayout::TextPointer => match self.prefix(input)? {
                [0] => None,
                [length] => Some(PieceState::InTextPointer(usize::from(length) + TIMESTAMP)),
            },
            ValueLayout::Plp => match u64::from_le_bytes(self.prefix(input)?) {
                PLP_NULL => None,
                _ => Some(PieceState::BeforePlpChunk),
            },
        })
    }

    /// `N` bytes that are wanted whole.
    fn prefix<const N: usize>(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        if self.partial_length.is_empty()
            && let Some((prefix, rest)) = input.split_first_chunk()
        {
            *input = rest;
            return Some(*prefix);
        }
        let missing = N - self.partial_length.len().min(N);
        self.partial_length.extend_from_slice(take(input, missing));
        let prefix = <[u8; N]>::try_from(self.partial_length.as_slice()).ok()?;
        self.partial_length.clear();
        Some(prefix)
    }
}

/// At most `n` bytes off the front.
fn take<'a>(input: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(n.min(input.len()));
    *input = rest;
    taken
}
