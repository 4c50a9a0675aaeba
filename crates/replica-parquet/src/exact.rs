//! The bytes of those values of a row that Parquet's types do not give back: for each the column's ordinal (two bytes,
//! little-endian), a length (four bytes), and the value as it lies on the wire.

use std::io::{self, Write};
use std::ops::Range;

use crate::gather::{GatheredValue, Gatherer};

/// The list of a row, as it is made.
#[derive(Default)]
pub struct ExactValues {
    bytes: Vec<u8>,
    /// Where among the bytes a long value belongs, which the gatherer has there.
    long: Vec<(usize, Range<u64>)>,
}

impl ExactValues {
    /// Appends a value. Rows have at most 4,096 columns, and values below 2 GiB.
    pub fn put(&mut self, rows: &Gatherer, column: usize, value: &GatheredValue) {
        let short = rows.short(value);
        let length = match value {
            GatheredValue::Long(range) => (range.end - range.start) as u32,
            _ => short.len() as u32,
        };
        self.bytes.extend_from_slice(&(column as u16).to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(short);
        if let GatheredValue::Long(range) = value {
            self.long.push((self.bytes.len(), range.clone()));
        }
    }

    /// All of it, where it has no long values.
    pub fn short(&self) -> Option<&[u8]> {
        self.long.is_empty().then_some(&self.bytes)
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Those of `out`; a long value cannot be read.
    pub fn write(&self, rows: &mut Gatherer, out: &mut dyn Write) -> io::Result<()> {
        let mut done = 0;
        for (at, range) in &self.long {
            out.write_all(&self.bytes[done..*at])?;
            io::copy(&mut rows.long(range)?, out)?;
            done = *at;
        }
        out.write_all(&self.bytes[done..])
    }

    /// For the next row.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.long.clear();
    }

    /// Gives up memory that the next row need not have.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.bytes.shrink_to(bytes);
    }
}

/// Takes the value of this column, if it is the next.
///
/// # Errors
/// `Err(())`: the bytes are no such list.
pub fn take<'a>(list: &mut &'a [u8], column: usize) -> Result<Option<&'a [u8]>, ()> {
    let Some((head, rest)) = list.split_first_chunk::<6>() else {
        return if list.is_empty() { Ok(None) } else { Err(()) };
    };
    let [a, b, length @ ..] = *head;
    if usize::from(u16::from_le_bytes([a, b])) != column {
        return Ok(None);
    }
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize).ok_or(())?;
    *list = rest;
    Ok(Some(bytes))
}
