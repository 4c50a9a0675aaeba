//! Numbers from text and to text.
use super::number::{Number, decimal_text, in_range, narrow};
use super::{decimal, errors, text};
use crate::error::SqlError;
use crate::types::{SqlType, Value};

/// Text of type `from` to the number type `to`.
pub(super) fn parse(bytes: &[u8], from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    let whole = text::to_string(bytes, from);
    let trimmed = whole.trim_matches([' ', '\t', '\r', '\n']);
    match to {
        SqlType::Bit => bit(trimmed, &whole, from, to),
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => {
            integer(trimmed, &whole, from, to)
        }
        SqlType::Decimal { .. } => match digits(trimmed) {
            Some(parsed) => decimal_of(parsed, from, to),
            None => Err(errors::cannot_convert(from, to)),
        },
        SqlType::Money | SqlType::SmallMoney => money(trimmed, from, to),
        _ => float(trimmed, from, to),
    }
}

fn bit(trimmed: &str, whole: &str, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    match trimmed.to_ascii_lowercase().as_str() {
        "true" => Ok(Value::Int(1)),
        "false" | "" => Ok(Value::Int(0)),
        digits => match digits.parse::<i64>() {
            Ok(n) => Ok(Value::Int(i64::from(n != 0))),
            Err(_) => Err(errors::not_a_number(from, whole, to)),
        },
    }
}

fn integer(trimmed: &str, whole: &str, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    if trimmed.is_empty() {
        return Ok(Value::Int(0));
    }
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(match to {
            SqlType::BigInt => errors::cannot_convert(from, to),
            _ => errors::not_a_number(from, whole, to),
        });
    }
    match trimmed.parse::<i64>() {
        Ok(n) if in_range(n, to) => Ok(Value::Int(n)),
        _ if *to == SqlType::BigInt => Err(errors::overflow(to)),
        _ => Err(errors::text_overflow(from, trimmed, to)),
    }
}

/// Sign, digits before and after the point.
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

/// Digits with an optional sign and point, no exponent.
fn digits(trimmed: &str) -> Option<Digits<'_>> {
    let negative = trimmed.starts_with('-');
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed).trim_start_matches(' ');
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    Some(Digits { negative, whole, fraction })
}

/// Rounds half away from zero to the type's scale.
fn decimal_of(digits: Digits<'_>, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    let unscaled = unscaled_of(&digits, to.scale())
        .filter(|n| n.unsigned_abs() < decimal::power(to.precision()) as u128);
    match unscaled {
        Some(n) => Ok(Value::Decimal(n)),
        None => Err(errors::overflow_from(from, to)),
    }
}

fn unscaled_of(digits: &Digits<'_>, scale: u8) -> Option<i128> {
    let scale = usize::from(scale);
    let whole = digits.whole.trim_start_matches('0');
    if whole.len() + scale > 39 {
        return None;
    }
    let kept = digits.fraction.get(..scale).unwrap_or(digits.fraction);
    let text = format!("0{whole}{kept:0<scale$}");
    let mut unscaled: i128 = text.parse().ok()?;
    if digits.fraction.as_bytes().get(scale).is_some_and(|&digit| digit >= b'5') {
        unscaled = unscaled.checked_add(1)?;
    }
    Some(if digits.negative { -unscaled } else { unscaled })
}

/// A currency sign, a sign, commas and a point (Microsoft, "money and smallmoney").
fn money(trimmed: &str, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    if trimmed.is_empty() {
        return Ok(Value::Money(0));
    }
    let mut text: String = trimmed.chars().filter(|&character| character != ',').collect();
    if let Some(at) = text.find(['$', '£', '¥', '€', '¢', '¤'])
        && text[..at].chars().all(|character| matches!(character, '-' | '+' | ' '))
    {
        text.remove(at);
    }
    let parsed = digits(text.trim()).ok_or_else(|| errors::not_money(to))?;
    match unscaled_of(&parsed, 4) {
        Some(n) => narrow(Number::Decimal(n, 4), from, to),
        None => Err(errors::overflow_from(from, to)),
    }
}

fn float(trimmed: &str, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    if trimmed.is_empty() {
        return Ok(Value::Float(0.0));
    }
    // Rust also reads "inf", "nan" and the like.
    let plain = trimmed.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    match trimmed.parse::<f64>() {
        Ok(x) if plain && x.is_finite() => narrow(Number::Float(x), from, to),
        Ok(_) if plain => Err(errors::overflow_from(from, to)),
        _ => Err(errors::cannot_convert(from, to)),
    }
}

/// The text of a number (Microsoft, "CAST and CONVERT", styles of float and money).
pub(super) fn format(number: Number, from: &SqlType, style: Option<i32>) -> String {
    match number {
        Number::Int(n) => n.to_string(),
        Number::Decimal(n, scale) => decimal_text(n, scale),
        Number::Money(n) => money_text(n, style.unwrap_or(0)),
        Number::Float(x) => float_text(x, from, style.unwrap_or(0)),
    }
}

fn money_text(n: i64, style: i32) -> String {
    if matches!(style, 2 | 126) {
        return decimal_text(n.into(), 4);
    }
    let cents = decimal::rescale(n.into(), 4, 2).unwrap_or_default();
    let text = decimal_text(cents, 2);
    if style != 1 {
        return text;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{fraction}")
}

fn float_text(x: f64, from: &SqlType, style: i32) -> String {
    match style {
        1 => scientific(x, 8),
        2 if *from == SqlType::Real => scientific(x, 8),
        2 => scientific(x, 16),
        3 if *from == SqlType::Real => scientific(x, 9),
        3 => scientific(x, 17),
        _ => general(x, 6),
    }
}

/// C's %e: so many significant digits, an exponent of three.
fn scientific(x: f64, digits: usize) -> String {
    let text = format!("{x:.*e}", digits - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{mantissa}e{sign}{exponent:0>3}")
}

/// C's %g: at most so many significant digits, scientific where that is shorter.
fn general(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let text = scientific(x, digits);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+000"));
    let power: i32 = exponent.parse().unwrap_or(0);
    if power < -4 || power >= digits as i32 {
        return format!("{}e{exponent}", without_trailing_zeros(mantissa));
    }
    let decimals = (digits as i32 - 1 - power).max(0) as usize;
    without_trailing_zeros(&format!("{x:.decimals$}")).to_owned()
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
