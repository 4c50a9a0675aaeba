//! Characters of char, varchar, text and the n-types, from and to the bytes that they have on the wire.
use std::borrow::Cow;

use encoding_rs::{
    BIG5, CoderResult, EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_16LE, WINDOWS_874, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
};

use crate::tds::types::CollationBytes;
use crate::tds::wire::put_utf16le;

/// How characters lie in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Little-endian. A value may have half a surrogate pair: SQL Server does not look.
    Utf16,
    /// Of collations whose names end in `_UTF8`.
    Utf8,
    /// A Windows code page. The web's tables are Windows' but for a few bytes that Windows leaves to private use.
    Page(&'static Encoding),
    /// A code page of MS-DOS: the characters of 0x80 to 0xFF.
    Dos(&'static str),
    /// A code page that is unknown here: ASCII alone is sure.
    Unknown,
}

const DOS_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
    αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{A0}";
const DOS_850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀\
    ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{AD}±‗¾¶§÷¸°¨·¹³²■\u{A0}";

/// The bit of the collation's flags that says UTF-8 ([MS-TDS] 2.2.5.1.2, fUTF8).
const UTF8_FLAG: u32 = 1 << 26;

impl Charset {
    /// What a collation says of char, varchar and text ([MS-TDS] 2.2.5.1.2: a SQL collation by its sort id, any
    /// other by its LCID). The five bytes of `default`, all zero, say nothing.
    pub fn of(collation: CollationBytes) -> Self {
        let [a, b, c, d, sort_id] = collation.0;
        let word = u32::from_le_bytes([a, b, c, d]);
        let page = match (word & UTF8_FLAG != 0, sort_id) {
            (true, _) => 65001,
            (_, 0) => page_of_lcid(word & 0xF_FFFF),
            _ => page_of_sort_id(sort_id),
        };
        Self::of_page(page)
    }

    /// By the number of a Windows code page, as `COLLATIONPROPERTY(…, 'CodePage')` has it.
    pub fn of_page(page: u32) -> Self {
        Self::Page(match page {
            437 => return Self::Dos(DOS_437),
            850 => return Self::Dos(DOS_850),
            65001 => return Self::Utf8,
            874 => WINDOWS_874,
            932 => SHIFT_JIS,
            936 => GBK,
            949 => EUC_KR,
            950 => BIG5,
            1250 => WINDOWS_1250,
            1251 => WINDOWS_1251,
            1252 => WINDOWS_1252,
            1253 => WINDOWS_1253,
            1254 => WINDOWS_1254,
            1255 => WINDOWS_1255,
            1256 => WINDOWS_1256,
            1257 => WINDOWS_1257,
            1258 => WINDOWS_1258,
            _ => return Self::Unknown,
        })
    }

    /// The text, if all bytes are characters.
    pub fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Utf16 => UTF_16LE.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Utf8 => str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Page(encoding) => encoding.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Dos(upper) => Some(dos(upper, bytes)),
            Self::Unknown if bytes.is_ascii() => str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Unknown => None,
        }
    }

    /// The text, with U+FFFD for what is no character.
    pub fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Utf16 => lossy(UTF_16LE, bytes),
            Self::Utf8 => String::from_utf8_lossy(bytes),
            Self::Page(encoding) => lossy(encoding, bytes),
            Self::Dos(upper) => dos(upper, bytes),
            Self::Unknown => {
                let chars = bytes.iter().map(|&byte| match byte {
                    0..0x80 => char::from(byte),
                    _ => char::REPLACEMENT_CHARACTER,
                });
                chars.collect()
            }
        }
    }

    /// Whether these are the bytes of a text. It may be long: no copy of it is made where that can be.
    pub fn encodes(self, text: &str, bytes: &[u8]) -> bool {
        match self {
            Self::Utf16 => {
                let (units, rest) = bytes.as_chunks();
                rest.is_empty() && text.encode_utf16().eq(units.iter().map(|unit| u16::from_le_bytes(*unit)))
            }
            _ => self.encode(text).is_some_and(|own| own == bytes),
        }
    }

    /// Appends the bytes of a text. `None`: it has none here.
    pub fn put(self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Utf16 => put_utf16le(text, out),
            _ => out.extend_from_slice(&self.encode(text)?),
        }
        Some(())
    }

    /// The bytes of a text, if it has any here.
    pub fn encode(self, text: &str) -> Option<Cow<'_, [u8]>> {
        Some(match self {
            Self::Utf16 => {
                let mut bytes = Vec::with_capacity(2 * text.len());
                put_utf16le(text, &mut bytes);
                bytes.into()
            }
            Self::Utf8 => Cow::Borrowed(text.as_bytes()),
            Self::Page(encoding) => match encoding.encode(text) {
                (bytes, _, false) => bytes,
                _ => return None,
            },
            Self::Dos(_) | Self::Unknown if text.is_ascii() => Cow::Borrowed(text.as_bytes()),
            Self::Dos(upper) => text.chars().map(|c| dos_byte(upper, c)).collect::<Option<Vec<u8>>>()?.into(),
            Self::Unknown => return None,
        })
    }
}

/// Bytes of a text that is decoded piece by piece, and of a piece.
const LONG: usize = 1 << 20;

/// The decoder makes room for the most that so many bytes can come to, and writes to all of it: three times what a long text takes.
fn lossy<'a>(encoding: &'static Encoding, mut bytes: &'a [u8]) -> Cow<'a, str> {
    if bytes.len() < LONG {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::new();
    loop {
        text.reserve_exact(LONG);
        let (result, read, _) = decoder.decode_to_string(bytes, &mut text, true);
        bytes = &bytes[read..];
        if result == CoderResult::InputEmpty {
            return text.into();
        }
    }
}

fn dos<'a>(upper: &str, bytes: &'a [u8]) -> Cow<'a, str> {
    if bytes.is_ascii() {
        return String::from_utf8_lossy(bytes);
    }
    let upper: Vec<char> = upper.chars().collect();
    let chars = bytes.iter().map(|&byte| match byte {
        0..0x80 => char::from(byte),
        _ => upper.get(usize::from(byte - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
    });
    chars.collect()
}

fn dos_byte(upper: &str, c: char) -> Option<u8> {
    if c.is_ascii() {
        return Some(c as u8);
    }
    let position = upper.chars().position(|other| other == c)?;
    u8::try_from(position + 0x80).ok()
}

/// The ANSI code page of a Windows locale ([MS-LCID]; the sort in the bits above 16 changes nothing). Locales of
/// scripts that have none, such as Hindi, cannot be the collation of a varchar.
fn page_of_lcid(lcid: u32) -> u32 {
    match (lcid & 0xFFFF, lcid & 0x3FF) {
        (0, _) => 0,
        // Serbian and Bosnian in Cyrillic; other Serbian, Croatian and Bosnian; Azeri and Uzbek in Cyrillic.
        (0x0C1A | 0x1C1A | 0x201A | 0x082C | 0x0843, _) => 1251,
        (0x0804 | 0x1004, _) => 936,
        (_, 0x04) => 950,
        (_, 0x11) => 932,
        (_, 0x12) => 949,
        (_, 0x1E) => 874,
        // Czech, Hungarian, Polish, Romanian, Croatian, Slovak, Albanian, Slovenian, Turkmen.
        (_, 0x05 | 0x0E | 0x15 | 0x18 | 0x1A | 0x1B | 0x1C | 0x24 | 0x42) => 1250,
        // Bulgarian, Russian, Ukrainian, Belarusian, Tajik, Macedonian, Kazakh, Kyrgyz, Tatar, Mongolian, Bashkir,
        // Yakut.
        (_, 0x02 | 0x19 | 0x22 | 0x23 | 0x28 | 0x2F | 0x3F | 0x40 | 0x44 | 0x50 | 0x6D | 0x85) => 1251,
        (_, 0x08) => 1253,
        // Turkish, Azeri, Uzbek.
        (_, 0x1F | 0x2C | 0x43) => 1254,
        (_, 0x0D) => 1255,
        // Arabic, Urdu, Persian, Uighur, Dari.
        (_, 0x01 | 0x20 | 0x29 | 0x80 | 0x8C) => 1256,
        // Estonian, Latvian, Lithuanian.
        (_, 0x25..=0x27) => 1257,
        (_, 0x2A) => 1258,
        _ => 1252,
    }
}

/// The code page of a SQL Server collation (Microsoft docs, "SQL Server Collation Name"; the Japanese, Korean and
/// Chinese ones, which the page no longer lists, as mssql-jdbc's SQLCollation.java has them).
fn page_of_sort_id(sort_id: u8) -> u32 {
    match sort_id {
        30..=35 => 437,
        40..=49 | 55..=61 => 850,
        50..=54 | 71..=75 | 183..=186 | 210..=217 => 1252,
        80..=98 => 1250,
        104..=108 => 1251,
        112..=124 => 1253,
        128..=130 => 1254,
        136..=138 => 1255,
        144..=146 => 1256,
        152..=160 => 1257,
        192 | 193 | 200 => 932,
        194 | 195 | 201 => 949,
        196 | 197 | 202 => 950,
        198 | 199 | 203 => 936,
        204..=206 => 874,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collations_name_their_code_page() {
        for (bytes, page) in [
            ([0x09, 0x04, 0xD0, 0x00, 0x34], 1252),
            ([0x09, 0x04, 0x00, 0x26, 0x00], 65001),
            ([0x19, 0x04, 0x00, 0x22, 0x00], 1251),
            ([0x11, 0x04, 0xD0, 0x00, 0x00], 932),
            ([0x0E, 0x04, 0xD1, 0x00, 0x00], 1250),
            ([0x04, 0x08, 0xD2, 0x00, 0x00], 936),
            ([0x04, 0x0C, 0xD0, 0x00, 0x00], 950),
            ([0x1A, 0x0C, 0xD0, 0x20, 0x00], 1251),
            ([0x1A, 0x08, 0xD0, 0x20, 0x00], 1250),
            ([0x09, 0x04, 0x00, 0x00, 0x1F], 437),
            ([0x09, 0x04, 0x00, 0x00, 0x29], 850),
            ([0; 5], 0),
        ] {
            assert_eq!(Charset::of(CollationBytes(bytes)), Charset::of_page(page), "{bytes:02X?}");
        }
    }

    #[test]
    fn long_texts_are_decoded_as_short_ones() {
        for (charset, text) in [(Charset::Utf16, "aé€𝄞"), (Charset::of_page(932), "aあ漢ｱ")] {
            let mut bytes = charset.encode(&text.repeat(400_000)).unwrap().into_owned();
            assert!(bytes.len() > 2 * LONG);
            assert!(charset.decode_lossy(&bytes) == text.repeat(400_000));
            // Half a character at the end.
            bytes.extend(charset.encode("漢").unwrap().first());
            assert!(charset.decode_lossy(&bytes) == text.repeat(400_000) + "\u{FFFD}");
        }
    }

    #[test]
    fn pages_of_ms_dos_are_whole() {
        for page in [437, 850] {
            let charset = Charset::of_page(page);
            let bytes: Vec<u8> = (0..=255).collect();
            let text = charset.decode(&bytes).unwrap();
            assert_eq!(text.chars().count(), 256);
            assert_eq!(charset.encode(&text).unwrap(), bytes);
        }
        assert_eq!(Charset::of_page(437).decode(b"\x80\x9E\xE3\xFE").unwrap(), "Ç₧π■");
        assert_eq!(Charset::of_page(850).decode(b"\x80\x9E\xE3\xF0").unwrap(), "Ç×Ò\u{AD}");
    }

    #[test]
    fn what_is_no_character_is_said() {
        let lone = [0x00, 0xD8];
        assert_eq!(Charset::Utf16.decode(&lone), None);
        assert_eq!(Charset::Utf16.decode_lossy(&lone), "\u{FFFD}");
        assert_eq!(Charset::Utf16.decode(b"a\0b"), None);
        assert_eq!(Charset::Utf8.decode(b"\xFF"), None);
        assert_eq!(Charset::Unknown.decode(b"plain").unwrap(), "plain");
        assert_eq!(Charset::Unknown.decode_lossy(b"caf\xE9"), "caf\u{FFFD}");
        assert_eq!(Charset::of_page(1252).encode("Ω"), None);
        assert_eq!(Charset::Utf16.decode(b"\xFF\xFEa\0").unwrap(), "\u{FEFF}a", "a BOM is a character");
    }
}
