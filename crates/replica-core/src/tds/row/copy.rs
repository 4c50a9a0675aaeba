//! Copies values of bounded length, many at a time.
//!
//! Which columns are NULL, and how long strings are, is nothing that a processor could guess, and each wrong guess
//! costs as much as several columns. So there is one path for all: a window of fixed size is copied whatever the
//! value, and a table says what of it counts.
use super::buffer::Buffer;
use super::strategy::{Cell, Step};
use crate::tds::value::SHORT_NULL;

/// Bytes copied for each value: at least a narrow value with its length, 1 + 17 bytes, and most strings with theirs.
/// What counts of them is less, so that five bits hold it.
const WINDOW: usize = 32;
/// Room for it, with as many bytes before it as a step can ask for.
const PLACE: usize = WINDOW + u8::MAX as usize;
/// What it takes up of that room at the most: the bytes before it are a length or a NULL's mark.
const MOST: usize = WINDOW + 2;
/// Room for strings that are longer.
const LONG: usize = 4096;

/// Where a copy stands: how many of the columns, and of the input's bytes, are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub columns: usize,
    pub bytes: usize,
    /// These are all columns. Otherwise the next one is a case for [`one`]: its value is not all here, or so near the
    /// end that a window would reach beyond it, or of a length that is not usual.
    pub all: bool,
}

/// Copies values of narrow columns. `nulls`: a bit for each, least significant first.
#[inline]
pub fn narrow(steps: &[[Step; 2]], mut nulls: u64, input: &[u8], out: &mut Buffer) -> Copied {
    let mut room = &mut *out.room(steps.len() * MOST + PLACE);
    let (mut rest, before) = (input, room.len());
    let mut left = steps;
    while let [step, others @ ..] = left {
        let step = &step[(nulls & 1) as usize];
        let (Some(window), Some(place)) = (rest.first_chunk(), room.first_chunk_mut()) else { break };
        // A guess that nearly always holds: the next column need not wait for this length to be read.
        let mut used = step.used;
        let length = step.length_in(window);
        if length != step.length {
            if length > step.length {
                break;
            }
            used -= (step.length - length) as u8;
        }
        let used = usize::from(used) % WINDOW;
        let lead = step.put(window, place);
        rest = &rest[used..];
        room = &mut room[lead + used..];
        nulls >>= 1;
        left = others;
    }
    let written = before - room.len();
    out.grow(written);
    Copied { columns: steps.len() - left.len(), bytes: input.len() - rest.len(), all: left.is_empty() }
}

/// Copies values of wide columns, likewise.
#[inline]
pub fn wide(steps: &[[Step; 2]], mut nulls: u64, input: &[u8], out: &mut Buffer) -> Copied {
    let mut room = &mut *out.room(steps.len() * MOST + PLACE + LONG);
    let (mut rest, before) = (input, room.len());
    let mut left = steps;
    while let [step, others @ ..] = left {
        let step = &step[(nulls & 1) as usize];
        let (Some(window), Some(place)) = (rest.first_chunk(), room.first_chunk_mut()) else { break };
        let length = step.length_in(window);
        let used = usize::from(step.used) + usize::from(length);
        if used < WINDOW {
            let lead = step.put(window, place);
            rest = &rest[used..];
            room = &mut room[lead + used..];
        } else {
            let (Some(value), Some(place)) = (rest.get(..used), room.get_mut(..used)) else { break };
            if length > step.length {
                break;
            }
            place.copy_from_slice(value);
            rest = &rest[used..];
            room = &mut room[used..];
        }
        nulls >>= 1;
        left = others;
    }
    let written = before - room.len();
    out.grow(written);
    Copied { columns: steps.len() - left.len(), bytes: input.len() - rest.len(), all: left.is_empty() }
}

impl Step {
    /// What the value says of its length.
    #[inline(always)]
    fn length_in(&self, window: &[u8; WINDOW]) -> u16 {
        u16::from_le_bytes([window[0], window[1]]) & self.mask
    }

    /// Copies the value, with what a bulk load has before it. Says how much that is.
    #[inline(always)]
    fn put(&self, window: &[u8; WINDOW], place: &mut [u8; PLACE]) -> usize {
        let lead = usize::from(self.lead);
        place[..2].copy_from_slice(&self.head);
        place[lead..lead + WINDOW].copy_from_slice(window);
        lead
    }
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
