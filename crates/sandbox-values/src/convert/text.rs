//! Characters of a value, and what a character type can hold.
use crate::collation::{Charset, units_from_utf16le, utf16le};
use crate::types::{CollationId, Len, SqlType};

/// The characters of a value of a character type.
pub(super) fn units(bytes: &[u8], from: &SqlType) -> Vec<u16> {
    match (from.charset(), from.collation()) {
        (Some(Charset::CodePage), Some(id)) => id.get().decode(bytes),
        _ => units_from_utf16le(bytes),
    }
}

/// The same as a `String`; lone surrogates become U+FFFD.
pub(super) fn to_string(bytes: &[u8], from: &SqlType) -> String {
    String::from_utf16_lossy(&units(bytes, from))
}

/// What a character type can hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextShape {
    pub charset: Charset,
    pub collation: CollationId,
    /// Bytes; `None` without limit.
    pub width: Option<usize>,
    /// char and nchar are filled up with blanks.
    pub fixed: bool,
}

impl TextShape {
    pub(super) fn of(to: &SqlType) -> Option<TextShape> {
        let (charset, collation) = (to.charset()?, to.collation()?);
        let (width, fixed) = match *to {
            SqlType::Char(n, _) => (Some(n.into()), true),
            SqlType::VarChar(Len::N(n), _) => (Some(n.into()), false),
            SqlType::NChar(n, _) => (Some(2 * usize::from(n)), true),
            SqlType::NVarChar(Len::N(n), _) => (Some(2 * usize::from(n)), false),
            _ => (None, false),
        };
        Some(TextShape { charset, collation, width, fixed })
    }

    pub(super) fn encode(&self, units: &[u16]) -> Vec<u8> {
        match self.charset {
            Charset::CodePage => self.collation.get().encode(units),
            Charset::Utf16 => utf16le(units),
        }
    }

    /// Cuts to whole characters within the width.
    pub(super) fn cut(&self, bytes: &mut Vec<u8>) {
        let Some(width) = self.width.filter(|&width| bytes.len() > width) else { return };
        let end = match self.charset {
            Charset::CodePage => whole_characters(bytes, width, self.collation),
            // _SC collations do not halve a surrogate pair; the others do.
            Charset::Utf16 if self.collation.get().supplementary && splits_pair(bytes, width) => width - 2,
            Charset::Utf16 => width,
        };
        bytes.truncate(end);
    }

    /// Fills char and nchar with blanks.
    pub(super) fn pad(&self, bytes: &mut Vec<u8>) {
        let Some(width) = self.width.filter(|_| self.fixed) else { return };
        match self.charset {
            Charset::CodePage => bytes.resize(width.max(bytes.len()), b' '),
            Charset::Utf16 => {
                while bytes.len() < width {
                    bytes.extend_from_slice(&[b' ', 0]);
                }
            }
        }
    }
}

fn whole_characters(bytes: &[u8], width: usize, collation: CollationId) -> usize {
    let mut end = 0;
    while end < width {
        let len = collation.get().char_len(&bytes[end..]);
        if len == 0 || end + len > width {
            break;
        }
        end += len;
    }
    end
}

fn splits_pair(bytes: &[u8], at: usize) -> bool {
    at >= 2 && (0xD8..0xDC).contains(&bytes[at - 1])
}
