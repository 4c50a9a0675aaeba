//! Copies values of bounded length, many at a time.
//!
//! Which columns are NULL, and how long strings are, is nothing that a processor could guess, and each wrong guess
//! costs as much as several columns. So there is one path for all: a window of fixed size is copied whatever the
//! value, and what of it counts is settled by arithmetic.
use super::buffer::Buffer;
use super::strategy::Cell;
use crate::tds::value::SHORT_NULL;

/// At least a narrow value with its length: 1 + 17 bytes.
const NARROW: usize = 24;
/// That, with a length put before it.
const PLACE: usize = 1 + NARROW;
/// Most strings with their length fit in here.
const WIDE: usize = 64;

/// Where a copy stands: how many of the columns, and of the input's bytes, are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub columns: usize,
    pub bytes: usize,
    pub stop: Stop,
}

/// Why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// All columns are done.
    Done,
    /// The next column's value is not all here, or so near the end that a window would reach beyond it.
    Near,
    /// The next column's value is longer than its type allows.
    TooLong(u16),
}

/// Copies values of narrow columns. `nulls`: a bit for each, least significant first.
#[inline]
pub fn narrow(cells: &[Cell], mut nulls: u64, input: &[u8], out: &mut Buffer) -> Copied {
    let mut room = &mut *out.room(cells.len() * PLACE + PLACE);
    let mut rest = input;
    let mut written = 0;
    let mut stop = Stop::Done;
    let mut columns = 0;
    for cell in cells {
        let (Some(window), Some(place)) = (rest.first_chunk::<NARROW>(), room.first_chunk_mut::<PLACE>())
        else {
            stop = Stop::Near;
            break;
        };
        // All ones, or for a NULL all zeros.
        let is_null = (nulls & 1) as usize;
        let keep = is_null.wrapping_sub(1);
        nulls >>= 1;
        // A fixed type has no length here and gets one there.
        let length = window[0] & cell.mask;
        let lead = usize::from(cell.has_lead);
        // A guess that nearly always holds: the next column need not wait for this length to be read.
        let mut bytes = usize::from(cell.usual);
        if (length ^ cell.length) & keep as u8 != 0 {
            if u16::from(length) > cell.most {
                stop = Stop::TooLong(length.into());
                break;
            }
            bytes = 1 + usize::from(length);
        }
        place[lead..lead + NARROW].copy_from_slice(window);
        place[0] = (length | cell.size) & keep as u8;
        let (more, used) = (((lead + bytes) & keep) + is_null, bytes & keep);
        room = &mut room[more..];
        rest = &rest[used..];
        written += more;
        columns += 1;
    }
    out.grow(written);
    Copied { columns, bytes: input.len() - rest.len(), stop }
}

/// Copies values of wide columns, likewise.
#[inline]
pub fn wide(cells: &[Cell], mut nulls: u64, input: &[u8], out: &mut Buffer) -> Copied {
    let mut room = &mut *out.room(cells.len() * WIDE);
    let mut rest = input;
    let mut written = 0;
    let mut stop = Stop::Done;
    let mut columns = 0;
    for cell in cells {
        let (Some(window), Some(place)) = (rest.first_chunk::<WIDE>(), room.first_chunk_mut::<WIDE>()) else {
            stop = Stop::Near;
            break;
        };
        // All zeros, or for a NULL all ones: which is also its mark.
        let null = 0u16.wrapping_sub((nulls & 1) as u16);
        nulls >>= 1;
        let head = u16::from_le_bytes([window[0], window[1]]) | null;
        let length = if head == SHORT_NULL { 0 } else { head };
        if length > cell.most {
            stop = Stop::TooLong(length);
            break;
        }
        let bytes = 2 + usize::from(length);
        if bytes <= WIDE {
            place.copy_from_slice(window);
            place[..2].copy_from_slice(&head.to_le_bytes());
            room = &mut room[bytes..];
            written += bytes;
        } else if let Some(value) = rest.get(..bytes) {
            out.grow(written);
            out.put(value);
            written = 0;
            room = out.room((cells.len() - columns) * WIDE);
        } else {
            stop = Stop::Near;
            break;
        }
        rest = &rest[bytes & usize::from(!null)..];
        columns += 1;
    }
    out.grow(written);
    Copied { columns, bytes: input.len() - rest.len(), stop }
}

/// Copies one value of a narrow or wide column, which is not NULL by a bitmap, without a look at what lies beyond.
/// `Ok(None)`: it is not all here. `Err`: longer than its type allows.
#[cold]
pub fn one(cell: &Cell, input: &[u8], out: &mut Buffer) -> Result<Option<usize>, u16> {
    let (length, before) = match (cell.has_lead, cell.null_length) {
        (true, _) => (u16::from(cell.size), 0),
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
    if length > cell.most {
        return Err(length);
    }
    let Some(value) = input.get(..before + usize::from(length)) else { return Ok(None) };
    out.put(&[cell.size][..usize::from(cell.has_lead)]);
    out.put(value);
    Ok(Some(value.len()))
}
