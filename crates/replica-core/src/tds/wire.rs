//! Reading and writing the wire's little-endian scalars and counted strings ([MS-TDS] 2.2.5.1).
use std::borrow::Cow;
use std::fmt;

/// Bytes that no well-behaved peer sends. The connection they came over can't be used any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed TDS: {0}")]
pub struct Malformed(Cow<'static, str>);

impl Malformed {
    /// Of a message that says what was expected and what came.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self(what.into())
    }

    /// Puts the place before it.
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0).into())
    }
}

/// Why a parser stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// The rest has not arrived yet.
    Incomplete,
    /// Bytes that no sender may send.
    Malformed(Malformed),
}

impl ParseError {
    /// Of a message that says what was expected and what came.
    pub fn malformed(what: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed(Malformed::new(what))
    }
}

/// Turns "too few bytes" into a value: `Ok(None)`.
pub fn resumable<T>(parsed: Result<T, ParseError>) -> Result<Option<T>, Malformed> {
    match parsed {
        Ok(value) => Ok(Some(value)),
        Err(ParseError::Incomplete) => Ok(None),
        Err(ParseError::Malformed(why)) => Err(why),
    }
}

/// For bytes that are all there: "too few bytes" is then an error, which says what it was that is cut short.
pub fn complete<T>(parsed: Result<T, ParseError>, what: &'static str) -> Result<T, Malformed> {
    parsed.map_err(|stop| match stop {
        ParseError::Incomplete => Malformed::new(format!("{what} is cut short")),
        ParseError::Malformed(why) => why,
    })
}

/// A position in a buffer that may end too early. After an error the position means nothing.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Begins with the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Bytes that are not read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8], ParseError> {
        let end = self.at.checked_add(n).ok_or(ParseError::Incomplete)?;
        let bytes = self.bytes.get(self.at..end).ok_or(ParseError::Incomplete)?;
        self.at = end;
        Ok(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        self.bytes(N)?.try_into().map_err(|_| ParseError::Incomplete)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8, ParseError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// The next two bytes, the least significant first.
    pub fn u16(&mut self) -> Result<u16, ParseError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// The next four bytes, the least significant first.
    pub fn u32(&mut self) -> Result<u32, ParseError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// The next four bytes, the least significant first.
    pub fn i32(&mut self) -> Result<i32, ParseError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// The next eight bytes, the least significant first.
    pub fn u64(&mut self) -> Result<u64, ParseError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// B_VARCHAR: a length byte in UTF-16 units, then the units.
    pub fn b_varchar(&mut self) -> Result<String, ParseError> {
        let units = self.u8()?;
        self.utf16(usize::from(units))
    }

    /// US_VARCHAR: a USHORT length in UTF-16 units, then the units.
    pub fn us_varchar(&mut self) -> Result<String, ParseError> {
        let units = self.u16()?;
        self.utf16(usize::from(units))
    }

    /// B_VARBYTE: a length byte, then the bytes.
    pub fn b_varbyte(&mut self) -> Result<&'a [u8], ParseError> {
        let n = self.u8()?;
        self.bytes(usize::from(n))
    }

    /// Names and messages are for people and for quoting: a lone surrogate becomes U+FFFD.
    pub fn utf16(&mut self, units: usize) -> Result<String, ParseError> {
        Ok(from_utf16le(self.bytes(units * 2)?))
    }
}

/// Text from UTF-16LE; a lone surrogate becomes U+FFFD, an odd last byte is dropped.
pub fn from_utf16le(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0;
    // As most names are.
    if units.iter().all(|[low, high]| low.is_ascii() && *high == 0)
        && let Ok(text) = String::from_utf8(units.iter().map(|[low, _]| *low).collect())
    {
        return text;
    }
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Appends UTF-16, each unit's least significant byte first.
pub fn put_utf16le(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        // As nearly all SQL is: the catalog's questions are 10,000 letters for each table and side.
        let start = out.len();
        out.resize(start + 2 * text.len(), 0);
        for (unit, letter) in out[start..].as_chunks_mut::<2>().0.iter_mut().zip(text.bytes()) {
            *unit = [letter, 0];
        }
    } else {
        text.encode_utf16().for_each(|unit| out.extend_from_slice(&unit.to_le_bytes()));
    }
}

/// The UTF-16 units of a text.
pub fn utf16_units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// B_VARCHAR. What exceeds 255 units is cut off: identifiers have 128 at most.
pub fn put_b_varchar(text: &str, out: &mut Vec<u8>) {
    let units: Vec<u16> = text.encode_utf16().take(usize::from(u8::MAX)).collect();
    out.push(units.len() as u8);
    units.iter().for_each(|unit| out.extend_from_slice(&unit.to_le_bytes()));
}

/// US_VARCHAR. What exceeds `limit` units is cut off.
pub fn put_us_varchar(text: &str, limit: u16, out: &mut Vec<u8>) {
    let units: Vec<u16> = text.encode_utf16().take(usize::from(limit)).collect();
    out.extend_from_slice(&(units.len() as u16).to_le_bytes());
    units.iter().for_each(|unit| out.extend_from_slice(&unit.to_le_bytes()));
}

/// B_VARBYTE. What exceeds 255 bytes is cut off.
pub fn put_b_varbyte(bytes: &[u8], out: &mut Vec<u8>) {
    let bytes = &bytes[..bytes.len().min(usize::from(u8::MAX))];
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

/// Writes what `body` writes, preceded by its length as a USHORT, as most tokens have it.
/// The bodies written here are far below 64 KiB: every string in them is bounded.
pub(super) fn with_u16_length(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0, 0]);
    body(out);
    let length = u16::try_from(out.len() - at - 2).unwrap_or(u16::MAX);
    out[at..at + 2].copy_from_slice(&length.to_le_bytes());
}
