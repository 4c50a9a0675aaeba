//! Values as Parquet has them, and back.
use std::borrow::Cow;

use replica_core::decode::{DAYS_TO_1970, Time, Value, ValueKind};

/// A value of one of Parquet's physical types.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    Bool(bool),
    Int32(i32),
    Int64(i64),
    Float(f32),
    Double(f64),
    Bytes(Cow<'a, [u8]>),
}

/// A value, and what its column has beside it (see [`schema::beside`](crate::schema::beside)).
#[derive(Clone, Debug, PartialEq)]
pub struct Cells<'a> {
    pub value: Cell<'a>,
    /// Units of 100 ns beyond the microsecond.
    pub ticks: i32,
    /// Minutes from UTC.
    pub offset: i32,
}

const TICKS_A_MICROSECOND: i64 = 10;
const MICROSECONDS_A_DAY: i64 = Time::DAY as i64 / TICKS_A_MICROSECOND;
const MILLISECONDS_A_DAY: i64 = MICROSECONDS_A_DAY / 1000;
/// 1900-01-01, from which datetime and smalldatetime count, seen from 1970-01-01.
const DAYS_FROM_1970_TO_1900: i64 = -25_567;
const MILLISECONDS_A_MINUTE: i64 = 60_000;

/// The value in Parquet's terms, as near as they come.
pub fn cells<'a>(kind: ValueKind, value: &Value<'a>) -> Option<Cells<'a>> {
    let plain = |value| Some(Cells { value, ticks: 0, offset: 0 });
    match value {
        Value::Null => None,
        Value::Bit(bit) => plain(Cell::Bool(*bit)),
        Value::Int(n) if kind == ValueKind::BigInt => plain(Cell::Int64(*n)),
        Value::Int(n) => plain(Cell::Int32(*n as i32)),
        Value::Real(x) => plain(Cell::Float(*x)),
        Value::Float(x) => plain(Cell::Double(*x)),
        Value::Decimal(decimal) => {
            let magnitude = decimal.magnitude as i128;
            plain(unscaled(decimal.precision, if decimal.negative { -magnitude } else { magnitude }))
        }
        Value::Money(n) => plain(unscaled(money_precision(kind), (*n).into())),
        Value::Date(days) => plain(Cell::Int32(*days as i32 - DAYS_TO_1970 as i32)),
        Value::Time(time) if time.scale == 7 => plain(Cell::Int64(time.ticks as i64 * 100)),
        Value::Time(time) => plain(Cell::Int64(time.ticks as i64 / TICKS_A_MICROSECOND)),
        Value::DateTime2(moment) => Some(since_1970(moment.ticks(), 0)),
        Value::DateTimeOffset(moment, offset) => Some(since_1970(moment.ticks(), (*offset).into())),
        Value::DateTime(days, units) => {
            // The nearest millisecond, as SQL Server prints it.
            let milliseconds = (i64::from(*units) * 10 + 1) / 3;
            let days = i64::from(*days) + DAYS_FROM_1970_TO_1900;
            plain(Cell::Int64(days * MILLISECONDS_A_DAY + milliseconds))
        }
        Value::SmallDateTime(days, minutes) => {
            let days = i64::from(*days) + DAYS_FROM_1970_TO_1900;
            plain(Cell::Int64(days * MILLISECONDS_A_DAY + i64::from(*minutes) * MILLISECONDS_A_MINUTE))
        }
        Value::Guid(bytes) => plain(Cell::Bytes(swapped(*bytes).to_vec().into())),
        Value::Text(text) => plain(Cell::Bytes(match text.lossy() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })),
        Value::Binary(bytes) => plain(Cell::Bytes(Cow::Borrowed(bytes))),
        Value::Variant(_, inner) => plain(Cell::Bytes(inner.to_string().into_bytes().into())),
    }
}

/// Appends the bytes that the value has on the wire. `None`: they are not known from this; something may be appended
/// all the same. `padded`: decimals have 17 bytes whatever their precision.
pub fn restore(kind: ValueKind, cells: &Cells<'_>, padded: bool, out: &mut Vec<u8>) -> Option<()> {
    let Cells { value, ticks, offset } = cells;
    match (kind, value) {
        (ValueKind::Bit, Cell::Bool(bit)) => out.push((*bit).into()),
        (ValueKind::TinyInt, Cell::Int32(n)) => out.push(u8::try_from(*n).ok()?),
        (ValueKind::SmallInt, Cell::Int32(n)) => {
            out.extend_from_slice(&i16::try_from(*n).ok()?.to_le_bytes())
        }
        (ValueKind::Int, Cell::Int32(n)) => out.extend_from_slice(&n.to_le_bytes()),
        (ValueKind::BigInt, Cell::Int64(n)) => out.extend_from_slice(&n.to_le_bytes()),
        (ValueKind::Real, Cell::Float(x)) => out.extend_from_slice(&x.to_le_bytes()),
        (ValueKind::Float, Cell::Double(x)) => out.extend_from_slice(&x.to_le_bytes()),
        (ValueKind::Decimal { precision, .. }, value) => {
            let n = scaled(value)?;
            let length = if padded { 16 } else { digits_length(precision) };
            out.push((n >= 0).into());
            out.extend_from_slice(&n.unsigned_abs().to_le_bytes()[..length]);
        }
        (ValueKind::Money, value) => {
            let n = i64::try_from(scaled(value)?).ok()?;
            // The upper half comes first.
            out.extend_from_slice(&((n >> 32) as i32).to_le_bytes());
            out.extend_from_slice(&(n as u32).to_le_bytes());
        }
        (ValueKind::SmallMoney, value) => {
            out.extend_from_slice(&i32::try_from(scaled(value)?).ok()?.to_le_bytes());
        }
        (ValueKind::Date, Cell::Int32(days)) => put_date(out, i64::from(*days)),
        (ValueKind::Time(scale), Cell::Int64(n)) => {
            let ticks = if scale == 7 { n / 100 } else { n.checked_mul(TICKS_A_MICROSECOND)? };
            put_time(out, ticks, scale);
        }
        (ValueKind::DateTime2(scale), Cell::Int64(n)) => put_moment(out, *n, *ticks, scale),
        (ValueKind::DateTimeOffset(scale), Cell::Int64(n)) => {
            put_moment(out, *n, *ticks, scale);
            out.extend_from_slice(&i16::try_from(*offset).ok()?.to_le_bytes());
        }
        (ValueKind::DateTime, Cell::Int64(n)) => {
            let (days, milliseconds) = days_and_rest(*n);
            out.extend_from_slice(&i32::try_from(days).ok()?.to_le_bytes());
            out.extend_from_slice(&(((milliseconds * 3 + 5) / 10) as u32).to_le_bytes());
        }
        (ValueKind::SmallDateTime, Cell::Int64(n)) => {
            let (days, milliseconds) = days_and_rest(*n);
            out.extend_from_slice(&u16::try_from(days).ok()?.to_le_bytes());
            out.extend_from_slice(&((milliseconds / MILLISECONDS_A_MINUTE) as u16).to_le_bytes());
        }
        (ValueKind::Guid, Cell::Bytes(bytes)) => {
            out.extend_from_slice(&swapped(bytes.as_ref().try_into().ok()?));
        }
        (ValueKind::Text(charset), Cell::Bytes(bytes)) => charset.put(str::from_utf8(bytes).ok()?, out)?,
        (ValueKind::Binary, Cell::Bytes(bytes)) => out.extend_from_slice(bytes),
        _ => return None,
    }
    Some(())
}

/// Whether [`restore`] gives these bytes. `scratch` is for values that have to be restored to know; long ones need not be.
pub fn gives(kind: ValueKind, cells: &Cells<'_>, padded: bool, bytes: &[u8], scratch: &mut Vec<u8>) -> bool {
    match (kind, &cells.value) {
        (ValueKind::Binary, Cell::Bytes(own)) => own.as_ref() == bytes,
        (ValueKind::Text(charset), Cell::Bytes(own)) => {
            str::from_utf8(own).is_ok_and(|text| charset.encodes(text, bytes))
        }
        _ => {
            scratch.clear();
            restore(kind, cells, padded, scratch).is_some() && scratch == bytes
        }
    }
}

/// DECIMAL's precision: money has 19 digits, smallmoney 10.
pub fn money_precision(kind: ValueKind) -> u8 {
    if kind == ValueKind::Money { 19 } else { 10 }
}

/// Where DECIMAL lies in other than an INT32 (9 digits) or an INT64 (18): the bytes that hold all numbers of so many
/// digits and their sign. `None`: it lies in one of these.
pub fn decimal_bytes(precision: u8) -> Option<usize> {
    let most = 10u128.checked_pow(precision.into())?;
    (precision > 18).then(|| (1..16).find(|bytes| most <= 1 << (8 * bytes - 1)).unwrap_or(16))
}

fn unscaled(precision: u8, n: i128) -> Cell<'static> {
    match precision {
        0..=9 => Cell::Int32(n as i32),
        10..=18 => Cell::Int64(n as i64),
        _ => {
            let bytes = n.to_be_bytes();
            Cell::Bytes(bytes[16 - decimal_bytes(precision).unwrap_or(16)..].to_vec().into())
        }
    }
}

fn scaled(cell: &Cell<'_>) -> Option<i128> {
    Some(match cell {
        Cell::Int32(n) => (*n).into(),
        Cell::Int64(n) => (*n).into(),
        Cell::Bytes(bytes) => {
            let sign = if *bytes.first()? >= 0x80 { 0xFF } else { 0 };
            let mut wide = [sign; 16];
            wide.get_mut(16usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
            i128::from_be_bytes(wide)
        }
        _ => return None,
    })
}

/// Bytes of a decimal's digits ([MS-TDS] 2.2.5.5.1.6).
fn digits_length(precision: u8) -> usize {
    match precision {
        0..=9 => 4,
        10..=19 => 8,
        20..=28 => 12,
        _ => 16,
    }
}

fn since_1970(ticks: u64, offset: i32) -> Cells<'static> {
    let ticks = ticks as i64 - i64::from(DAYS_TO_1970) * Time::DAY as i64;
    let microseconds = ticks.div_euclid(TICKS_A_MICROSECOND);
    let ticks = ticks.rem_euclid(TICKS_A_MICROSECOND) as i32;
    Cells { value: Cell::Int64(microseconds), ticks, offset }
}

fn put_moment(out: &mut Vec<u8>, microseconds: i64, ticks: i32, scale: u8) {
    let of_day = microseconds.rem_euclid(MICROSECONDS_A_DAY) * TICKS_A_MICROSECOND + i64::from(ticks);
    put_time(out, of_day, scale);
    put_date(out, microseconds.div_euclid(MICROSECONDS_A_DAY));
}

/// Days since 1970-01-01. What is no date comes out as another; the rows' hash tells.
fn put_date(out: &mut Vec<u8>, days: i64) {
    let days = days.wrapping_add(DAYS_TO_1970.into());
    out.extend_from_slice(&days.to_le_bytes()[..3]);
}

fn put_time(out: &mut Vec<u8>, ticks: i64, scale: u8) {
    let units = ticks / 10i64.pow(7u32.saturating_sub(scale.into()));
    let length = match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    out.extend_from_slice(&units.to_le_bytes()[..length]);
}

/// Days since 1900-01-01, and milliseconds.
fn days_and_rest(milliseconds: i64) -> (i64, i64) {
    let days = milliseconds.div_euclid(MILLISECONDS_A_DAY);
    (days - DAYS_FROM_1970_TO_1900, milliseconds.rem_euclid(MILLISECONDS_A_DAY))
}

/// The wire has the first three groups of a GUID in little-endian order, Parquet in the order in which it is printed.
fn swapped([a, b, c, d, e, f, g, h, rest @ ..]: [u8; 16]) -> [u8; 16] {
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_lie_in_the_fewest_bytes() {
        for (precision, bytes) in [
            (9, None),
            (18, None),
            (19, Some(9)),
            (21, Some(9)),
            (22, Some(10)),
            (28, Some(12)),
            (38, Some(16)),
        ] {
            assert_eq!(decimal_bytes(precision), bytes, "{precision}");
        }
    }

    #[test]
    fn negative_numbers_keep_their_sign() {
        for n in [0, 1, -1, 10i128.pow(38) - 1, 1 - 10i128.pow(38)] {
            assert_eq!(scaled(&unscaled(38, n)), Some(n));
        }
        assert_eq!(unscaled(19, -2), Cell::Bytes([[0xFF; 8].as_slice(), &[0xFE]].concat().into()));
    }
}
