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
    pub rows: u64,
    pub hash: u128,
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

/// What a column says of the part that a row belongs to: a value of at most eight bytes as a bulk row has it, with
/// its length first; zeros for NULL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Label([u8; 9]);

impl Label {
    /// From the bytes that begin with the column's.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut label = [0; 9];
        let length = usize::from(bytes.first().copied().unwrap_or_default()) + 1;
        for (to, from) in label.iter_mut().zip(bytes.iter().take(length)) {
            *to = *from;
        }
        Self(label)
    }

    /// The value's bytes; none for NULL.
    pub fn bytes(&self) -> &[u8] {
        self.0.get(1..=usize::from(self.0[0])).unwrap_or_default()
    }
}

/// Fingerprints of the rows of each label.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    by_label: HashMap<Label, Fingerprint>,
    /// Rows come in runs of one label, as a rule: this one's sum is not in the map yet.
    current: (Label, Fingerprint),
    too_many: bool,
}

/// More labels than there are days in 270 years are not kept: memory has to stay bounded.
const MOST_LABELS: usize = 100_000;

impl Sums {
    #[inline]
    pub(crate) fn add(&mut self, label: Label, row: Fingerprint) {
        if label != self.current.0 {
            self.put_away();
            self.current.0 = label;
        }
        self.current.1 += row;
    }

    fn put_away(&mut self) {
        let (label, sum) = std::mem::take(&mut self.current);
        if sum.rows == 0 {
            return;
        }
        if self.by_label.len() < MOST_LABELS || self.by_label.contains_key(&label) {
            *self.by_label.entry(label).or_default() += sum;
        } else {
            self.too_many = true;
        }
    }

    /// The sums by label; `None` if there were too many labels.
    pub fn finish(mut self) -> Option<HashMap<Label, Fingerprint>> {
        self.put_away();
        (!self.too_many).then_some(self.by_label)
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
    /// The beginning of a row that goes on in the next buffer.
    begun: Option<XxHash3_128>,
    /// Where in the buffer the bytes begin that were not hashed yet.
    from: usize,
}

impl RowHash {
    /// A row begins at this place of the buffer.
    #[inline]
    pub fn begin(&mut self, from: usize) {
        self.begun = None;
        self.from = from;
    }

    /// Takes what was appended since; the buffer is emptied next.
    pub fn cut(&mut self, buffer: &[u8]) {
        self.begun.get_or_insert_default().write(&buffer[self.from..]);
        self.from = 0;
    }

    /// The row ends at the buffer's end.
    #[inline]
    pub fn end(&mut self, buffer: &[u8]) -> Fingerprint {
        let rest = &buffer[self.from..];
        let hash = match &mut self.begun {
            None => XxHash3_128::oneshot(rest),
            Some(begun) => {
                begun.write(rest);
                begun.finish_128()
            }
        };
        Fingerprint { rows: 1, hash }
    }
}
