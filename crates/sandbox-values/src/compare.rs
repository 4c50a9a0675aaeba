//! Type precedence, and the order of values of one type.
//!
//! Values of different types are cast to the higher type first; that is the binder's work.
use super::storage;
use super::types::{SqlType, Value};
use super::wire::TICKS_A_DAY;
use rusqlite::types::Value as Stored;
use std::cmp::Ordering;

/// 1900-01-01 in days since 0001-01-01.
const DAY_1900: i64 = 693_595;

impl SqlType {
    /// Microsoft's "Data type precedence": the type with the greater number wins.
    pub fn precedence(&self) -> u8 {
        match self {
            SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry => 30,
            SqlType::Variant => 29,
            SqlType::Xml => 28,
            SqlType::DateTimeOffset(_) => 27,
            SqlType::DateTime2(_) => 26,
            SqlType::DateTime => 25,
            SqlType::SmallDateTime => 24,
            SqlType::Date => 23,
            SqlType::Time(_) => 22,
            SqlType::Float => 21,
            SqlType::Real => 20,
            SqlType::Decimal { .. } => 19,
            SqlType::Money => 18,
            SqlType::SmallMoney => 17,
            SqlType::BigInt => 16,
            SqlType::Int => 15,
            SqlType::SmallInt => 14,
            SqlType::TinyInt => 13,
            SqlType::Bit => 12,
            SqlType::NText(_) => 11,
            SqlType::Text(_) => 10,
            SqlType::Image => 9,
            SqlType::RowVersion => 8,
            SqlType::UniqueIdentifier => 7,
            SqlType::NVarChar(..) => 6,
            SqlType::NChar(..) => 5,
            SqlType::VarChar(..) => 4,
            SqlType::Char(..) => 3,
            SqlType::VarBinary(_) => 2,
            SqlType::Binary(_) => 1,
        }
    }

    /// Whether =, <, ORDER BY and keys work on it: not text, ntext, image, xml and the spatial types
    /// (306 and its like otherwise).
    pub fn is_comparable(&self) -> bool {
        !matches!(
            self,
            SqlType::Text(_)
                | SqlType::NText(_)
                | SqlType::Image
                | SqlType::Xml
                | SqlType::Geography
                | SqlType::Geometry
        )
    }

    /// Whether the stored form orders and equates values by itself, so that no [`key`] is needed.
    pub fn stored_form_is_key(&self) -> bool {
        !matches!(
            self,
            SqlType::DateTimeOffset(_)
                | SqlType::UniqueIdentifier
                | SqlType::Variant
                | SqlType::VarBinary(_)
                | SqlType::Binary(_)
        ) && !self.is_character()
    }
}

/// What SQLite compares in a value's stead: equal and ordered as SQL Server has it. NULL stays NULL.
pub fn key(value: &Value, sql_type: &SqlType) -> Stored {
    match value {
        Value::DateTimeOffset(ticks, _) => Stored::Integer(*ticks as i64),
        Value::Bytes(_) | Value::Guid(_) | Value::Variant(_) => {
            let mut out = Vec::new();
            put_key(value, sql_type, &mut out);
            Stored::Blob(out)
        }
        plain => storage::to_stored(plain.clone()),
    }
}

/// The order of two values of one type; NULL is below everything, as ORDER BY has it.
pub fn compare(left: &Value, right: &Value, sql_type: &SqlType) -> Ordering {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) | (Value::Money(a), Value::Money(b)) => a.cmp(b),
        // 0.0 and -0.0 are equal; NaN cannot be stored.
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Value::Decimal(a), Value::Decimal(b)) => a.cmp(b),
        _ => {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            put_key(left, sql_type, &mut a);
            put_key(right, sql_type, &mut b);
            a.cmp(&b)
        }
    }
}

/// Appends a `memcmp`-able key that ends itself, so that the keys of several columns can be joined: the key of
/// a unique index or of a GROUP BY.
fn put_key(value: &Value, sql_type: &SqlType, out: &mut Vec<u8>) {
    if *value == Value::Null {
        out.push(0);
        return;
    }
    out.push(1);
    match value {
        Value::Null => {}
        Value::Int(n) | Value::Money(n) => put_integer(*n, out),
        Value::Decimal(n) => out.extend_from_slice(&storage::decimal_key(*n)),
        Value::Float(x) => put_float(*x, out),
        Value::Date(days) => put_integer((*days).into(), out),
        Value::Time(ticks) | Value::DateTime2(ticks) | Value::DateTimeOffset(ticks, _) => {
            put_integer(*ticks as i64, out);
        }
        Value::DateTime(days, ticks) => {
            put_integer((*days).into(), out);
            put_integer((*ticks).into(), out);
        }
        Value::SmallDateTime(days, minutes) => {
            put_integer((*days).into(), out);
            put_integer((*minutes).into(), out);
        }
        Value::Bytes(bytes) => put_bytes(bytes, sql_type, out),
        Value::Guid(bytes) => put_guid(bytes, out),
        Value::Variant(inner) => put_variant(&inner.0, &inner.1, out),
    }
}

fn put_integer(n: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&((n as u64) ^ (1 << 63)).to_be_bytes());
}

fn put_float(x: f64, out: &mut Vec<u8>) {
    let bits = (if x == 0.0 { 0.0 } else { x }).to_bits();
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    out.extend_from_slice(&ordered.to_be_bytes());
}

fn put_bytes(bytes: &[u8], sql_type: &SqlType, out: &mut Vec<u8>) {
    match (sql_type.collation(), sql_type.charset()) {
        (Some(id), Some(charset)) => id.get().sort_key(bytes, charset, out),
        _ => put_binary(bytes, out),
    }
}

/// Trailing zero bytes do not count: 0x01 = 0x0100 (dba.stackexchange.com 48660 and the Connect item it
/// quotes). Zero is escaped so that the key ends itself.
fn put_binary(bytes: &[u8], out: &mut Vec<u8>) {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    for &byte in &bytes[..end] {
        out.push(byte);
        if byte == 0 {
            out.push(0xFF);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

/// The last six bytes weigh most, then by groups backwards (System.Data.SqlTypes.SqlGuid's documented order).
fn put_guid(bytes: &[u8; 16], out: &mut Vec<u8>) {
    const ORDER: [usize; 16] = [10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];
    out.extend(ORDER.map(|index| bytes[index]));
}

/// Families first, then values within one (Microsoft, "sql_variant").
fn put_variant(base: &SqlType, value: &Value, out: &mut Vec<u8>) {
    let family = match base {
        _ if base.is_date_or_time() => 6,
        SqlType::Float | SqlType::Real => 5,
        _ if base.is_number() => 4,
        _ if base.is_character() => 3,
        _ if base.is_binary() => 2,
        _ => 1,
    };
    out.push(family);
    match value {
        Value::Int(n) => put_exact((*n).into(), 0, out),
        Value::Money(n) => put_exact((*n).into(), 4, out),
        Value::Decimal(n) => put_exact(*n, base.scale(), out),
        Value::Date(days) => put_integer(i64::from(*days) * TICKS_A_DAY as i64, out),
        Value::DateTime(days, ticks) => {
            let day = (i64::from(*days) + DAY_1900) * TICKS_A_DAY as i64;
            put_integer(day + i64::from(*ticks) * 10_000_000 / 300, out);
        }
        Value::SmallDateTime(days, minutes) => {
            let day = (i64::from(*days) + DAY_1900) * TICKS_A_DAY as i64;
            put_integer(day + i64::from(*minutes) * 600_000_000, out);
        }
        other => put_key(other, base, out),
    }
}

/// Exact numbers of any scale: the whole part, then the fraction to 38 digits.
fn put_exact(unscaled: i128, scale: u8, out: &mut Vec<u8>) {
    let one = 10i128.pow(scale.min(38).into());
    let fraction = unscaled.rem_euclid(one) as u128 * 10u128.pow(38 - u32::from(scale.min(38)));
    out.extend_from_slice(&storage::decimal_key(unscaled.div_euclid(one)));
    out.extend_from_slice(&fraction.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CollationId, Len};

    fn in_order(sql_type: &SqlType, values: &[Value]) {
        for pair in values.windows(2) {
            assert_eq!(compare(&pair[0], &pair[1], sql_type), Ordering::Less, "{pair:?}");
            assert_eq!(compare(&pair[1], &pair[0], sql_type), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn numbers_order_across_zero() {
        in_order(&SqlType::BigInt, &[i64::MIN, -1, 0, 1, i64::MAX].map(Value::Int));
        in_order(&SqlType::Float, &[f64::MIN, -1.5, 0.0, 1e-300, f64::MAX].map(Value::Float));
        assert_eq!(key(&Value::Float(-0.5), &SqlType::Float), Stored::Real(-0.5));
        let decimal = SqlType::Decimal { precision: 38, scale: 2, numeric: false };
        let largest = 10i128.pow(38) - 1;
        in_order(&decimal, &[-largest, -1, 0, 1, largest].map(Value::Decimal));
    }

    #[test]
    fn trailing_zero_bytes_do_not_count() {
        let varbinary = SqlType::VarBinary(Len::N(8));
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        assert_eq!(compare(&bytes(&[1]), &bytes(&[1, 0, 0]), &varbinary), Ordering::Equal);
        in_order(&varbinary, &[bytes(&[]), bytes(&[0, 1]), bytes(&[1]), bytes(&[1, 0, 1]), bytes(&[1, 1])]);
    }

    /// The last group decides: the example of Microsoft's "Comparing GUID and uniqueidentifier values".
    #[test]
    fn guids_order_by_their_last_group_first() {
        let guid = |first: u8, last: u8| {
            let mut bytes = [0; 16];
            bytes[3] = first;
            bytes[15] = last;
            Value::Guid(bytes)
        };
        in_order(&SqlType::UniqueIdentifier, &[guid(3, 1), guid(2, 2), guid(1, 3)]);
    }

    #[test]
    fn an_instant_is_the_same_at_every_offset() {
        let moment = |offset| Value::DateTimeOffset(5, offset);
        assert_eq!(compare(&moment(-60), &moment(840), &SqlType::DateTimeOffset(7)), Ordering::Equal);
    }

    #[test]
    fn variants_order_by_family_then_by_value() {
        let variant = |base: SqlType, value: Value| Value::Variant(Box::new((base, value)));
        let varchar = SqlType::VarChar(Len::N(10), CollationId::SERVER_DEFAULT);
        let two_and_a_half = SqlType::Decimal { precision: 5, scale: 1, numeric: false };
        in_order(
            &SqlType::Variant,
            &[
                variant(SqlType::UniqueIdentifier, Value::Guid([0xFF; 16])),
                variant(SqlType::VarBinary(Len::N(4)), Value::Bytes(vec![0xFF])),
                variant(varchar, Value::Bytes(b"zzz".to_vec())),
                variant(SqlType::Int, Value::Int(-3)),
                variant(SqlType::BigInt, Value::Int(2)),
                variant(two_and_a_half, Value::Decimal(25)),
                variant(SqlType::Money, Value::Money(30_000)),
                variant(SqlType::Float, Value::Float(-1.0)),
                variant(SqlType::Date, Value::Date(0)),
                variant(SqlType::DateTime, Value::DateTime(0, 0)),
            ],
        );
    }

    #[test]
    fn joined_keys_do_not_run_into_each_other() {
        let varchar = SqlType::VarChar(Len::N(10), CollationId::SERVER_DEFAULT);
        let joined = |a: &str, b: &str| {
            let mut out = Vec::new();
            put_key(&Value::Bytes(a.into()), &varchar, &mut out);
            put_key(&Value::Bytes(b.into()), &varchar, &mut out);
            out
        };
        assert_ne!(joined("ab", "c"), joined("a", "bc"));
        assert_eq!(joined("AB ", "c"), joined("ab", "C  "));
    }
}
