//! The bytes of one value without its length ([MS-TDS] 2.2.5.5.1), both ways.
use crate::catalog::time_bytes;
use crate::types::{SqlType, Value};

/// 100 ns units in a day.
pub const TICKS_A_DAY: u64 = 864_000_000_000;
/// Days from 0001-01-01 to 9999-12-31.
pub const LAST_DAY: u32 = 3_652_058;
/// datetime: 1753-01-01 and 9999-12-31 counted from 1900-01-01.
const DATETIME_DAYS: std::ops::RangeInclusive<i32> = -53_690..=2_958_463;

/// Bytes of a decimal on the wire, sign included ([MS-TDS] 2.2.5.5.1.6).
pub fn decimal_len(precision: u8) -> usize {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// Appends the bytes of a value of `sql_type`. A value that is not of the type appends nothing.
pub fn put(out: &mut Vec<u8>, sql_type: &SqlType, value: &Value) {
    match (value, sql_type) {
        (Value::Int(n), SqlType::Bit | SqlType::TinyInt) => out.push(*n as u8),
        (Value::Int(n), SqlType::SmallInt) => out.extend_from_slice(&(*n as i16).to_le_bytes()),
        (Value::Int(n), SqlType::Int) => out.extend_from_slice(&(*n as i32).to_le_bytes()),
        (Value::Int(n), _) => out.extend_from_slice(&n.to_le_bytes()),
        (Value::Money(n), SqlType::SmallMoney) => out.extend_from_slice(&(*n as i32).to_le_bytes()),
        (Value::Money(n), _) => {
            out.extend_from_slice(&((n >> 32) as i32).to_le_bytes());
            out.extend_from_slice(&(*n as u32).to_le_bytes());
        }
        (Value::Float(x), SqlType::Real) => out.extend_from_slice(&(*x as f32).to_le_bytes()),
        (Value::Float(x), _) => out.extend_from_slice(&x.to_le_bytes()),
        (Value::Decimal(n), SqlType::Decimal { precision, .. }) => {
            out.push(u8::from(*n >= 0));
            let magnitude = n.unsigned_abs().to_le_bytes();
            out.extend_from_slice(&magnitude[..decimal_len(*precision) - 1]);
        }
        (Value::Date(days), _) => put_date(out, *days),
        (Value::Time(ticks), _) => put_time(out, *ticks, sql_type.scale()),
        (Value::DateTime2(ticks), _) => {
            put_time(out, ticks % TICKS_A_DAY, sql_type.scale());
            put_date(out, (ticks / TICKS_A_DAY) as u32);
        }
        (Value::DateTimeOffset(ticks, offset), _) => {
            put_time(out, ticks % TICKS_A_DAY, sql_type.scale());
            put_date(out, (ticks / TICKS_A_DAY) as u32);
            out.extend_from_slice(&offset.to_le_bytes());
        }
        (Value::DateTime(days, ticks), _) => {
            out.extend_from_slice(&days.to_le_bytes());
            out.extend_from_slice(&ticks.to_le_bytes());
        }
        (Value::SmallDateTime(days, minutes), _) => {
            out.extend_from_slice(&days.to_le_bytes());
            out.extend_from_slice(&minutes.to_le_bytes());
        }
        (Value::Bytes(bytes), _) => out.extend_from_slice(bytes),
        (Value::Guid(bytes), _) => out.extend_from_slice(bytes),
        (Value::Null | Value::Variant(_) | Value::Decimal(_), _) => {}
    }
}

fn put_date(out: &mut Vec<u8>, days: u32) {
    out.extend_from_slice(&days.to_le_bytes()[..3]);
}

fn put_time(out: &mut Vec<u8>, ticks: u64, scale: u8) {
    let units = ticks / unit(scale);
    out.extend_from_slice(&units.to_le_bytes()[..time_bytes(scale) as usize]);
}

/// 100 ns units in a unit of a scale. A scale above 7 cannot be declared.
fn unit(scale: u8) -> u64 {
    10u64.pow(7u32.saturating_sub(scale.into()))
}

/// Why bytes are no value of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// A length that the type cannot have.
    Length,
    /// The right length, yet a value that the type cannot have: a decimal of too many digits, a day after
    /// 9999-12-31, a NaN.
    Value,
}

/// The value that `bytes` are in `sql_type`. Widths of strings are the caller's to check.
pub fn get(bytes: &[u8], sql_type: &SqlType) -> Result<Value, Bad> {
    let value = match *sql_type {
        SqlType::Bit => Value::Int(match fixed::<1>(bytes)? {
            [bit @ 0..=1] => bit.into(),
            _ => return Err(Bad::Value),
        }),
        SqlType::TinyInt => Value::Int(fixed::<1>(bytes)?[0].into()),
        SqlType::SmallInt => Value::Int(i16::from_le_bytes(fixed(bytes)?).into()),
        SqlType::Int => Value::Int(i32::from_le_bytes(fixed(bytes)?).into()),
        SqlType::BigInt => Value::Int(i64::from_le_bytes(fixed(bytes)?)),
        SqlType::SmallMoney => Value::Money(i32::from_le_bytes(fixed(bytes)?).into()),
        SqlType::Money => {
            let [a, b, c, d, e, f, g, h] = fixed(bytes)?;
            Value::Money(i64::from_le_bytes([e, f, g, h, a, b, c, d]))
        }
        SqlType::Real => finite(f32::from_le_bytes(fixed(bytes)?).into())?,
        SqlType::Float => finite(f64::from_le_bytes(fixed(bytes)?))?,
        SqlType::Decimal { precision, .. } => decimal(bytes, precision)?,
        SqlType::Date => Value::Date(date(bytes)?),
        SqlType::Time(scale) => Value::Time(time(bytes, scale)?),
        SqlType::DateTime2(scale) => Value::DateTime2(moment(bytes, scale)?),
        SqlType::DateTimeOffset(scale) => {
            let (moment_bytes, offset) = bytes.split_last_chunk::<2>().ok_or(Bad::Length)?;
            let offset = i16::from_le_bytes(*offset);
            if !(-840..=840).contains(&offset) {
                return Err(Bad::Value);
            }
            Value::DateTimeOffset(moment(moment_bytes, scale)?, offset)
        }
        SqlType::DateTime => {
            let [a, b, c, d, e, f, g, h] = fixed(bytes)?;
            let (days, ticks) = (i32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            if !DATETIME_DAYS.contains(&days) || ticks >= 86_400 * 300 {
                return Err(Bad::Value);
            }
            Value::DateTime(days, ticks)
        }
        SqlType::SmallDateTime => {
            let [a, b, c, d] = fixed(bytes)?;
            let minutes = u16::from_le_bytes([c, d]);
            if minutes >= 1440 {
                return Err(Bad::Value);
            }
            Value::SmallDateTime(u16::from_le_bytes([a, b]), minutes)
        }
        SqlType::UniqueIdentifier => Value::Guid(fixed(bytes)?),
        SqlType::NChar(..) | SqlType::NVarChar(..) | SqlType::NText(_) | SqlType::Xml
            if !bytes.len().is_multiple_of(2) =>
        {
            return Err(Bad::Length);
        }
        SqlType::Variant => return Err(Bad::Value),
        _ => Value::Bytes(bytes.to_vec()),
    };
    Ok(value)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Bad> {
    bytes.try_into().map_err(|_| Bad::Length)
}

fn finite(x: f64) -> Result<Value, Bad> {
    if x.is_finite() { Ok(Value::Float(x)) } else { Err(Bad::Value) }
}

/// Any length is taken: clients send the shortest of the four that holds the digits, or the longest, and FreeTDS as
/// many bytes as the precision takes (its tds/data.c, tds_numeric_put).
fn decimal(bytes: &[u8], precision: u8) -> Result<Value, Bad> {
    let (&sign, magnitude) = bytes.split_first().ok_or(Bad::Length)?;
    let mut wide = [0; 16];
    wide.get_mut(..magnitude.len()).ok_or(Bad::Length)?.copy_from_slice(magnitude);
    let magnitude = u128::from_le_bytes(wide);
    if sign > 1 || magnitude >= 10u128.pow(precision.min(38).into()) {
        return Err(Bad::Value);
    }
    let magnitude = magnitude as i128;
    Ok(Value::Decimal(if sign == 1 { magnitude } else { -magnitude }))
}

fn date(bytes: &[u8]) -> Result<u32, Bad> {
    let [a, b, c] = fixed(bytes)?;
    let days = u32::from_le_bytes([a, b, c, 0]);
    if days <= LAST_DAY { Ok(days) } else { Err(Bad::Value) }
}

fn time(bytes: &[u8], scale: u8) -> Result<u64, Bad> {
    if bytes.len() != time_bytes(scale) as usize {
        return Err(Bad::Length);
    }
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let ticks = u64::from_le_bytes(wide).checked_mul(unit(scale)).ok_or(Bad::Value)?;
    if ticks < TICKS_A_DAY { Ok(ticks) } else { Err(Bad::Value) }
}

fn moment(bytes: &[u8], scale: u8) -> Result<u64, Bad> {
    let (time_bytes, date_bytes) = bytes.split_last_chunk::<3>().ok_or(Bad::Length)?;
    Ok(u64::from(date(date_bytes)?) * TICKS_A_DAY + time(time_bytes, scale)?)
}
