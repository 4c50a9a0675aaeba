//! Characters to and from a collation's code page.
//!
//! UTF-16 units are the meeting point, not `str`: nvarchar may hold lone surrogates, and what was loaded must
//! come back.
use super::Collation;
use super::fold::{UPPER, fold};
use encoding_rs::{Encoding, SHIFT_JIS};
use std::collections::HashMap;
use std::sync::LazyLock;

pub(super) const UTF8: u16 = 65001;

/// The UTF-16 units of little-endian bytes. A last odd byte is dropped; the wire refuses such values.
pub fn units_from_utf16le(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// UTF-16LE bytes of units.
pub fn utf16le(units: &[u16]) -> Vec<u8> {
    units.iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

impl Collation {
    /// Bytes of the code page as UTF-16 units. Bytes that mean nothing become U+FFFD.
    pub fn decode(&self, bytes: &[u8]) -> Vec<u16> {
        if bytes.is_ascii() {
            return bytes.iter().map(|&byte| u16::from(byte)).collect();
        }
        match page(self.code_page) {
            Page::Utf8 => String::from_utf8_lossy(bytes).encode_utf16().collect(),
            Page::Single(single) => bytes.iter().map(|&byte| single.units[usize::from(byte)]).collect(),
            Page::Multi(encoding) => encoding.decode_without_bom_handling(bytes).0.encode_utf16().collect(),
        }
    }

    /// UTF-16 units in the code page. What it lacks becomes what Windows takes for the best fit in a one-byte page, else
    /// `?`, one per UTF-16 unit; a lone surrogate becomes U+FFFD in UTF-8.
    pub fn encode(&self, units: &[u16]) -> Vec<u8> {
        let mut out = Vec::with_capacity(units.len());
        for character in char::decode_utf16(units.iter().copied()) {
            match character {
                Ok(character) if character.is_ascii() => out.push(character as u8),
                Ok(character) => self.encode_char(character, &mut out),
                Err(_) if self.utf8 => out.extend_from_slice("\u{FFFD}".as_bytes()),
                Err(_) => out.push(b'?'),
            }
        }
        out
    }

    fn encode_char(&self, character: char, out: &mut Vec<u8>) {
        let mut utf8 = [0; 4];
        let text = &*character.encode_utf8(&mut utf8);
        match page(self.code_page) {
            Page::Utf8 => out.extend_from_slice(text.as_bytes()),
            Page::Single(single) => match single.bytes.get(&(character as u32)) {
                Some(&byte) => out.push(byte),
                None if best_fit(character, self.code_page).is_some() => {
                    out.extend(best_fit(character, self.code_page));
                }
                None => out.extend(std::iter::repeat_n(b'?', character.len_utf16())),
            },
            Page::Multi(encoding) => match encoding.encode(text) {
                (bytes, _, false) => out.extend_from_slice(&bytes),
                (_, _, true) => out.extend(std::iter::repeat_n(b'?', character.len_utf16())),
            },
        }
    }

    /// How many bytes the character that starts at `bytes[0]` takes: 1, or more in UTF-8 and double-byte pages.
    pub fn char_len(&self, bytes: &[u8]) -> usize {
        let Some(&lead) = bytes.first() else { return 0 };
        let len = match page(self.code_page) {
            Page::Single(_) => 1,
            Page::Utf8 => match lead {
                0xC2..=0xDF => 2,
                0xE0..=0xEF => 3,
                0xF0..=0xF4 => 4,
                _ => 1,
            },
            // Lead bytes of code page 932.
            Page::Multi(_) => 1 + usize::from(matches!(lead, 0x81..=0x9F | 0xE0..=0xFC)),
        };
        len.min(bytes.len())
    }
}

/// Greek letters that the page of Western Europe has a fit for: those of the old page 437.
const GREEK_FITS: &str = "ΓGΘTΣSΦFΩOαaδdεeπpσsτtφf";

/// What a one-byte page has in a character's stead: Windows' best fits (unicode.org, "WindowsBestFit", bestfit125x.txt),
/// as far as letters with accents or strokes, full width and the Greek of 1252 go. Its other fits (∞ to 8) are left out.
fn best_fit(character: char, code_page: u16) -> Option<u8> {
    let code = character as u32;
    match code {
        0xFF01..=0xFF5E => return u8::try_from(code - 0xFEE0).ok(),
        0x0110 if code_page == 1252 => return Some(0xD0),
        // These have none.
        0x013F | 0x0140 => return None,
        0x00C0..=0x017F | 0x01CD..=0x01DC => {}
        _ if code_page == 1252 => {
            let (fits, wanted) = (GREEK_FITS.chars().collect::<Vec<_>>(), character);
            let found = fits.chunks_exact(2).find(|pair| pair[0] == wanted)?;
            return u8::try_from(found[1]).ok();
        }
        _ => return None,
    }
    // ı is i with its dot taken off.
    let folded = fold(if code == 0x0131 { u32::from(b'i') } else { code }, false);
    let letter = u8::try_from(folded.base).ok().filter(u8::is_ascii_alphabetic)?;
    Some(if folded.variant & UPPER != 0 { letter.to_ascii_uppercase() } else { letter })
}

enum Page {
    Utf8,
    Single(Box<Single>),
    Multi(&'static Encoding),
}

impl Page {
    fn single(encoding: &'static Encoding) -> Page {
        Page::Single(Box::new(Single::new(encoding)))
    }
}

/// A one-byte code page, both ways.
struct Single {
    units: [u16; 256],
    bytes: HashMap<u32, u8>,
}

impl Single {
    /// WHATWG's windows-125x maps the bytes Windows leaves undefined to C1 controls, as Windows does.
    fn new(encoding: &'static Encoding) -> Self {
        let mut units = [0xFFFD; 256];
        let mut bytes = HashMap::new();
        for byte in 0..=255u8 {
            let one = [byte];
            let (text, _) = encoding.decode_without_bom_handling(&one);
            if let Some(character) = text.chars().next().filter(|&character| character != '\u{FFFD}') {
                units[usize::from(byte)] = character as u16;
                bytes.insert(character as u32, byte);
            }
        }
        Self { units, bytes }
    }
}

/// The page of a number. The table of collations holds no others than these.
fn page(code_page: u16) -> &'static Page {
    static CYRILLIC: LazyLock<Page> = LazyLock::new(|| Page::single(encoding_rs::WINDOWS_1251));
    static LATIN: LazyLock<Page> = LazyLock::new(|| Page::single(encoding_rs::WINDOWS_1252));
    static GREEK: LazyLock<Page> = LazyLock::new(|| Page::single(encoding_rs::WINDOWS_1253));
    static TURKISH: LazyLock<Page> = LazyLock::new(|| Page::single(encoding_rs::WINDOWS_1254));
    static JAPANESE: LazyLock<Page> = LazyLock::new(|| Page::Multi(SHIFT_JIS));
    match code_page {
        1251 => &CYRILLIC,
        1253 => &GREEK,
        1254 => &TURKISH,
        932 => &JAPANESE,
        UTF8 => &Page::Utf8,
        _ => &LATIN,
    }
}

#[cfg(test)]
mod tests {
    use crate::CollationId;

    fn collation(name: &str) -> &'static crate::collation::Collation {
        CollationId::by_name(name).unwrap().get()
    }

    /// Windows gives undefined bytes of these pages a C1 control, so no byte is lost on the way through UTF-16. In
    /// 1253 the bytes AA, D2 and FF are undefined on the web and private-use on Windows; they are left out.
    #[test]
    fn every_byte_of_a_one_byte_page_comes_back() {
        for name in ["Latin1_General_CI_AS", "Cyrillic_General_CI_AS", "Turkish_CI_AS", "Greek_CI_AS"] {
            for byte in 0..=255u8 {
                if name.starts_with("Greek") && matches!(byte, 0xAA | 0xD2 | 0xFF) {
                    continue;
                }
                let page = collation(name);
                assert_eq!(page.encode(&page.decode(&[byte])), [byte], "{name} {byte:02X}");
            }
        }
    }

    #[test]
    fn what_a_page_lacks_is_a_question_mark_per_unit() {
        let units: Vec<u16> = "Ψж\u{1F600}".encode_utf16().chain([0xD800]).collect();
        assert_eq!(collation("Latin1_General_CI_AS").encode(&units), b"?????");
        assert_eq!(
            collation("Latin1_General_100_CI_AS_SC_UTF8").encode(&units),
            "Ψж\u{1F600}\u{FFFD}".as_bytes()
        );
    }

    #[test]
    fn what_a_page_has_something_like_is_that() {
        let encoded =
            |name: &str, text: &str| collation(name).encode(&text.encode_utf16().collect::<Vec<_>>());
        assert_eq!(encoded("Latin1_General_CI_AS", "ŁłĀāđıĦｗΩ"), b"LlAadiHwO");
        assert_eq!(encoded("Latin1_General_CI_AS", "Đ"), [0xD0]);
        assert_eq!(encoded("Latin1_General_CI_AS", "Łódź €"), b"L\xF3dz \x80");
        assert_eq!(encoded("Cyrillic_General_CI_AS", "Éø"), b"Eo");
        assert_eq!(encoded("Greek_CI_AS", "ŀж"), b"??");
    }

    #[test]
    fn characters_of_several_bytes_are_measured() {
        assert_eq!(collation("Japanese_CI_AS").char_len(&[0x83, 0x41, 0x41]), 2);
        assert_eq!(collation("Japanese_CI_AS").char_len(&[0xB1, 0x41]), 1, "half-width katakana");
        assert_eq!(collation("Latin1_General_100_BIN2_UTF8").char_len("\u{1F600}a".as_bytes()), 4);
        assert_eq!(collation("Latin1_General_100_BIN2_UTF8").char_len(&[0xE2, 0x82]), 2, "cut short");
    }
}
