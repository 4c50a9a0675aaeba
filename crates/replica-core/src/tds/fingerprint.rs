//! What proves two sets of rows equal: how many there are, and the sum of their hashes.
use std::fmt;
use std::ops::AddAssign;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Count and hash of rows in any order: xxh3-128 of each row's canonical form, added modulo 2^128.
///
/// The canonical form is the row as the row scanner writes it for a bulk load, without the token byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    pub rows: u64,
    pub hash: u128,
}

impl AddAssign for Fingerprint {
    fn add_assign(&mut self, other: Self) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.hash = self.hash.wrapping_add(other.hash);
    }
}

/// The hash in hexadecimal, 32 digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.hash)
    }
}

/// Hashes the row that is being appended to a buffer, in one go where it lies there in one piece.
pub(super) struct RowHash {
    parts: Box<Xxh3>,
    /// `parts` holds the beginning of the row.
    has_parts: bool,
    /// Where in the buffer the bytes begin that were not hashed yet.
    from: usize,
}

impl RowHash {
    pub fn new() -> Self {
        Self { parts: Box::new(Xxh3::new()), has_parts: false, from: 0 }
    }

    /// A row begins at this place of the buffer.
    #[inline]
    pub fn begin(&mut self, from: usize) {
        self.has_parts = false;
        self.from = from;
    }

    /// Takes what was appended since; the buffer is emptied next.
    pub fn cut(&mut self, buffer: &[u8]) {
        if !self.has_parts {
            self.parts.reset();
            self.has_parts = true;
        }
        self.parts.update(&buffer[self.from..]);
        self.from = 0;
    }

    /// The row ends at the buffer's end.
    #[inline]
    pub fn end(&mut self, buffer: &[u8]) -> Fingerprint {
        let hash = if self.has_parts {
            self.parts.update(&buffer[self.from..]);
            self.parts.digest128()
        } else {
            xxh3_128(&buffer[self.from..])
        };
        Fingerprint { rows: 1, hash }
    }
}
