//! Neighbouring columns whose values nearly always have one length: numbers, dates, char(n). Where none of a row's is NULL or
//! of another length, it is known where each of them lies, and they are checked and copied together.
use super::buffer::RowBuffer;
use crate::tds::types::{TypeInfo, ValueLayout, fixed_size, token};

/// Bytes copied at once, whatever of them counts.
const WINDOW: usize = 32;
/// Lengths are compared in so many bytes at once.
const WORD: usize = 8;

/// What lies in the input for a column's value, if it has the usual length.
#[derive(Clone, Copy, Debug)]
pub(super) struct SteadyColumn {
    /// Bytes of the length before the value: none in a type of fixed length, for which a bulk load wants one.
    length_bytes: usize,
    /// The usual length.
    length: u16,
}

impl SteadyColumn {
    /// `usual`: of a BYTELEN column. `None`: its values differ in length.
    pub(super) fn of(type_info: &TypeInfo, usual: u8) -> Option<Self> {
        match type_info {
            TypeInfo::Fixed { token } => Some(Self { length_bytes: 0, length: fixed_size(*token)?.into() }),
            TypeInfo::Binary { token: token::BIGBINARY, size, .. }
            | TypeInfo::Chars { token: token::BIGCHAR | token::NCHAR, size, .. }
                if !type_info.is_plp() =>
            {
                Some(Self { length_bytes: 2, length: *size })
            }
            type_info if type_info.layout() == ValueLayout::ByteLen => {
                Some(Self { length_bytes: 1, length: usual.into() })
            }
            _ => None,
        }
    }
}

/// Such columns, and what they look like together.
#[derive(Debug)]
pub(super) struct SteadyRun {
    pub columns: usize,
    /// Bytes of the input.
    used: usize,
    /// Bytes of the bulk row.
    pub written: usize,
    /// For each word of the input: which of its bits are lengths, and what they have to be.
    lengths: Box<[(u64, u64)]>,
    pieces: Box<[SteadyPiece]>,
}

/// Bytes that stay together in the bulk row.
#[derive(Clone, Copy, Debug, Default)]
struct SteadyPiece {
    /// Bytes before them that the input has not: none, or the length of a fixed-length value.
    prefix: u8,
    /// That length.
    head: u8,
    length: u8,
}

impl SteadyRun {
    /// `token`: a byte that comes before the first of the columns.
    pub(super) fn new(token: Option<u8>, columns: &[SteadyColumn]) -> Self {
        // The bits that are lengths, and the lengths.
        let mut mask = vec![0xFF; token.iter().len()];
        let mut wanted: Vec<u8> = token.into_iter().collect();
        let mut pieces = vec![SteadyPiece { length: mask.len() as u8, ..SteadyPiece::default() }];
        for column in columns {
            let length = column.length.to_le_bytes();
            if column.length_bytes == 0 {
                pieces.push(SteadyPiece { prefix: 1, head: length[0], length: 0 });
            }
            mask.resize(mask.len() + column.length_bytes, 0xFF);
            wanted.extend_from_slice(&length[..column.length_bytes]);
            let mut bytes = column.length_bytes + usize::from(column.length);
            mask.resize(wanted.len() + usize::from(column.length), 0);
            wanted.resize(mask.len(), 0);
            while let Some(last) = pieces.last_mut()
                && bytes > 0
            {
                let more = bytes.min(WINDOW - usize::from(last.length));
                last.length += more as u8;
                bytes -= more;
                if bytes > 0 {
                    pieces.push(SteadyPiece::default());
                }
            }
        }
        pieces.retain(|piece| piece.prefix > 0 || piece.length > 0);
        let used = mask.len();
        let written = used + pieces.iter().map(|piece| usize::from(piece.prefix)).sum::<usize>();
        let lengths =
            mask.chunks(WORD).zip(wanted.chunks(WORD)).map(|(mask, wanted)| (word(mask), word(wanted)));
        Self { columns: columns.len(), used, written, lengths: lengths.collect(), pieces: pieces.into() }
    }

    /// Copies a value of each column, none of which is NULL by a bitmap, and says how many bytes of the input they are. `None`:
    /// nothing is copied, since one of them has another length, or the end of the input is near.
    #[inline]
    pub(super) fn copy(&self, input: &[u8], out: &mut RowBuffer) -> Option<usize> {
        let mut rest = input.get(..self.used + WINDOW)?;
        let words = rest.as_chunks::<WORD>().0.iter().map(|word| u64::from_le_bytes(*word));
        let lengths = self.lengths.iter().zip(words);
        if lengths.fold(0, |wrong, ((mask, wanted), word)| wrong | (word & mask ^ wanted)) != 0 {
            return None;
        }
        let mut room = out.room(self.written + 1 + WINDOW);
        for piece in &self.pieces {
            let (prefix, length) = (usize::from(piece.prefix), usize::from(piece.length));
            let (window, place) = (rest.first_chunk::<WINDOW>()?, room.first_chunk_mut::<{ 1 + WINDOW }>()?);
            place[0] = piece.head;
            place.get_mut(prefix..prefix + WINDOW)?.copy_from_slice(window);
            rest = rest.get(length..)?;
            room = room.get_mut(prefix + length..)?;
        }
        out.grow(self.written);
        Some(self.used)
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}
