//! Bytes, taken apart into what a target wants to know.

/// What is left of the input; zeros when it is used up.
pub struct FuzzInput<'a>(pub &'a [u8]);

impl<'a> FuzzInput<'a> {
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Up to so many bytes.
    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// A piece whose length, two bytes, comes first; `None` when all is used up.
    pub fn piece(&mut self) -> Option<&'a [u8]> {
        (!self.0.is_empty()).then(|| {
            let length = u16::from_le_bytes([self.byte(), self.byte()]);
            self.bytes(length.into())
        })
    }
}
