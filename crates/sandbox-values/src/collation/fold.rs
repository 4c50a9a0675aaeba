//! What a character is made of: its letter, its accent, its case.
//!
//! An approximation of Windows' weight tables by simple rules: Unicode's simple lower case, the accents of
//! Latin, Greek and Cyrillic letters, full width and kana, and the Latin ligatures. Characters outside these
//! compare by code point.

/// A character with its differences taken off and kept beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folded {
    pub base: u32,
    /// 1 for none.
    pub accent: u8,
    /// Bit 0 upper case, bit 1 full or half width, bit 2 hiragana.
    pub variant: u8,
}

pub(super) const UPPER: u8 = 1;
pub(super) const WIDTH: u8 = 2;
pub(super) const HIRAGANA: u8 = 4;

/// A base letter, then its accented forms. The n-th is accent n + 1. й and ё are letters of their own to
/// Windows, hence absent.
const ACCENTED: &[&str] = &[
    "aàáâãäåāăąǎǻ",
    "cçćĉċč",
    "dďđ",
    "eèéêëēĕėęě",
    "gĝğġģǧ",
    "hĥħ",
    "iìíîïĩīĭįǐ",
    "jĵ",
    "kķǩ",
    "lĺļľŀł",
    "nñńņňŉ",
    "oòóôõöøōŏőǒǿ",
    "rŕŗř",
    "sśŝşšș",
    "tţťŧț",
    "uùúûüũūŭůűųǔ",
    "wŵẁẃẅ",
    "yýÿŷỳ",
    "zźżž",
    "αά",
    "εέ",
    "ηή",
    "ιίϊΐ",
    "οό",
    "υύϋΰ",
    "ωώ",
];

/// Half-width katakana U+FF66 to U+FF9D in order.
const HALF_WIDTH_KATAKANA: &str = "ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";

/// `turkish`: i and ı are two letters, each with its own capital.
pub(super) fn fold(code: u32, turkish: bool) -> Folded {
    let mut folded = Folded { base: code, accent: 1, variant: 0 };
    if code < 0x80 {
        fold_ascii(&mut folded, turkish);
        return folded;
    }
    widen(&mut folded);
    lower(&mut folded, turkish);
    if let Some((base, accent)) = accent_of(folded.base) {
        folded.base = base;
        folded.accent = accent;
    }
    folded
}

fn fold_ascii(folded: &mut Folded, turkish: bool) {
    if (0x41..=0x5A).contains(&folded.base) {
        folded.variant = UPPER;
        folded.base = if turkish && folded.base == 0x49 { 'ı' as u32 } else { folded.base + 0x20 };
    }
}

/// Full-width forms to ASCII, half-width to full-width katakana, hiragana to katakana.
fn widen(folded: &mut Folded) {
    match folded.base {
        0xFF01..=0xFF5E => {
            folded.base -= 0xFEE0;
            folded.variant |= WIDTH;
        }
        0x3000 => {
            folded.base = 0x20;
            folded.variant |= WIDTH;
        }
        half @ 0xFF66..=0xFF9D => {
            let index = (half - 0xFF66) as usize;
            if let Some(full) = HALF_WIDTH_KATAKANA.chars().nth(index) {
                folded.base = full as u32;
                folded.variant |= WIDTH;
            }
        }
        0x3041..=0x3096 => {
            folded.base += 0x60;
            folded.variant |= HIRAGANA;
        }
        _ => {}
    }
}

fn lower(folded: &mut Folded, turkish: bool) {
    let Some(character) = char::from_u32(folded.base) else { return };
    if turkish && character == 'İ' {
        folded.base = 'i' as u32;
        folded.variant |= UPPER;
        return;
    }
    let mut lower = character.to_lowercase();
    if let (Some(first), None) = (lower.next(), lower.next())
        && first != character
    {
        folded.base = first as u32;
        folded.variant |= UPPER;
    }
}

fn accent_of(code: u32) -> Option<(u32, u8)> {
    let character = char::from_u32(code)?;
    ACCENTED.iter().find_map(|row| {
        let index = row.chars().position(|candidate| candidate == character)?;
        Some((row.chars().next()? as u32, index as u8 + 1))
    })
}

/// Letters that equal two others to Windows. œ is unconfirmed.
pub(super) fn expand(code: u32) -> Option<[u32; 2]> {
    let pair = |a: char, b: char| Some([a as u32, b as u32]);
    match char::from_u32(code)? {
        'ß' => pair('s', 's'),
        'ẞ' => pair('S', 'S'),
        'æ' => pair('a', 'e'),
        'Æ' => pair('A', 'E'),
        'œ' => pair('o', 'e'),
        'Œ' => pair('O', 'E'),
        'þ' => pair('t', 'h'),
        'Þ' => pair('T', 'H'),
        _ => None,
    }
}
