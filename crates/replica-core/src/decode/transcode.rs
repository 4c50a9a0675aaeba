//! Long texts that come piece by piece, of which no more than a piece is in memory.
use std::str;

use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16LE};

use super::Charset;

/// From the bytes of a charset to UTF-8, with U+FFFD for what is no character. What a piece lacks of a character is waited for.
pub struct TextDecoder {
    charset: Charset,
    /// `None`: each byte is a character.
    decoder: Option<Decoder>,
    /// The bytes that no character has come of yet. `None`: the text gives other bytes than it came from.
    pending: Option<Vec<u8>>,
}

impl TextDecoder {
    /// For text in this charset.
    pub fn new(charset: Charset) -> Self {
        Self { pending: Some(Vec::new()), ..Self::lossy(charset) }
    }

    /// As [`Self::new`], for who does not ask whether it [is exact](Self::is_exact).
    pub fn lossy(charset: Charset) -> Self {
        let encoding = match charset {
            Charset::Utf16 => Some(UTF_16LE),
            Charset::Utf8 => Some(UTF_8),
            Charset::Page(encoding) => Some(encoding),
            Charset::Dos(_) | Charset::Unknown => None,
        };
        let decoder = encoding.map(|encoding| encoding.new_decoder_without_bom_handling());
        Self { charset, decoder, pending: None }
    }

    /// Appends the characters of the next bytes to `text`. `last`: no more come.
    pub fn push(&mut self, bytes: &[u8], last: bool, text: &mut String) {
        let start = text.len();
        match &mut self.decoder {
            Some(decoder) => {
                let mut rest = bytes;
                loop {
                    // Three bytes of UTF-8 are the most that one byte comes to, and U+FFFD may stand for one that was waited for.
                    text.reserve(3 * rest.len() + 16);
                    let (result, read, _) = decoder.decode_to_string(rest, text, last);
                    rest = &rest[read..];
                    if result == CoderResult::InputEmpty {
                        break;
                    }
                }
            }
            None => text.push_str(&self.charset.decode_lossy(bytes)),
        }
        if let Some(pending) = &mut self.pending {
            pending.extend_from_slice(bytes);
            let own = self.charset.encode(&text[start..]);
            match own.filter(|own| pending.starts_with(own)) {
                Some(own) => drop(pending.drain(..own.len())),
                None => self.pending = None,
            }
        }
    }

    /// Whether the text, which has ended, gives the bytes that it came from.
    pub fn is_exact(&self) -> bool {
        self.pending.as_ref().is_some_and(Vec::is_empty)
    }
}

/// From UTF-8 to the bytes of a charset.
pub struct TextEncoder {
    charset: Charset,
    /// Of a character that is not complete yet.
    begun: Vec<u8>,
}

impl TextEncoder {
    /// For text in this charset.
    pub fn new(charset: Charset) -> Self {
        Self { charset, begun: Vec::new() }
    }

    /// Appends the bytes of the next characters to `out`. `None`: this is no UTF-8, or a character has no bytes here.
    pub fn push(&mut self, utf8: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.begun.extend_from_slice(utf8);
        let complete = match str::from_utf8(&self.begun) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return None,
        };
        let text = str::from_utf8(self.begun.get(..complete)?).ok()?;
        self.charset.put(text, out)?;
        self.begun.drain(..complete);
        Some(())
    }

    /// Whether the text may end here.
    pub fn is_between_characters(&self) -> bool {
        self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(charset: Charset, bytes: &[u8], piece: usize) -> (String, bool) {
        let mut decoder = TextDecoder::new(charset);
        let mut text = String::new();
        bytes.chunks(piece).for_each(|piece| decoder.push(piece, false, &mut text));
        decoder.push(&[], true, &mut text);
        (text, decoder.is_exact())
    }

    fn encoded(charset: Charset, text: &str, piece: usize) -> Option<Vec<u8>> {
        let mut encoder = TextEncoder::new(charset);
        let mut bytes = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            encoder.push(piece, &mut bytes)?;
        }
        assert!(encoder.is_between_characters());
        Some(bytes)
    }

    #[test]
    fn pieces_give_what_the_whole_does() {
        for (charset, text) in [
            (Charset::Utf16, "aé€𝄞\u{FEFF}"),
            (Charset::Utf8, "aé€𝄞"),
            (Charset::of_page(932), "aあ漢ｱ"),
            (Charset::of_page(437), "aÇ■"),
            (Charset::Unknown, "ascii"),
        ] {
            let bytes = charset.encode(text).unwrap();
            for piece in 1..=bytes.len() {
                assert_eq!(decoded(charset, &bytes, piece), (text.to_owned(), true), "{charset:?}, {piece}");
            }
            for piece in 1..=text.len() {
                assert_eq!(encoded(charset, text, piece).as_deref(), Some(&*bytes), "{charset:?}, {piece}");
            }
        }
    }

    #[test]
    fn what_does_not_come_back_is_told() {
        let lone = [b'a', 0, 0x3D, 0xD8, b'b', 0];
        for (charset, bytes) in [
            (Charset::Utf16, &lone[..]),
            (Charset::Utf16, &lone[..4]),
            (Charset::Utf16, &lone[..3]),
            (Charset::Utf8, b"a\xE2\x82"),
            (Charset::Utf8, b"\xFFa"),
            (Charset::of_page(932), b"a\x82"),
            (Charset::Unknown, b"caf\xE9"),
        ] {
            for piece in 1..=bytes.len() {
                let expected = (charset.decode_lossy(bytes).into_owned(), false);
                assert_eq!(decoded(charset, bytes, piece), expected, "{charset:?}, {piece}");
            }
        }
        assert_eq!(encoded(Charset::of_page(1252), "aΩ", 1), None);
        let mut encoder = TextEncoder::new(Charset::Utf16);
        assert_eq!(encoder.push(b"a\xFF", &mut Vec::new()), None);
        encoder = TextEncoder::new(Charset::Utf16);
        encoder.push("é".get(..0).unwrap().as_bytes(), &mut Vec::new()).unwrap();
        encoder.push(b"\xC3", &mut Vec::new()).unwrap();
        assert!(!encoder.is_between_characters());
    }
}
