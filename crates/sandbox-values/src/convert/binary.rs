//! Between binaries and everything else; GUIDs and xml, which are bytes too.
use super::text::{self, TextShape};
use super::{errors, number};
use crate::collation::{Charset, utf16le};
use crate::error::SqlError;
use crate::types::{Len, SqlType, Value};
use crate::wire::payload;
use crate::xml;

/// To binary, varbinary, image, rowversion and the CLR types.
pub(super) fn to_binary(
    value: &Value,
    from: &SqlType,
    to: &SqlType,
    style: Option<i32>,
) -> Result<Value, SqlError> {
    let mut bytes = match value {
        Value::Bytes(bytes) if from.is_character() => match style {
            Some(1 | 2) => {
                hex(&text::to_string(bytes, from), style).ok_or_else(|| errors::cannot_convert(from, to))?
            }
            _ => bytes.clone(),
        },
        Value::Bytes(bytes) => bytes.clone(),
        Value::Guid(bytes) => bytes.to_vec(),
        _ => big_endian(value, from).ok_or_else(|| errors::not_explicit(from, to))?,
    };
    // A number keeps its last bytes, anything else its first.
    let keeps_end = from.is_integer() || matches!(from, SqlType::Money | SqlType::SmallMoney);
    let (width, fixed) = match *to {
        SqlType::Binary(n) => (usize::from(n), true),
        SqlType::VarBinary(Len::N(n)) => (usize::from(n), false),
        SqlType::RowVersion => (8, true),
        _ => (usize::MAX, false),
    };
    if bytes.len() > width {
        if keeps_end {
            drop(bytes.drain(..bytes.len() - width));
        } else {
            bytes.truncate(width);
        }
    } else if fixed {
        if keeps_end {
            drop(bytes.splice(..0, std::iter::repeat_n(0, width - bytes.len())));
        } else {
            bytes.resize(width, 0);
        }
    }
    Ok(Value::Bytes(bytes))
}

/// Integers, money, floats and the old moments are big-endian; decimal and the newer moments are as they lie, with
/// precision and scale, or scale, before them.
fn big_endian(value: &Value, from: &SqlType) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match (value, from) {
        (Value::Money(n), SqlType::Money) => bytes.extend_from_slice(&n.to_be_bytes()),
        (Value::Int(_) | Value::Money(_) | Value::Float(_), _) => {
            payload::put(&mut bytes, from, value);
            bytes.reverse();
        }
        (Value::DateTime(days, units), _) => {
            bytes.extend_from_slice(&days.to_be_bytes());
            bytes.extend_from_slice(&units.to_be_bytes());
        }
        (Value::SmallDateTime(days, minutes), _) => {
            bytes.extend_from_slice(&days.to_be_bytes());
            bytes.extend_from_slice(&minutes.to_be_bytes());
        }
        (Value::Decimal(_), SqlType::Decimal { precision, scale, .. }) => {
            bytes.extend_from_slice(&[*precision, *scale, 0]);
            payload::put(&mut bytes, from, value);
        }
        (Value::Date(_), _) => payload::put(&mut bytes, from, value),
        (Value::Time(_) | Value::DateTime2(_) | Value::DateTimeOffset(..), _) => {
            bytes.push(from.scale());
            payload::put(&mut bytes, from, value);
        }
        _ => return None,
    }
    Some(bytes)
}

/// Binary to a number: the last bytes, filled up with zeros in front.
pub(super) fn to_number(bytes: &[u8], from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    if let SqlType::Decimal { .. } = to {
        return to_decimal(bytes, from, to);
    }
    let width = match to {
        SqlType::Bit => return Ok(Value::Int(i64::from(bytes.last().is_some_and(|&byte| byte != 0)))),
        SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        SqlType::Int | SqlType::SmallMoney => 4,
        _ => 8,
    };
    let kept = &bytes[bytes.len().saturating_sub(width)..];
    let n = kept.iter().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    Ok(match to {
        SqlType::SmallInt => Value::Int((n as i16).into()),
        SqlType::Int => Value::Int((n as i32).into()),
        SqlType::SmallMoney => Value::Money((n as i32).into()),
        SqlType::Money => Value::Money(n as i64),
        _ => Value::Int(n as i64),
    })
}

/// The form that [`big_endian`] makes, and no other.
fn to_decimal(bytes: &[u8], from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    let error = || errors::cannot_convert(from, to);
    let (&[precision, scale, _], rest) = bytes.split_first_chunk::<3>().ok_or_else(error)?;
    if !(1..=38).contains(&precision) || scale > precision {
        return Err(error());
    }
    let own = SqlType::Decimal { precision, scale, numeric: true };
    match payload::get(rest, &own) {
        Ok(Value::Decimal(n)) => number::narrow(number::Number::Decimal(n, scale), from, to),
        _ => Err(error()),
    }
}

/// Binary to a moment: what a moment's binary is, read back.
pub(super) fn to_moment(bytes: &[u8], from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    let error = || errors::date_out_of_range(from, to);
    let padded = |width: usize| {
        let kept = &bytes[bytes.len().saturating_sub(width)..];
        let mut wide = vec![0; width - kept.len()];
        wide.extend_from_slice(kept);
        wide
    };
    let little_endian = match to {
        SqlType::DateTime => {
            let mut wide = padded(8);
            wide[..4].reverse();
            wide[4..].reverse();
            wide
        }
        SqlType::SmallDateTime => {
            let mut wide = padded(4);
            wide[..2].reverse();
            wide[2..].reverse();
            wide
        }
        SqlType::Date => bytes.to_vec(),
        _ => match bytes.split_first() {
            Some((&scale, rest)) if scale == to.scale() => rest.to_vec(),
            _ => return Err(error()),
        },
    };
    payload::get(&little_endian, to).map_err(|_| error())
}

/// Binary to text: the bytes themselves, or hexadecimal with (1) or without (2) 0x. An odd byte for UTF-16 is
/// filled up with a zero.
pub(super) fn to_text_bytes(
    bytes: &[u8],
    shape: &TextShape,
    style: Option<i32>,
) -> Result<Vec<u8>, SqlError> {
    let digits = || bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    let text = match style {
        Some(1) => format!("0x{}", digits()),
        Some(2) => digits(),
        _ => {
            let mut bytes = bytes.to_vec();
            if shape.charset == Charset::Utf16 && !bytes.len().is_multiple_of(2) {
                bytes.push(0);
            }
            return Ok(bytes);
        }
    };
    Ok(shape.encode(&text.encode_utf16().collect::<Vec<_>>()))
}

/// Hexadecimal digits: with 0x before them in style 1, without in style 2.
fn hex(text: &str, style: Option<i32>) -> Option<Vec<u8>> {
    let text = text.trim_end_matches(' ');
    let digits = match style {
        Some(1) => text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?,
        _ => text,
    };
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect()
}

/// The first three groups of a GUID are little-endian on the wire.
const GUID_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

pub(super) fn guid_text(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (position, index) in GUID_ORDER.into_iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02X}", bytes[index]));
    }
    text
}

/// To uniqueidentifier: 36 characters, in braces or not, what follows them ignored (Microsoft,
/// "uniqueidentifier"); or up to 16 bytes.
pub(super) fn to_guid(value: &Value, from: &SqlType) -> Result<Value, SqlError> {
    let Value::Bytes(bytes) = value else {
        return Err(errors::not_explicit(from, &SqlType::UniqueIdentifier));
    };
    if from.is_character() {
        return guid_of_text(&text::to_string(bytes, from)).map(Value::Guid).ok_or_else(errors::not_a_guid);
    }
    let mut guid = [0; 16];
    for (to, from) in guid.iter_mut().zip(bytes) {
        *to = *from;
    }
    Ok(Value::Guid(guid))
}

fn guid_of_text(text: &str) -> Option<[u8; 16]> {
    let text = match text.strip_prefix('{') {
        Some(inner) => {
            if inner.as_bytes().get(36) != Some(&b'}') {
                return None;
            }
            inner
        }
        None => text,
    };
    let text = text.get(..36)?.as_bytes();
    let mut digits = Vec::with_capacity(32);
    for (position, &byte) in text.iter().enumerate() {
        match position {
            8 | 13 | 18 | 23 if byte == b'-' => {}
            8 | 13 | 18 | 23 => return None,
            _ => digits.push((byte as char).to_digit(16)? as u8),
        }
    }
    let mut guid = [0; 16];
    for (pair, index) in digits.chunks_exact(2).zip(GUID_ORDER) {
        guid[index] = pair[0] << 4 | pair[1];
    }
    Some(guid)
}

/// To xml, which is UTF-16 here. What is narrow is read as its declaration says, else in the code page of its collation;
/// binaries by their byte order mark, else as UTF-8 (Microsoft docs, "Create instances of XML data"). Styles 1 and 3 keep
/// white space.
pub(super) fn to_xml(value: &Value, from: &SqlType, style: Option<i32>) -> Result<Value, SqlError> {
    let Value::Bytes(bytes) = value else { return Err(errors::not_explicit(from, &SqlType::Xml)) };
    let (units, wide) = match from.charset() {
        Some(Charset::Utf16) => (text::units(bytes, from), true),
        Some(Charset::CodePage) => {
            let units = text::units(bytes, from);
            let declared = xml::declared_encoding(&characters(&units));
            let encoding = declared.and_then(|name| encoding_rs::Encoding::for_label(name.as_bytes()));
            match encoding.filter(|encoding| encoding.is_ascii_compatible()) {
                Some(encoding) => (encoding.decode(bytes).0.encode_utf16().collect(), false),
                None => (units, false),
            }
        }
        None => match encoding_rs::Encoding::for_bom(bytes) {
            Some((encoding, _)) => {
                (encoding.decode(bytes).0.encode_utf16().collect(), encoding == encoding_rs::UTF_16LE)
            }
            None => (String::from_utf8_lossy(bytes).encode_utf16().collect(), false),
        },
    };
    let text = xml::parse(&characters(&units), wide, matches!(style, Some(1 | 3)))?;
    Ok(Value::Bytes(utf16le(&text.encode_utf16().collect::<Vec<_>>())))
}

/// A lone surrogate is no character; what stands for it is none that XML allows.
fn characters(units: &[u16]) -> Vec<char> {
    char::decode_utf16(units.iter().copied()).map(|c| c.unwrap_or('\u{FFFE}')).collect()
}
