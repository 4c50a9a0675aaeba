//! Words that a column's code page has, encoded once.
use super::value::Dice;
use crate::values::SqlType;
use crate::values::collation::{Charset, utf16le};

pub struct Vocabulary {
    ordinary: Vec<Vec<u8>>,
    /// Beyond ASCII, and for Unicode beyond the BMP.
    rare: Vec<Vec<u8>>,
    pub blank: &'static [u8],
}

const ASCII: &[&str] = &[
    "amber", "bolt", "cedar", "delta", "ember", "fox", "grain", "harbor", "iron", "jade", "kelp", "lemon",
    "maple", "north", "opal", "pine", "quartz", "river", "stone", "tin", "umber", "vale", "wharf", "yarrow",
    "zinc", "A1", "B2", "X", "7", "O'Neil", "100%", "co-op",
];
const LATIN: &[&str] = &["crème", "Straße", "Ærø", "niño", "Öl", "façade", "€5", "ÿ"];
const CYRILLIC: &[&str] = &["река", "Москва", "ёлка", "Чай", "щит"];
const GREEK: &[&str] = &["Αθήνα", "λόγος", "Ωμέγα", "ψάρι"];
const JAPANESE: &[&str] = &["東京", "カナ", "ひらがな", "表", "ｱｲｳ"];
const UNICODE: &[&str] =
    &["\u{1F600}", "\u{1F986}x", "\u{20BB7}", "Жук", "東京", "e\u{301}", "\u{10FFFF}", "עברית"];

impl Vocabulary {
    /// The words for a character type; `None` for other types.
    pub fn of(sql_type: &SqlType) -> Option<Vocabulary> {
        let (charset, collation) = (sql_type.charset()?, sql_type.collation()?.get());
        let rare: &[&str] = match (charset, collation.code_page) {
            (Charset::Utf16, _) => UNICODE,
            (_, 1251) => CYRILLIC,
            (_, 1253) => GREEK,
            (_, 932) => JAPANESE,
            _ if collation.utf8 => UNICODE,
            (_, 1252) => LATIN,
            _ => &[],
        };
        let encoded = |words: &[&str]| -> Vec<Vec<u8>> {
            let encode = |word: &&str| {
                let units: Vec<u16> = word.encode_utf16().collect();
                match charset {
                    Charset::CodePage => collation.encode(&units),
                    Charset::Utf16 => utf16le(&units),
                }
            };
            words.iter().map(encode).collect()
        };
        Some(Vocabulary {
            ordinary: encoded(ASCII),
            rare: encoded(rare),
            blank: if charset == Charset::Utf16 { &[b' ', 0] } else { b" " },
        })
    }

    pub fn word(&self, dice: &mut Dice<'_>) -> &[u8] {
        let words = if dice.one_in(8) && !self.rare.is_empty() { &self.rare } else { &self.ordinary };
        &words[dice.below(words.len() as u64) as usize]
    }
}
