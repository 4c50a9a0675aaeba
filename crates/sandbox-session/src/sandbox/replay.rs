//! Rows kept as they were sent, to be sent again at the speed of memory.

/// A recording stops at this many bytes; the rows up to there are then repeated.
const MOST_BYTES: usize = 64 << 20;
/// All recordings together have this many, and each a little more where they are used up.
const ALL_BYTES: usize = 256 << 20;
const LEAST_BYTES: usize = 1 << 20;

/// Whole rows of one result set, as tokens.
#[derive(Debug)]
pub struct Recording {
    most: usize,
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
    /// With what room the others, of so many bytes, leave it.
    pub fn beside(others: usize) -> Self {
        let most = ALL_BYTES.saturating_sub(others).clamp(LEAST_BYTES, MOST_BYTES);
        Self { most, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub fn push(&mut self, row: &[u8]) {
        // Never a row behind one that was left out; the first is always there to be repeated.
        if self.bytes.len() + row.len() > self.most && !self.ends.is_empty() {
            self.most = 0;
        } else {
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
        let mut recording = Recording::beside(0);
        assert_eq!(recording.next(5), None);
        recording.push(b"ab");
        recording.push(b"c");
        assert_eq!(recording.next(0), None);
        assert_eq!(recording.next(1), Some(Replayed { bytes: b"ab", rows: 1 }));
        assert_eq!(recording.next(5), Some(Replayed { bytes: b"abc", rows: 2 }));
    }
}
