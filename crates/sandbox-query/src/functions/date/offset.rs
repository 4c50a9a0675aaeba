//! SWITCHOFFSET and TODATETIMEOFFSET.
use super::{MINUTE, ticks};
use crate::bind::Typed;
use crate::functions::FunctionCall;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

/// SWITCHOFFSET keeps the instant, TODATETIMEOFFSET the local time.
pub fn with_offset(call: &FunctionCall<'_>, keep_instant: bool) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(2, 2)?.into_iter();
    let (Some(value), Some(offset)) = (arguments.next(), arguments.next()) else {
        return Err(SqlError::new(174, 15, 1, format!("The {} function requires 2 argument(s).", call.name)));
    };
    let from = if keep_instant { SqlType::DateTimeOffset(7) } else { SqlType::DateTime2(7) };
    let scale = match value.sql_type {
        SqlType::DateTimeOffset(s) | SqlType::DateTime2(s) => s,
        _ => 7,
    };
    let value = call.binder.implicit(value, &from)?;
    let offset = if offset.sql_type.is_integer() {
        call.binder.implicit(offset, &SqlType::BigInt)?
    } else {
        let text = call.binder.text(offset)?;
        let kind = text.sql_type.clone();
        call.binder.op("offset", "", vec![text], SqlType::BigInt, move |v| {
            let units = sandbox_values::text::units(&v[0], &kind);
            offset_minutes(&String::from_utf16_lossy(&units)).map(Value::Int).ok_or_else(bad_offset)
        })
    };
    Ok(call.binder.op(call.name, "", vec![value, offset], SqlType::DateTimeOffset(scale), move |v| {
        let Value::Int(minutes) = v[1] else { return Ok(Value::Null) };
        let offset =
            i16::try_from(minutes).ok().filter(|m| (-840..=840).contains(m)).ok_or_else(bad_offset)?;
        let utc = match &v[0] {
            Value::DateTimeOffset(utc, _) => *utc as i64,
            other => ticks(other) - i64::from(offset) * MINUTE,
        };
        u64::try_from(utc).map(|utc| Value::DateTimeOffset(utc, offset)).map_err(|_| bad_offset())
    }))
}

fn bad_offset() -> SqlError {
    SqlError::new(9812, 16, 0, "The timezone provided to builtin function todatetimeoffset is invalid.")
}

/// `+hh:mm`
fn offset_minutes(text: &str) -> Option<i64> {
    let (sign, rest) = match text.trim().split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?))
}
