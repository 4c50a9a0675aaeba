//! The buffer that the scanner writes rows to.

/// The first `length` bytes count. The rest may be written over, so that values of unknown length can be copied in windows
/// of a known length.
#[derive(Default)]
pub(super) struct RowBuffer {
    bytes: Vec<u8>,
    length: usize,
}

impl RowBuffer {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The last `n` bytes.
    #[inline]
    pub(super) fn last(&self, n: usize) -> &[u8] {
        &self.bytes[self.length.saturating_sub(n)..self.length]
    }

    /// At least `n` bytes to write over; [`grow`](Self::grow) then says how many of them count.
    #[inline]
    pub(super) fn room(&mut self, n: usize) -> &mut [u8] {
        let needed = self.length + n;
        if self.bytes.len() < needed {
            self.bytes.resize(needed, 0);
        }
        &mut self.bytes[self.length..]
    }

    /// Makes `n` more bytes count.
    #[inline]
    pub(super) fn grow(&mut self, n: usize) {
        self.length = (self.length + n).min(self.bytes.len());
    }

    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Writes over the first of the last `n` bytes.
    pub(super) fn overwrite_last<const N: usize>(&mut self, n: usize, bytes: [u8; N]) {
        let from = self.length.saturating_sub(n);
        if let Some(place) = self.bytes[from..self.length].first_chunk_mut() {
            *place = bytes;
        }
    }

    /// Gives up what it has beyond so many bytes.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        self.bytes.truncate(self.length.max(bytes));
        self.bytes.shrink_to(bytes);
    }

    /// Goes on at its beginning: what is there may be written over.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    /// Returns the filled bytes, and goes on in `empty`.
    pub(super) fn take(&mut self, empty: Vec<u8>) -> Vec<u8> {
        let mut bytes = std::mem::replace(&mut self.bytes, empty);
        bytes.truncate(self.length);
        self.length = 0;
        bytes
    }
}
