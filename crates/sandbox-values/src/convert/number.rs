//! Numbers of any type, and how one type takes another's.
use super::decimal::{power, rescale};
use super::errors;
use crate::error::SqlError;
use crate::types::{SqlType, Value};

/// A number of any type, as conversions between them see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Int(i64),
    /// An unscaled value and its scale.
    Decimal(i128, u8),
    /// Ten-thousandths.
    Money(i64),
    Float(f64),
}

pub(super) fn of_value(value: &Value, from: &SqlType) -> Option<Number> {
    match *value {
        Value::Int(n) => Some(Number::Int(n)),
        Value::Decimal(n) => Some(Number::Decimal(n, from.scale())),
        Value::Money(n) => Some(Number::Money(n)),
        Value::Float(x) => Some(Number::Float(x)),
        _ => None,
    }
}

/// Puts a number into a type: decimal to int truncates, money to int rounds, all else rounds half away from
/// zero (Microsoft, "Truncating and rounding results").
pub(super) fn narrow(number: Number, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    match to {
        SqlType::Bit => Ok(Value::Int(i64::from(!is_zero(number)))),
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => to_integer(number, from, to),
        SqlType::Decimal { precision, scale, .. } => to_decimal(number, from, to, (*precision, *scale)),
        SqlType::Money | SqlType::SmallMoney => to_money(number, from, to),
        SqlType::Real => {
            let x = to_float(number) as f32;
            if x.is_finite() {
                Ok(Value::Float(x.into()))
            } else {
                Err(errors::float_overflow(to, to_float(number)))
            }
        }
        _ => Ok(Value::Float(to_float(number))),
    }
}

fn is_zero(number: Number) -> bool {
    match number {
        Number::Int(n) | Number::Money(n) => n == 0,
        Number::Decimal(n, _) => n == 0,
        Number::Float(x) => x == 0.0,
    }
}

fn range(to: &SqlType) -> std::ops::RangeInclusive<i64> {
    match to {
        SqlType::TinyInt => 0..=255,
        SqlType::SmallInt => i16::MIN.into()..=i16::MAX.into(),
        SqlType::Int => i32::MIN.into()..=i32::MAX.into(),
        _ => i64::MIN..=i64::MAX,
    }
}

pub(super) fn in_range(n: i64, to: &SqlType) -> bool {
    range(to).contains(&n)
}

fn to_integer(number: Number, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    match number {
        Number::Int(n) if in_range(n, to) => Ok(Value::Int(n)),
        Number::Int(n) => Err(match to {
            SqlType::TinyInt | SqlType::SmallInt => errors::small_overflow(to, n),
            _ => errors::overflow(to),
        }),
        Number::Decimal(n, scale) => match i64::try_from(n / power(scale)) {
            Ok(n) if in_range(n, to) => Ok(Value::Int(n)),
            _ => Err(errors::overflow_from(from, to)),
        },
        Number::Money(n) => {
            let rounded = rescale(n.into(), 4, 0).and_then(|n| i64::try_from(n).ok());
            match rounded {
                Some(n) if in_range(n, to) => Ok(Value::Int(n)),
                _ => Err(errors::overflow_from(from, to)),
            }
        }
        Number::Float(x) => {
            let whole = x.trunc();
            // Exclusive above: 2^63 is a float, but no bigint.
            const BIGINT: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;
            if BIGINT.contains(&whole) && in_range(whole as i64, to) {
                return Ok(Value::Int(whole as i64));
            }
            Err(match to {
                SqlType::BigInt => errors::overflow(to),
                _ if from.is_date_or_time() => errors::overflow(to),
                _ => errors::float_overflow(to, x),
            })
        }
    }
}

fn to_decimal(
    number: Number,
    from: &SqlType,
    to: &SqlType,
    (precision, scale): (u8, u8),
) -> Result<Value, SqlError> {
    let unscaled = match number {
        Number::Int(n) => rescale(n.into(), 0, scale),
        Number::Decimal(n, from_scale) => rescale(n, from_scale, scale),
        Number::Money(n) => rescale(n.into(), 4, scale),
        Number::Float(x) => float_to_unscaled(x, scale),
    };
    match unscaled {
        Some(n) if n.unsigned_abs() < power(precision) as u128 => Ok(Value::Decimal(n)),
        _ => Err(errors::overflow_from(from, to)),
    }
}

fn to_money(number: Number, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    let unscaled = match number {
        Number::Int(n) => rescale(n.into(), 0, 4),
        Number::Decimal(n, scale) => rescale(n, scale, 4),
        Number::Money(n) => Some(n.into()),
        Number::Float(x) => float_to_unscaled(x, 4),
    };
    let in_type = |n: &i64| *to == SqlType::Money || i32::try_from(*n).is_ok();
    match unscaled.and_then(|n| i64::try_from(n).ok()).filter(in_type) {
        Some(n) => Ok(Value::Money(n)),
        None if matches!(number, Number::Int(_)) => Err(errors::overflow(to)),
        None => Err(errors::overflow_from(from, to)),
    }
}

fn to_float(number: Number) -> f64 {
    match number {
        Number::Int(n) => n as f64,
        // Through text, since dividing by a power of ten rounds twice.
        Number::Decimal(n, scale) => decimal_text(n, scale).parse().unwrap_or(0.0),
        Number::Money(n) => decimal_text(n.into(), 4).parse().unwrap_or(0.0),
        Number::Float(x) => x,
    }
}

/// A decimal with all digits of its scale: `-0.050`.
pub(super) fn decimal_text(unscaled: i128, scale: u8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// The float's exact decimal expansion, rounded half away from zero.
fn float_to_unscaled(x: f64, scale: u8) -> Option<i128> {
    if !x.is_finite() || x.abs() >= 1e39 {
        return None;
    }
    // 25 further digits decide the rounding; formatting is exact.
    let digits = format!("{:.*}", usize::from(scale) + 25, x.abs());
    let (whole, fraction) = digits.split_once('.')?;
    let (kept, rest) = fraction.split_at_checked(scale.into())?;
    let unscaled: i128 = format!("{whole}{kept}").parse().ok()?;
    let unscaled =
        if rest.starts_with(|digit: char| digit >= '5') { unscaled.checked_add(1)? } else { unscaled };
    Some(if x < 0.0 { -unscaled } else { unscaled })
}
