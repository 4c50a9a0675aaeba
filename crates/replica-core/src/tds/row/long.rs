//! Values of any length, copied piece by piece: no value is held as a whole.
use super::buffer::RowBuffer;
use super::{RowScanner, ScanState};
use crate::tds::value::{PLP_NULL, PLP_UNKNOWN};
use crate::tds::wire::Malformed;

/// Longest text, ntext, image or (max) value: 2^31-1 bytes.
pub(super) const LONGEST: u64 = 0x7FFF_FFFF;

/// Length of the chunks of a PLP value in a bulk row; the last chunk may be shorter. A value's bytes in a row do not depend on
/// the chunks that the server sends, and neither does the row's hash.
pub(super) const CHUNK: usize = 8 << 10;

/// What stands for the pointer and the timestamp of a text, ntext or image value. A server reads over them
/// (FreeTDS, `bulk.c`, sends these).
pub(super) const POINTER: [u8; 25] = {
    let mut bytes = [0xFF; 25];
    bytes[0] = 16;
    bytes
};

impl RowScanner {
    /// The eight bytes that begin a PLP value. `None`: they are not all here.
    pub(super) fn begin_plp(&mut self, input: &[u8]) -> Option<usize> {
        let announced = u64::from_le_bytes(*input.first_chunk()?);
        self.state = match Plp::begin(announced, &mut self.out) {
            Some(plp) => ScanState::InPlp(plp),
            None => self.next_column(),
        };
        Some(8)
    }

    /// A text, ntext or image value, or its beginning. `None`: what comes before its data is not all here.
    pub(super) fn begin_text_pointer(&mut self, input: &[u8]) -> Result<Option<usize>, Malformed> {
        const TIMESTAMP: usize = 8;
        match input.first() {
            None => Ok(None),
            Some(0) => {
                self.out.put(&[0]);
                self.state = self.next_column();
                Ok(Some(1))
            }
            Some(&pointer) => {
                let before = 1 + usize::from(pointer) + TIMESTAMP;
                if input.len() < before + 4 {
                    return Ok(None);
                }
                self.out.put(&POINTER);
                self.begin_long_len(input, before)
            }
        }
    }

    /// A value with a LONG length, which lies at `at`, or its beginning. `None`: the length is not all here.
    pub(super) fn begin_long_len(&mut self, input: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
        let Some(length) = input.get(at..).and_then(<[u8]>::first_chunk::<4>) else { return Ok(None) };
        let length = u32::from_le_bytes(*length);
        if u64::from(length) > LONGEST {
            return Err(self.malformed(too_long(length.into())));
        }
        let bytes = match input.get(at..at + 4 + length as usize) {
            Some(whole) => {
                self.out.put(whole);
                self.state = self.next_column();
                whole.len()
            }
            None => {
                self.out.put(&length.to_le_bytes());
                self.state = ScanState::InLongLen(length);
                4
            }
        };
        Ok(Some(at + bytes))
    }
}

/// Progress inside a PLP value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plp {
    /// The length that the server announced, or [`PLP_UNKNOWN`].
    announced: u64,
    /// Bytes of all its chunks so far, those to come of the current one included.
    total: u64,
    /// Bytes of its current chunk that are missing.
    to_come: usize,
    /// Bytes in the chunk that is being written; 0 before its first byte.
    filled: usize,
}

/// How far the scanner came in a PLP value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlpProgress {
    /// All of the input is written, and the value needs more.
    Incomplete,
    /// A chunk is written.
    Chunk,
    /// The value is written.
    End,
}

impl Plp {
    /// Begins a value whose first eight bytes are `announced`. `None`: it is NULL.
    pub(super) fn begin(announced: u64, out: &mut RowBuffer) -> Option<Self> {
        let is_null = announced == PLP_NULL;
        out.put(&if is_null { PLP_NULL } else { PLP_UNKNOWN }.to_le_bytes());
        (!is_null).then_some(Self { announced, total: 0, to_come: 0, filled: 0 })
    }

    /// The chunk that is being written has bytes, and no length yet.
    pub(super) fn is_in_chunk(&self) -> bool {
        self.filled > 0
    }

    /// Takes bytes from the input, up to the end of a chunk at the most, and says how many.
    ///
    /// # Errors
    /// What is wrong with the lengths.
    pub(super) fn advance(
        &mut self,
        input: &[u8],
        out: &mut RowBuffer,
    ) -> Result<(usize, PlpProgress), String> {
        let mut at = 0;
        loop {
            while self.to_come > 0 {
                let rest = &input[at..];
                if rest.is_empty() {
                    return Ok((at, PlpProgress::Incomplete));
                }
                let here = self.to_come.min(rest.len()).min(CHUNK - self.filled);
                if self.filled == 0 {
                    out.put(&[0; 4]);
                }
                out.put(&rest[..here]);
                at += here;
                self.to_come -= here;
                self.filled += here;
                if self.filled == CHUNK {
                    self.end_chunk(out);
                    return Ok((at, PlpProgress::Chunk));
                }
            }
            let Some(length) = input[at..].first_chunk::<4>() else {
                return Ok((at, PlpProgress::Incomplete));
            };
            at += length.len();
            let length = u32::from_le_bytes(*length);
            self.to_come = length as usize;
            self.total += u64::from(length);
            if self.total > LONGEST {
                return Err(too_long(self.total));
            }
            if length == 0 {
                self.end_chunk(out);
                out.put(&[0; 4]);
                return match self.announced {
                    PLP_UNKNOWN => Ok((at, PlpProgress::End)),
                    announced if announced == self.total => Ok((at, PlpProgress::End)),
                    announced => Err(format!("{} bytes were announced as {announced}", self.total)),
                };
            }
        }
    }

    /// Writes down how long the chunk has become.
    fn end_chunk(&mut self, out: &mut RowBuffer) {
        if self.filled > 0 {
            out.overwrite_last(4 + self.filled, (self.filled as u32).to_le_bytes());
            self.filled = 0;
        }
    }
}

/// Copies a PLP value that lies in the input as one chunk, as nearly all do, and returns how many bytes it took. `None`: the
/// value has to be copied piece by piece.
#[inline]
pub(super) fn whole_plp(input: &[u8], out: &mut RowBuffer) -> Option<usize> {
    let (announced, rest) = input.split_first_chunk()?;
    let announced = u64::from_le_bytes(*announced);
    let length = u32::from_le_bytes(*rest.first_chunk()?);
    let data = length as usize;
    if data > CHUNK {
        return None;
    }
    // No chunk at all, for an empty value, or its length and data; then a length of none.
    let value = rest.get(..if data == 0 { 4 } else { 8 + data })?;
    if !value.ends_with(&[0; 4]) || (announced != u64::from(length) && announced != PLP_UNKNOWN) {
        return None;
    }
    out.put(&PLP_UNKNOWN.to_le_bytes());
    out.put(value);
    Some(8 + value.len())
}

/// The error for a value that is longer than its type allows.
pub(super) fn too_long(length: u64) -> String {
    format!("{length} bytes are more than its type has")
}
