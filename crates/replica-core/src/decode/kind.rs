//! What the bytes of a column's values mean ([MS-TDS] 2.2.5.5).
use super::Charset;
use super::calendar::{DAYS_TO_1900, LAST_DAY};
use super::value::{Decimal, Moment, Text, Time, Value};
use crate::tds::bulk;
use crate::tds::types::{CollationBytes, TypeInfo, token};
use crate::tds::wire::{Malformed, ParseError, Reader, complete};

/// What the values of a column are. Decided once a column; see [`decode`](Self::decode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// One byte, 0 or 1.
    Bit,
    /// One byte, unsigned.
    TinyInt,
    /// Two bytes, signed.
    SmallInt,
    /// Four bytes, signed.
    Int,
    /// Eight bytes, signed.
    BigInt,
    /// Four bytes, IEEE 754.
    Real,
    /// Eight bytes, IEEE 754.
    Float,
    /// A sign and a number of 4 to 16 bytes.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Eight bytes, in 1/10,000.
    Money,
    /// Four bytes, in 1/10,000.
    SmallMoney,
    /// Days since 0001-01-01.
    Date,
    /// Units since midnight, with so many digits of a second.
    Time(u8),
    /// A time, then a date.
    DateTime2(u8),
    /// A time and a date in UTC, then the minutes from UTC.
    DateTimeOffset(u8),
    /// Days since 1900-01-01, and units of 1/300 s.
    DateTime,
    /// Days since 1900-01-01, and minutes.
    SmallDateTime,
    /// 16 bytes.
    Guid,
    /// Text in this charset.
    Text(Charset),
    /// Bytes.
    Binary,
    /// A sql_variant: a type, then a value of it.
    Variant,
}

/// datetime ends with 9999-12-31 and begins with 1753-01-01 (Microsoft docs, "datetime").
const DATETIME_DAYS: std::ops::RangeInclusive<i32> = -53_690..=(LAST_DAY - DAYS_TO_1900) as i32;
/// Units of 1/300 s in a day.
const DATETIME_DAY: u32 = 86_400 * 300;
/// datetimeoffset ends at +14:00 and -14:00 (Microsoft docs, "datetimeoffset").
const MOST_OFFSET: i16 = 14 * 60;
/// A time, with date and offset where the type has them.
type Parts<'a> = (Time, &'a [u8]);

impl ValueKind {
    /// # Errors
    /// A type that has no values.
    pub fn of(type_info: &TypeInfo) -> Result<Self, Malformed> {
        Ok(match bulk::type_info(type_info) {
            TypeInfo::Fixed { token } | TypeInfo::ByteLen { token, size: 0 } => {
                return Err(Malformed::new(format!("type 0x{token:02X} has no values")));
            }
            TypeInfo::ByteLen { token, size } => match (token, size) {
                (token::BITN, _) => Self::Bit,
                (token::INTN, 1) => Self::TinyInt,
                (token::INTN, 2) => Self::SmallInt,
                (token::INTN, 4) => Self::Int,
                (token::INTN, _) => Self::BigInt,
                (token::FLTN, 4) => Self::Real,
                (token::FLTN, _) => Self::Float,
                (token::MONEYN, 4) => Self::SmallMoney,
                (token::MONEYN, _) => Self::Money,
                (token::DATETIMN, 4) => Self::SmallDateTime,
                (token::DATETIMN, _) => Self::DateTime,
                _ => Self::Guid,
            },
            TypeInfo::Decimal { precision, scale, .. } => Self::Decimal { precision, scale },
            TypeInfo::Date => Self::Date,
            TypeInfo::Scaled { token, scale } => match token {
                token::TIMEN => Self::Time(scale),
                token::DATETIME2N => Self::DateTime2(scale),
                _ => Self::DateTimeOffset(scale),
            },
            TypeInfo::Chars { token: token::NCHAR | token::NVARCHAR, .. }
            | TypeInfo::LongLen { token: token::NTEXT, .. }
            | TypeInfo::Xml { .. } => Self::Text(Charset::Utf16),
            TypeInfo::Chars { collation, .. } | TypeInfo::LongLen { collation: Some(collation), .. } => {
                Self::Text(Charset::of(collation))
            }
            TypeInfo::Binary { .. } | TypeInfo::LongLen { .. } | TypeInfo::Udt { .. } => Self::Binary,
            TypeInfo::Variant { .. } => Self::Variant,
        })
    }

    /// The value that these bytes are. They are not NULL.
    ///
    /// # Errors
    /// Bytes that are no value of this type.
    pub fn decode(self, bytes: &[u8]) -> Result<Value<'_>, Malformed> {
        Ok(match self {
            Self::Bit => match array(bytes)? {
                [bit @ 0..=1] => Value::Bit(bit == 1),
                [other] => return Err(Malformed::new(format!("a bit of {other}"))),
            },
            Self::TinyInt => Value::Int(u8::from_le_bytes(array(bytes)?).into()),
            Self::SmallInt => Value::Int(i16::from_le_bytes(array(bytes)?).into()),
            Self::Int => Value::Int(i32::from_le_bytes(array(bytes)?).into()),
            Self::BigInt => Value::Int(i64::from_le_bytes(array(bytes)?)),
            Self::Real => Value::Real(f32::from_le_bytes(array(bytes)?)),
            Self::Float => Value::Float(f64::from_le_bytes(array(bytes)?)),
            Self::Decimal { precision, scale } => Value::Decimal(decimal(bytes, precision, scale)?),
            Self::Money => {
                // The upper half comes first.
                let [a, b, c, d, e, f, g, h] = array(bytes)?;
                Value::Money(i64::from_le_bytes([e, f, g, h, a, b, c, d]))
            }
            Self::SmallMoney => Value::Money(i32::from_le_bytes(array(bytes)?).into()),
            Self::Date => Value::Date(date(bytes)?),
            Self::Time(scale) => match time(bytes, scale)? {
                (time, []) => Value::Time(time),
                _ => return Err(wrong_length(bytes)),
            },
            Self::DateTime2(scale) => {
                let (time, days) = time(bytes, scale)?;
                Value::DateTime2(Moment { days: date(days)?, time })
            }
            Self::DateTimeOffset(scale) => {
                let (time, rest) = time(bytes, scale)?;
                let (days, offset) = rest.split_last_chunk().ok_or_else(|| wrong_length(bytes))?;
                let offset = i16::from_le_bytes(*offset);
                if !(-MOST_OFFSET..=MOST_OFFSET).contains(&offset) {
                    return Err(Malformed::new(format!("an offset of {offset} minutes")));
                }
                Value::DateTimeOffset(Moment { days: date(days)?, time }, offset)
            }
            Self::DateTime => {
                let [a, b, c, d, e, f, g, h] = array(bytes)?;
                let (days, units) = (i32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
                if !DATETIME_DAYS.contains(&days) || units >= DATETIME_DAY {
                    return Err(Malformed::new(format!("a datetime of day {days}, unit {units}")));
                }
                Value::DateTime(days, units)
            }
            Self::SmallDateTime => {
                let [a, b, c, d] = array(bytes)?;
                let (days, minutes) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
                if minutes >= 24 * 60 {
                    return Err(Malformed::new(format!("a smalldatetime of minute {minutes}")));
                }
                Value::SmallDateTime(days, minutes)
            }
            Self::Guid => Value::Guid(array(bytes)?),
            Self::Text(charset) => Value::Text(Text { bytes, charset }),
            Self::Binary => Value::Binary(bytes),
            Self::Variant => complete(variant(bytes), "a sql_variant")?,
        })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Malformed> {
    bytes.try_into().map_err(|_| wrong_length(bytes))
}

fn wrong_length(bytes: &[u8]) -> Malformed {
    Malformed::new(format!("{} bytes are not what its type has", bytes.len()))
}

/// A sign and 4, 8, 12 or 16 bytes: servers send the shortest that the precision needs, or the longest.
fn decimal(bytes: &[u8], precision: u8, scale: u8) -> Result<Decimal, Malformed> {
    let (&sign, digits) = bytes.split_first().ok_or_else(|| wrong_length(bytes))?;
    let mut wide = [0; 16];
    if !matches!(digits.len(), 4 | 8 | 12 | 16) {
        return Err(wrong_length(bytes));
    }
    wide[..digits.len()].copy_from_slice(digits);
    let magnitude = u128::from_le_bytes(wide);
    if sign > 1 || magnitude >= 10u128.pow(precision.min(38).into()) {
        return Err(Malformed::new(format!("sign {sign} and {magnitude} in decimal({precision},{scale})")));
    }
    Ok(Decimal { negative: sign == 0, magnitude, precision, scale })
}

fn date(bytes: &[u8]) -> Result<u32, Malformed> {
    let [a, b, c] = array(bytes)?;
    match u32::from_le_bytes([a, b, c, 0]) {
        days @ 0..=LAST_DAY => Ok(days),
        days => Err(Malformed::new(format!("a date of day {days}"))),
    }
}

/// A time of day, and the bytes after it ([MS-TDS] 2.2.5.5.1.8).
fn time(bytes: &[u8], scale: u8) -> Result<Parts<'_>, Malformed> {
    let size = match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    let (time, rest) = bytes.split_at_checked(size).ok_or_else(|| wrong_length(bytes))?;
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(time);
    let units = u64::from_le_bytes(wide);
    let ticks = units.saturating_mul(10u64.pow(7u32.saturating_sub(scale.into())));
    if ticks >= Time::DAY {
        return Err(Malformed::new(format!("a time of {units} units of scale {scale}")));
    }
    Ok((Time { ticks, scale }, rest))
}

/// Base type, its properties, the value ([MS-TDS] 2.2.5.5.4).
fn variant(bytes: &[u8]) -> Result<Value<'_>, ParseError> {
    let mut reader = Reader::new(bytes);
    let base = reader.u8()?;
    let mut properties = Reader::new(reader.b_varbyte()?);
    let kind = match base {
        token::DATEN => ValueKind::Date,
        token::TIMEN => ValueKind::Time(scale(&mut properties)?),
        token::DATETIME2N => ValueKind::DateTime2(scale(&mut properties)?),
        token::DATETIMEOFFSETN => ValueKind::DateTimeOffset(scale(&mut properties)?),
        token::DECIMALN | token::NUMERICN => {
            let [precision, scale] = properties.array()?;
            if !(1..=38).contains(&precision) || scale > precision {
                return Err(ParseError::malformed(format!("decimal({precision},{scale})")));
            }
            ValueKind::Decimal { precision, scale }
        }
        token::BIGBINARY | token::BIGVARBINARY => {
            properties.u16()?;
            ValueKind::Binary
        }
        token::BIGCHAR | token::BIGVARCHAR | token::NCHAR | token::NVARCHAR => {
            let collation = CollationBytes(properties.array()?);
            properties.u16()?;
            let unicode = matches!(base, token::NCHAR | token::NVARCHAR);
            ValueKind::Text(if unicode { Charset::Utf16 } else { Charset::of(collation) })
        }
        token::GUID => ValueKind::Guid,
        token => match crate::tds::types::fixed_size(token) {
            Some(_) => ValueKind::of(&TypeInfo::Fixed { token }).map_err(ParseError::Malformed)?,
            None => return Err(ParseError::malformed(format!("a sql_variant of type 0x{token:02X}"))),
        },
    };
    if properties.remaining() > 0 {
        return Err(ParseError::malformed(format!("{} odd bytes in a sql_variant", properties.remaining())));
    }
    let value = kind.decode(reader.bytes(reader.remaining())?).map_err(ParseError::Malformed)?;
    Ok(Value::Variant(kind, Box::new(value)))
}

fn scale(properties: &mut Reader<'_>) -> Result<u8, ParseError> {
    match properties.u8()? {
        scale @ 0..=7 => Ok(scale),
        scale => Err(ParseError::malformed(format!("scale {scale} in a sql_variant"))),
    }
}
