//! To char, varchar, nchar, nvarchar, text and ntext.
use super::moment::Moment;
use super::{binary, errors, moment_format, number, number_text};
use crate::collation::{Charset, units_from_utf16le, utf16le};
use crate::error::SqlError;
use crate::types::{CollationId, Len, SqlType, Value};

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
pub(super) struct Shape {
    pub charset: Charset,
    pub collation: CollationId,
    /// Bytes; `None` without limit.
    pub width: Option<usize>,
    /// char and nchar are filled up with blanks.
    pub fixed: bool,
}

impl Shape {
    pub(super) fn of(to: &SqlType) -> Option<Shape> {
        let (charset, collation) = (to.charset()?, to.collation()?);
        let (width, fixed) = match *to {
            SqlType::Char(n, _) => (Some(n.into()), true),
            SqlType::VarChar(Len::N(n), _) => (Some(n.into()), false),
            SqlType::NChar(n, _) => (Some(2 * usize::from(n)), true),
            SqlType::NVarChar(Len::N(n), _) => (Some(2 * usize::from(n)), false),
            _ => (None, false),
        };
        Some(Shape { charset, collation, width, fixed })
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

pub(super) fn to_text(
    value: &Value,
    from: &SqlType,
    to: &SqlType,
    style: Option<i32>,
) -> Result<Value, SqlError> {
    let Some(shape) = Shape::of(to) else { return Err(errors::not_explicit(from, to)) };
    let mut bytes = match value {
        Value::Bytes(bytes)
            if from.is_character()
                && from.charset() == to.charset()
                && from.collation() == to.collation() =>
        {
            bytes.clone()
        }
        Value::Bytes(bytes) if from.is_character() || *from == SqlType::Xml => {
            shape.encode(&units(bytes, from))
        }
        Value::Bytes(bytes) => binary::to_text_bytes(bytes, &shape, style)?,
        _ => shape.encode(&ascii(value, from, to, style, &shape)?),
    };
    shape.cut(&mut bytes);
    shape.pad(&mut bytes);
    Ok(Value::Bytes(bytes))
}

/// Numbers, moments and GUIDs as text that must fit: what SQL Server does when it does not differs by type
/// (Microsoft, "CAST and CONVERT", "Truncating and rounding results").
fn ascii(
    value: &Value,
    from: &SqlType,
    to: &SqlType,
    style: Option<i32>,
    shape: &Shape,
) -> Result<Vec<u16>, SqlError> {
    let text = match (value, number::of_value(value, from)) {
        (_, Some(number)) => number_text::format(number, from, style),
        (Value::Guid(bytes), _) => binary::guid_text(bytes),
        _ => match Moment::of_value(value) {
            Some(moment) => moment_format::format(moment, from, style)?,
            None => return Err(errors::not_explicit(from, to)),
        },
    };
    let unit = if shape.charset == Charset::Utf16 { 2 } else { 1 };
    let fits = shape.width.is_none_or(|width| text.len() * unit <= width);
    let units = |text: &str| text.encode_utf16().collect();
    match from {
        _ if fits => Ok(units(&text)),
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int if shape.charset == Charset::CodePage => {
            Ok(units("*"))
        }
        SqlType::Money | SqlType::SmallMoney => Err(errors::no_room_for_money(from, to)),
        SqlType::UniqueIdentifier => Err(errors::no_room_for_guid()),
        _ if from.is_integer() => Err(errors::overflow(to)),
        _ if from.is_number() => Err(errors::overflow_from(from, to)),
        // Dates are cut.
        _ => Ok(units(&text)),
    }
}
