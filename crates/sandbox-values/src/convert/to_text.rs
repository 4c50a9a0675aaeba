//! To char, varchar, nchar, nvarchar, text and ntext.
use super::moment::Moment;
use super::text::{TextShape, units};
use super::{binary, errors, moment_format, number, number_text};
use crate::collation::Charset;
use crate::error::SqlError;
use crate::types::{SqlType, Value};

pub(super) fn to_text(
    value: &Value,
    from: &SqlType,
    to: &SqlType,
    style: Option<i32>,
) -> Result<Value, SqlError> {
    let Some(shape) = TextShape::of(to) else { return Err(errors::not_explicit(from, to)) };
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
    shape: &TextShape,
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
