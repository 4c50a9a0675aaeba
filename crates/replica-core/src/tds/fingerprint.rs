//! What proves two sets of rows equal: how many there are, and the sum of their hashes.
use std::collections::HashMap;
use std::fmt;
use std::ops::{AddAssign, SubAssign};
use twox_hash::XxHash3_128;

/// Count and hash of rows in any order: xxh3-128 of each row's canonical form, added modulo 2^128.
///
/// The canonical form is the row as the row scanner writes it for a bulk load, without the token byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many there are.
    pub rows: u64,
    /// The sum of their hashes, modulo 2^128.
    pub hash: u128,
}

impl Fingerprint {
    /// Of one row.
    #[inline]
    pub(super) fn of(row: &[u8]) -> Self {
        Self { rows: 1, hash: XxHash3_128::oneshot(row) }
    }
}

/// One number for several fingerprints in their order.
pub(crate) fn in_order(fingerprints: impl IntoIterator<Item = Fingerprint>) -> u128 {
    let mut bytes = Vec::new();
    for Fingerprint { rows, hash } in fingerprints {
        bytes.extend_from_slice(&rows.to_le_bytes());
        bytes.extend_from_slice(&hash.to_le_bytes());
    }
    XxHash3_128::oneshot(&bytes)
}

impl AddAssign for Fingerprint {
    fn add_assign(&mut self, other: Self) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.hash = self.hash.wrapping_add(other.hash);
    }
}

impl SubAssign for Fingerprint {
    fn sub_assign(&mut self, other: Self) {
        self.rows = self.rows.wrapping_sub(other.rows);
        self.hash = self.hash.wrapping_sub(other.hash);
    }
}

/// The value of a column by which rows are grouped, as SQL's GROUP BY does: at most eight bytes as a bulk row has them,
/// with their length first; zeros for NULL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupKey([u8; 9]);

impl GroupKey {
    /// From the bytes that begin with the column's.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut key = [0; 9];
        let length = usize::from(bytes.first().copied().unwrap_or_default()) + 1;
        for (to, from) in key.iter_mut().zip(bytes.iter().take(length)) {
            *to = *from;
        }
        Self(key)
    }

    /// The value's bytes; none for NULL.
    pub fn bytes(&self) -> &[u8] {
        self.0.get(1..=usize::from(self.0[0])).unwrap_or_default()
    }
}

/// The fingerprint of each group of rows.
#[derive(Clone, Debug, Default)]
pub struct GroupedFingerprints {
    by_key: HashMap<GroupKey, Fingerprint>,
    /// Rows with one key mostly follow each other: the sum of this group is not in the map yet.
    current: (GroupKey, Fingerprint),
    too_many: bool,
}

/// The most groups that are kept, since memory has to stay bounded: the days of 270 years.
const MOST_GROUPS: usize = 100_000;

impl GroupedFingerprints {
    #[inline]
    pub(crate) fn add(&mut self, key: GroupKey, row: Fingerprint) {
        if key != self.current.0 {
            self.put_away();
            self.current.0 = key;
        }
        self.current.1 += row;
    }

    fn put_away(&mut self) {
        let (key, sum) = std::mem::take(&mut self.current);
        if sum.rows == 0 {
            return;
        }
        if self.by_key.len() < MOST_GROUPS || self.by_key.contains_key(&key) {
            *self.by_key.entry(key).or_default() += sum;
        } else {
            self.too_many = true;
        }
    }

    /// The sum of each group; `None` if there were too many groups.
    pub fn finish(mut self) -> Option<HashMap<GroupKey, Fingerprint>> {
        self.put_away();
        (!self.too_many).then_some(self.by_key)
    }
}

/// The hash in hexadecimal, 32 digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.hash)
    }
}

/// Hashes the row that is being appended to a buffer, in one go where it lies there in one piece.
#[derive(Default)]
pub(super) struct RowHash {
    /// The hash of what the buffers before had of the row.
    partial: Option<XxHash3_128>,
    /// The first byte of the buffer that is not hashed yet.
    from: usize,
}

impl RowHash {
    /// A row begins at this place of the buffer.
    #[inline]
    pub(super) fn begin(&mut self, from: usize) {
        self.partial = None;
        self.from = from;
    }

    /// The row goes on in the next buffer: hashes what this one has of it.
    pub(super) fn suspend(&mut self, buffer: &[u8]) {
        self.partial.get_or_insert_default().write(&buffer[self.from..]);
        self.from = 0;
    }

    /// The row ends at the buffer's end.
    #[inline]
    pub(super) fn end(&mut self, buffer: &[u8]) -> Fingerprint {
        let rest = &buffer[self.from..];
        match &mut self.partial {
            None => Fingerprint::of(rest),
            Some(partial) => {
                partial.write(rest);
                Fingerprint { rows: 1, hash: partial.finish_128() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_rows_do_not_cancel_out() {
        let row = Fingerprint { rows: 1, hash: u128::MAX - 4 };
        let mut sum = row;
        sum += row;
        assert_eq!(sum, Fingerprint { rows: 2, hash: u128::MAX - 9 });
        sum -= row;
        assert_eq!(sum, row);
    }
}
