//! Sort keys: bytes whose `memcmp` order is the collation's order, so that SQLite can sort, group and find
//! duplicates by them.
//!
//! Trailing blanks never count, and the shorter of two strings is compared as if padded with blanks. To say
//! that in a `memcmp` key every blank is followed by a mark: what comes next is less than a blank, more, or
//! nothing but blanks.
use super::fold;
use super::{Collation, Order, units_from_utf16le};

/// How the bytes of a string are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// char, varchar, text: the collation's code page.
    CodePage,
    /// nchar, nvarchar, ntext: UTF-16LE.
    Utf16,
}

const BELOW_BLANK: u8 = 1;
const ONLY_BLANKS: u8 = 2;
const ABOVE_BLANK: u8 = 3;

impl Collation {
    /// Appends the sort key of a string. Keys are prefix-free, so keys of several columns can be joined.
    pub fn sort_key(&self, bytes: &[u8], charset: Charset, out: &mut Vec<u8>) {
        match (self.order, charset) {
            (Order::Linguistic, _) => self.linguistic_key(bytes, charset, out),
            // In a code page, and in UTF-8, the bytes' own order is the code points' order.
            (Order::CodePoint | Order::Binary, Charset::CodePage) => {
                padded(bytes.iter().map(|&byte| [byte]), [b' '], out);
            }
            (Order::CodePoint, Charset::Utf16) => {
                padded(code_points(units_from_utf16le(bytes)).map(weight_of_code), weight_of_code(0x20), out);
            }
            // Microsoft, "Binary collations": the first character as a unit, the rest as (little-endian) bytes.
            (Order::Binary, Charset::Utf16) => {
                let tokens = bytes.chunks_exact(2).enumerate().map(|(index, pair)| match index {
                    0 => [pair[1], pair[0]],
                    _ => [pair[0], pair[1]],
                });
                padded(tokens, [b' ', 0], out);
            }
        }
    }

    fn linguistic_key(&self, bytes: &[u8], charset: Charset, out: &mut Vec<u8>) {
        let turkish = self.lcid == 0x041F;
        let units = match charset {
            Charset::CodePage => self.decode(bytes),
            Charset::Utf16 => units_from_utf16le(bytes),
        };
        let end = units.iter().rposition(|&unit| unit != 0x20).map_or(0, |last| last + 1);
        let is_word_sort = self.sort_id == 0 || charset == Charset::Utf16;
        let mut letters = Vec::with_capacity(end);
        let mut marks = Vec::new();
        for (place, code) in code_points(units.into_iter().take(end)).enumerate() {
            if is_word_sort && let Some(mark) = word_mark(code) {
                marks.resize(place, LETTER);
                marks.push(mark);
                continue;
            }
            // Version 80 collations have no weight for supplementary characters: they all compare equal to
            // nothing at all (Microsoft, "Collation and Unicode support").
            if self.version == 0 && (code > 0xFFFF || (0xD800..0xE000).contains(&code)) {
                continue;
            }
            match fold::expand(code) {
                Some(pair) => letters.extend(pair.map(|code| fold::fold(code, turkish))),
                None => letters.push(fold::fold(code, turkish)),
            }
        }
        padded(letters.iter().map(|letter| weight(letter.base)), weight(0x20), out);
        let end = letters.iter().rposition(|letter| letter.base != 0x20).map_or(0, |last| last + 1);
        let letters = &letters[..end];
        if self.accent_sensitive {
            level(letters.iter().map(|letter| letter.accent), out);
        }
        let mask = self.variants_that_count();
        if mask != 0 {
            level(letters.iter().map(|letter| 1 + (letter.variant & mask)), out);
        }
        if is_word_sort {
            level(marks.into_iter(), out);
        }
    }

    fn variants_that_count(&self) -> u8 {
        let mut mask = 0;
        if self.case_sensitive {
            mask |= fold::UPPER;
        }
        if self.width_sensitive {
            mask |= fold::WIDTH;
        }
        if self.kana_sensitive {
            mask |= fold::HIRAGANA;
        }
        mask
    }
}

/// In the level of the marks.
const LETTER: u8 = 1;

/// What a word sort passes over until all else is equal. Windows collations sort so, and SQL collations their nvarchar:
/// `'a-c' < 'ab'`, and `N'ab' < N'a-c'` (Microsoft docs, "Collation and Unicode support", SQL Server collations). That the
/// apostrophe is one is said of Windows (CompareString, "word sort").
fn word_mark(code: u32) -> Option<u8> {
    match char::from_u32(code)? {
        '-' => Some(2),
        '\'' => Some(3),
        _ => None,
    }
}

/// The lower levels: one byte per letter, never 0, ended by 0.
fn level(weights: impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    out.extend(weights);
    out.push(0);
}

/// Blanks and controls, punctuation and symbols, digits, letters: the order of the classes in Windows' tables.
/// Within a class by code point.
fn weight(base: u32) -> [u8; 3] {
    let class = match char::from_u32(base) {
        Some(character) if character.is_alphabetic() => 3,
        Some(character) if character.is_numeric() => 2,
        Some(character) if character.is_whitespace() || character.is_control() => 0,
        _ => 1,
    };
    weight_of_code(class << 21 | base)
}

fn weight_of_code(code: u32) -> [u8; 3] {
    let [_, a, b, c] = code.to_be_bytes();
    [a, b, c]
}

/// Code points of UTF-16 units; a lone surrogate stands for itself.
fn code_points(units: impl IntoIterator<Item = u16>) -> impl Iterator<Item = u32> {
    char::decode_utf16(units).map(|decoded| match decoded {
        Ok(character) => character as u32,
        Err(lone) => u32::from(lone.unpaired_surrogate()),
    })
}

fn padded<const N: usize>(tokens: impl Iterator<Item = [u8; N]>, blank: [u8; N], out: &mut Vec<u8>) {
    let mut blanks = 0usize;
    for token in tokens {
        if token == blank {
            blanks += 1;
            continue;
        }
        let mark = if token < blank { BELOW_BLANK } else { ABOVE_BLANK };
        for _ in 0..std::mem::take(&mut blanks) {
            out.extend_from_slice(&blank);
            out.push(mark);
        }
        out.extend_from_slice(&token);
    }
    out.extend_from_slice(&blank);
    out.push(ONLY_BLANKS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CollationId;
    use proptest::prelude::*;

    fn key(collation: &str, text: &str) -> Vec<u8> {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = Vec::new();
        CollationId::by_name(collation).unwrap().get().sort_key(&bytes, Charset::Utf16, &mut out);
        out
    }

    fn equal(collation: &str, left: &str, right: &str) -> bool {
        key(collation, left) == key(collation, right)
    }

    #[test]
    fn sensitivity_is_what_the_name_says() {
        for (collation, case, accent) in [
            ("Latin1_General_100_CI_AS", false, true),
            ("Latin1_General_100_CS_AS", true, true),
            ("Latin1_General_100_CI_AI", false, false),
            ("Latin1_General_100_CS_AI", true, false),
            ("Latin1_General_100_BIN2", true, true),
        ] {
            assert_eq!(!equal(collation, "Straw", "sTRAW"), case, "{collation}");
            assert_eq!(!equal(collation, "resume", "résumé"), accent, "{collation}");
            assert!(equal(collation, "pad", "pad   "), "{collation}");
        }
        assert!(equal("Japanese_CI_AS", "ｱﾅ", "あな"));
        assert!(!equal("Japanese_CI_AS_KS", "アナ", "あな"));
        assert!(!equal("Japanese_CI_AS_WS", "ｱﾅ", "アナ"));
        assert!(equal("Cyrillic_General_CI_AS", "ЖУК", "жук"));
        assert!(equal("Greek_CI_AS", "ΑΒΓ", "αβγ"));
        assert!(!equal("Turkish_CI_AS", "I", "i"));
        assert!(equal("Turkish_CI_AS", "I", "ı"));
    }

    #[test]
    fn blanks_pad_the_shorter_string() {
        let in_order = ["a\t", "a \t", "a", "a x", "a!", "a1", "ab"];
        for pair in in_order.windows(2) {
            for collation in ["Latin1_General_100_CI_AS", "Latin1_General_100_BIN2"] {
                assert!(key(collation, pair[0]) < key(collation, pair[1]), "{collation} {pair:?}");
            }
        }
    }

    #[test]
    fn letters_order_before_accents_and_accents_before_case() {
        let in_order = ["cote", "Cote", "coté", "côte", "côté", "coteau"];
        for pair in in_order.windows(2) {
            assert!(
                key("Latin1_General_100_CS_AS", pair[0]) < key("Latin1_General_100_CS_AS", pair[1]),
                "{pair:?}"
            );
        }
    }

    #[test]
    fn a_hyphen_counts_last_but_for_varchar_of_a_sql_collation() {
        for (collation, charset, passed_over) in [
            ("SQL_Latin1_General_CP1_CI_AS", Charset::CodePage, false),
            ("SQL_Latin1_General_CP1_CI_AS", Charset::Utf16, true),
            ("Latin1_General_CI_AS", Charset::CodePage, true),
            ("Latin1_General_CI_AS", Charset::Utf16, true),
        ] {
            let key = |text: &str| {
                let bytes = match charset {
                    Charset::CodePage => text.as_bytes().to_vec(),
                    Charset::Utf16 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                };
                let mut out = Vec::new();
                CollationId::by_name(collation).unwrap().get().sort_key(&bytes, charset, &mut out);
                out
            };
            assert_eq!(key("ab") < key("a-c"), passed_over, "{collation} {charset:?}");
            assert_ne!(key("co-op"), key("coop"));
            assert_ne!(key("co-op"), key("co'op"));
            assert_eq!(key("CO-OP "), key("co-op"));
        }
    }

    #[test]
    fn code_points_order_supplementary_characters_above_the_private_use_area() {
        assert!(key("Latin1_General_100_BIN2", "\u{FFFD}") < key("Latin1_General_100_BIN2", "\u{1F600}"));
        assert!(!equal("Latin1_General_100_CI_AS", "\u{1F600}", "\u{1F601}"));
        assert!(equal("Latin1_General_CI_AS", "\u{1F600}", "\u{1F601}"));
    }

    /// The shorter string is padded with blanks, below which only controls lie.
    const ABOVE_BLANK_TEXT: &str = "[!-~\u{100}-\u{FFFF}\u{10000}-\u{10FFFF}]{0,8}";

    proptest! {
        /// Blanks at the end never count, and with case ignored neither does ASCII case: in every collation, and for
        /// bytes that are no text as well.
        #[test]
        fn equal_strings_have_equal_keys(
            bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..40), "[ -~]{0,40}".prop_map(String::into_bytes)],
            blanks in 0..4usize,
            collation in proptest::sample::select(CollationId::all().map(|(_, it)| it).collect::<Vec<_>>()),
        ) {
            let key = |bytes: &[u8]| {
                let mut out = Vec::new();
                collation.sort_key(bytes, Charset::CodePage, &mut out);
                out
            };
            // A blank after half a character would become part of it.
            let whole = bytes.is_ascii();
            if whole || matches!(collation.code_page, 1251..=1254) {
                let padded: Vec<u8> = bytes.iter().copied().chain(std::iter::repeat_n(b' ', blanks)).collect();
                prop_assert_eq!(key(&bytes), key(&padded), "{}", collation.name);
            }
            if whole && !collation.is_case_sensitive() && collation.lcid != 0x041F {
                prop_assert_eq!(key(&bytes), key(&bytes.to_ascii_uppercase()), "{}", collation.name);
            }
        }

        /// In UTF-16, BIN2 is the order of code points.
        #[test]
        fn bin2_is_the_order_of_code_points(left in ABOVE_BLANK_TEXT, right in ABOVE_BLANK_TEXT) {
            let (left_points, right_points): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
            let keys = key("Latin1_General_100_BIN2", &left).cmp(&key("Latin1_General_100_BIN2", &right));
            prop_assert_eq!(keys, left_points.cmp(&right_points));
        }
    }
}
