//! Copies values of bounded length, many at a time.
//!
//! A processor cannot predict which columns are NULL and how long strings are, and each wrong prediction costs as much as
//! several columns. So all values take one path: a window of fixed size is copied, and a table says how many of its bytes
//! count.
use super::buffer::RowBuffer;
use super::scan_plan::{ByteLenCopy, ScanColumn};
use crate::tds::value::SHORT_NULL;

/// Bytes copied for each value: at least a BYTELEN value with its length, 1 + 17 bytes, and most strings with theirs.
const WINDOW: usize = 32;
/// The most columns that are copied at once: each needs a bit of `nulls`.
const COLUMNS: usize = 64;
/// Room for a BYTELEN value, with as many bytes before it as a [`ByteLenCopy`] can ask for.
const BYTE_LEN_ROOM: usize = u8::MAX as usize + WINDOW;
/// The most bytes of that room that one value uses.
const MOST_BYTE_LEN: usize = 1 + WINDOW;
/// Room for a USHORTLEN value, and the marks of NULLs before it.
const USHORT_LEN_ROOM: usize = MARKS + WINDOW;
/// Bytes of the marks of all columns.
const MARKS: usize = 2 * COLUMNS;
/// So many bytes of marks are written in any case, with or without NULLs.
const FEW_MARKS: usize = 16;
/// Room for values that are longer than a window.
const LONG: usize = 4096;

/// Where a copy stands: how many of the columns, and of the input's bytes, are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub columns: usize,
    pub bytes: usize,
    /// All columns are done. If not, [`one`] copies the next one: its value is incomplete, or a window would reach beyond
    /// the input, or its length is unusual.
    pub all: bool,
}

/// Copies values of BYTELEN and fixed-length columns. `nulls`: a bit for each, least significant first.
#[inline]
pub(super) fn byte_len(
    copies: &[[ByteLenCopy; 2]],
    mut nulls: u64,
    input: &[u8],
    out: &mut RowBuffer,
) -> Copied {
    let mut room = &mut *out.room(copies.len() * MOST_BYTE_LEN + BYTE_LEN_ROOM);
    let (mut rest, before) = (input, room.len());
    let mut left = copies;
    while let [copy, others @ ..] = left {
        let copy = &copy[(nulls & 1) as usize];
        let (Some(window), Some(place)) =
            (rest.first_chunk::<WINDOW>(), room.first_chunk_mut::<BYTE_LEN_ROOM>())
        else {
            break;
        };
        // The usual length nearly always holds, so that the next column need not wait for this length.
        let mut used = copy.used;
        let length = window[0] & copy.mask;
        if length != copy.length {
            if length > copy.length {
                break;
            }
            used -= copy.length - length;
        }
        let prefix = usize::from(copy.prefix);
        let used = usize::from(used) % WINDOW;
        place[0] = copy.head;
        place[prefix..prefix + WINDOW].copy_from_slice(window);
        rest = &rest[used..];
        room = &mut room[prefix + used..];
        nulls >>= 1;
        left = others;
    }
    let written = before - room.len();
    out.grow(written);
    Copied { columns: copies.len() - left.len(), bytes: input.len() - rest.len(), all: left.is_empty() }
}

/// Copies values of USHORTLEN columns, which are at most [`COLUMNS`]. Here each value has to wait for the length of the one
/// before, so that it is worth going straight from value to value.
#[inline]
pub(super) fn ushort_len(columns: &[ScanColumn], nulls: u64, input: &[u8], out: &mut RowBuffer) -> Copied {
    let mut room = &mut *out.room(columns.len() * WINDOW + USHORT_LEN_ROOM + MARKS + LONG);
    let (mut rest, before) = (input, room.len());
    let mut values = !nulls;
    let mut next = 0;
    loop {
        let column = (values.trailing_zeros() as usize).min(columns.len());
        let (Some(window), Some(place)) =
            (rest.first_chunk::<WINDOW>(), room.first_chunk_mut::<USHORT_LEN_ROOM>())
        else {
            break;
        };
        let marks = 2 * (column - next);
        place[..FEW_MARKS].fill(0xFF);
        if marks > FEW_MARKS {
            place[..MARKS].fill(0xFF);
        }
        let Some(scan) = columns.get(column) else {
            room = &mut room[marks..];
            next = column;
            break;
        };
        let length = u16::from_le_bytes([window[0], window[1]]);
        if length > scan.most {
            break;
        }
        let used = 2 + usize::from(length);
        if used < WINDOW {
            place[marks..marks + WINDOW].copy_from_slice(window);
        } else {
            let (Some(value), Some(place)) = (rest.get(..used), room.get_mut(marks..marks + used)) else {
                break;
            };
            place.copy_from_slice(value);
        }
        rest = &rest[used..];
        room = &mut room[marks + used..];
        next = column + 1;
        values &= values.wrapping_sub(1);
    }
    let written = before - room.len();
    out.grow(written);
    Copied { columns: next, bytes: input.len() - rest.len(), all: next == columns.len() }
}

/// Copies one value of a BYTELEN, fixed-length or USHORTLEN column, which is not NULL by a bitmap, without a look at what lies beyond.
/// `Ok(None)`: it is not all here. `Err`: longer than its type allows.
#[cold]
pub(super) fn one(column: &ScanColumn, input: &[u8], out: &mut RowBuffer) -> Result<Option<usize>, u16> {
    let (length, before) = match (column.adds_length, column.null_length) {
        (true, _) => (u16::from(column.size), 0),
        (_, 1) => match input.first() {
            Some(&length) => (length.into(), 1),
            None => return Ok(None),
        },
        _ => match input.first_chunk().map(|bytes| u16::from_le_bytes(*bytes)) {
            Some(SHORT_NULL) => (0, 2),
            Some(length) => (length, 2),
            None => return Ok(None),
        },
    };
    if length > column.most {
        return Err(length);
    }
    let Some(value) = input.get(..before + usize::from(length)) else { return Ok(None) };
    out.put(&[column.size][..usize::from(column.adds_length)]);
    out.put(value);
    Ok(Some(value.len()))
}
