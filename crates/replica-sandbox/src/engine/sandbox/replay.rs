//! Rows kept as they were sent, to be sent again at the speed of memory.

/// A recording stops at this many bytes; the rows up to there are then repeated.
const MOST_BYTES: usize = 64 << 20;

/// Whole rows of one result set, as tokens.
#[derive(Debug, Default)]
pub struct Recording {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

/// A part of a replay: bytes to send and the rows in them.
#[derive(Debug, PartialEq, Eq)]
pub struct Replayed<'a> {
    pub bytes: &'a [u8],
    pub rows: u64,
}

impl Recording {
    pub fn push(&mut self, row: &[u8]) {
        if self.bytes.len() + row.len() <= MOST_BYTES {
            self.bytes.extend_from_slice(row);
            self.ends.push(self.bytes.len());
        }
    }

    /// The recording's rows, or as many of them as are wanted. `None` when it has none, or none are wanted.
    pub fn next(&self, wanted: u64) -> Option<Replayed<'_>> {
        let rows = usize::try_from(wanted).unwrap_or(usize::MAX).min(self.ends.len());
        let end = *self.ends.get(rows.checked_sub(1)?)?;
        Some(Replayed { bytes: &self.bytes[..end], rows: rows as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_gives_what_is_wanted_and_no_more_than_it_has() {
        let mut recording = Recording::default();
        assert_eq!(recording.next(5), None);
        recording.push(b"ab");
        recording.push(b"c");
        assert_eq!(recording.next(0), None);
        assert_eq!(recording.next(1), Some(Replayed { bytes: b"ab", rows: 1 }));
        assert_eq!(recording.next(5), Some(Replayed { bytes: b"abc", rows: 2 }));
    }
}
