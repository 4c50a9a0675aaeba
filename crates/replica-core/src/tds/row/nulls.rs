//! The bitmap of an NBCROW.

/// Which columns of a row are NULL: one bit a column, least significant first (docs/WIRE.md, "NBCROW"); all 0 in a ROW.
pub(super) struct Nulls {
    columns: usize,
    words: Box<[u64]>,
    /// Some bits may be set.
    is_set: bool,
}

impl Nulls {
    /// [`from`](Self::from) returns the bits of so many columns.
    pub(super) const AT_ONCE: usize = 64;

    pub(super) fn new(columns: usize) -> Self {
        // One word more than the bits need: `from` reads two words.
        Self { columns, words: vec![0; columns / 64 + 2].into(), is_set: false }
    }

    /// The bitmap's length in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.columns.div_ceil(8)
    }

    /// Those of a bitmap; of a ROW, which has none, an empty one.
    #[inline]
    pub(super) fn set(&mut self, bitmap: &[u8]) {
        if bitmap.is_empty() {
            if self.is_set {
                self.words.fill(0);
            }
            self.is_set = false;
            return;
        }
        for (word, bytes) in self.words.iter_mut().zip(bitmap.chunks(8)) {
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(eight);
        }
        self.is_set = true;
    }

    /// Whether one of so many columns is NULL, of which `column` is the first: at most [`AT_ONCE`](Self::AT_ONCE), and at least
    /// one.
    #[inline]
    pub(super) fn are_among(&self, column: usize, columns: usize) -> bool {
        self.is_set && self.from(column) << (Self::AT_ONCE - columns) != 0
    }

    /// The bits of 64 columns, of which `column` is the first.
    #[inline]
    pub(super) fn from(&self, column: usize) -> u64 {
        let at = column / 64;
        let shift = column % 64;
        let words = u128::from(self.words[at]) | u128::from(self.words[at + 1]) << 64;
        (words >> shift) as u64
    }

    #[inline]
    pub(super) fn is_null(&self, column: usize) -> bool {
        self.words[column / 64] >> (column % 64) & 1 != 0
    }
}
