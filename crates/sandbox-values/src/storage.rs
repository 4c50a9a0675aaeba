//! The form of a value in SQLite. Columns have no affinity, so what is written is what is read; integers,
//! decimals and moments keep their order, so that SQLite can compare and index them as they lie.
use super::types::{SqlType, Value};
use super::wire;
use rusqlite::types::{Value as Stored, ValueRef};

/// 1/300 seconds in a day.
const TICKS_A_DAY: i64 = 86_400 * 300;
const MINUTES_A_DAY: i64 = 1440;

/// A stored value that its column's type cannot have: the database file is not ours, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored value does not have the form of type {expected}")]
pub struct Damaged {
    pub expected: &'static str,
}

/// The stored form: integers for whole numbers, money and most moments, REAL for floats, order-preserving
/// blobs for decimal and datetimeoffset, raw bytes for the rest.
pub fn to_stored(value: Value) -> Stored {
    match value {
        Value::Null => Stored::Null,
        Value::Int(n) | Value::Money(n) => Stored::Integer(n),
        Value::Decimal(n) => Stored::Blob(decimal_key(n).to_vec()),
        Value::Float(x) => Stored::Real(x),
        Value::Date(days) => Stored::Integer(days.into()),
        Value::Time(ticks) | Value::DateTime2(ticks) => Stored::Integer(ticks as i64),
        Value::DateTimeOffset(ticks, offset) => {
            let mut blob = ticks.to_be_bytes().to_vec();
            blob.extend_from_slice(&offset.to_be_bytes());
            Stored::Blob(blob)
        }
        Value::DateTime(days, ticks) => Stored::Integer(i64::from(days) * TICKS_A_DAY + i64::from(ticks)),
        Value::SmallDateTime(days, minutes) => {
            Stored::Integer(i64::from(days) * MINUTES_A_DAY + i64::from(minutes))
        }
        Value::Bytes(bytes) => Stored::Blob(bytes),
        Value::Guid(bytes) => Stored::Blob(bytes.to_vec()),
        Value::Variant(inner) => {
            let (base, value) = *inner;
            let mut body = Vec::new();
            wire::variant::put_body(&mut body, &base, &value);
            Stored::Blob(body)
        }
    }
}

/// The value that [`to_stored`] stored for a column of type `sql_type`.
///
/// # Errors
/// [`Damaged`] where the stored form is not that of the type.
pub fn from_stored(stored: ValueRef<'_>, sql_type: &SqlType) -> Result<Value, Damaged> {
    let value = match stored {
        ValueRef::Null => Some(Value::Null),
        ValueRef::Integer(n) => integer(n, sql_type),
        ValueRef::Real(x) => matches!(sql_type, SqlType::Real | SqlType::Float).then_some(Value::Float(x)),
        ValueRef::Blob(bytes) => blob(bytes, sql_type),
        ValueRef::Text(_) => None,
    };
    value.ok_or(Damaged { expected: sql_type.name() })
}

fn integer(n: i64, sql_type: &SqlType) -> Option<Value> {
    match sql_type {
        SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => {
            Some(Value::Int(n))
        }
        SqlType::Money | SqlType::SmallMoney => Some(Value::Money(n)),
        SqlType::Date => u32::try_from(n).ok().map(Value::Date),
        SqlType::Time(_) => u64::try_from(n).ok().map(Value::Time),
        SqlType::DateTime2(_) => u64::try_from(n).ok().map(Value::DateTime2),
        SqlType::DateTime => {
            let days = i32::try_from(n.div_euclid(TICKS_A_DAY)).ok()?;
            Some(Value::DateTime(days, n.rem_euclid(TICKS_A_DAY) as u32))
        }
        SqlType::SmallDateTime => {
            let days = u16::try_from(n.div_euclid(MINUTES_A_DAY)).ok()?;
            Some(Value::SmallDateTime(days, n.rem_euclid(MINUTES_A_DAY) as u16))
        }
        _ => None,
    }
}

fn blob(bytes: &[u8], sql_type: &SqlType) -> Option<Value> {
    match sql_type {
        SqlType::Decimal { .. } => {
            let key: [u8; 16] = bytes.try_into().ok()?;
            Some(Value::Decimal(decimal_of_key(key)))
        }
        SqlType::DateTimeOffset(_) => {
            let (ticks, offset) = bytes.split_first_chunk::<8>()?;
            let offset: [u8; 2] = offset.try_into().ok()?;
            Some(Value::DateTimeOffset(u64::from_be_bytes(*ticks), i16::from_be_bytes(offset)))
        }
        SqlType::UniqueIdentifier => bytes.try_into().ok().map(Value::Guid),
        SqlType::Variant => wire::variant::read_body(bytes).ok(),
        _ if sql_type.is_character()
            || sql_type.is_binary()
            || sql_type.is_clr()
            || *sql_type == SqlType::Xml =>
        {
            Some(Value::Bytes(bytes.to_vec()))
        }
        _ => None,
    }
}

/// Big-endian with the sign bit turned over, so that bytes order as numbers do.
pub(super) fn decimal_key(n: i128) -> [u8; 16] {
    ((n as u128) ^ (1 << 127)).to_be_bytes()
}

fn decimal_of_key(key: [u8; 16]) -> i128 {
    (u128::from_be_bytes(key) ^ (1 << 127)) as i128
}
