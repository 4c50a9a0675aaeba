//! LEN and DATALENGTH.
use super::{after_last_not_blank, one};
use crate::bind::Typed;
use crate::functions::FunctionCall;
use sandbox_values::error::SqlError;
use sandbox_values::text::{units, width};
use sandbox_values::wire::decimal_len;
use sandbox_values::{SqlType, Value};

/// The number of characters without trailing blanks; bigint for (max).
pub fn len(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let [text] = one(call)?;
    let text = call.binder.text(text)?;
    let from = text.sql_type.clone();
    let to = if width(&from).is_none() { SqlType::BigInt } else { SqlType::Int };
    Ok(call.binder.op("len", "", vec![text], to, move |v| {
        let units = units(&v[0], &from);
        let units = &units[..after_last_not_blank(&units)];
        let supplementary = from.collation().is_some_and(|c| c.get().supplementary);
        let count =
            if supplementary { char::decode_utf16(units.iter().copied()).count() } else { units.len() };
        Ok(Value::Int(count as i64))
    }))
}

/// The bytes that the value takes.
pub fn datalength(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let [value] = one(call)?;
    let from = value.sql_type.clone();
    let to = if width(&from).is_none() && (from.is_character() || from.is_binary()) {
        SqlType::BigInt
    } else {
        SqlType::Int
    };
    Ok(call.binder.op("datalength", "", vec![value], to, move |v| Ok(Value::Int(data_length(&v[0], &from)))))
}

fn data_length(value: &Value, sql_type: &SqlType) -> i64 {
    match (value, sql_type) {
        (Value::Bytes(bytes), _) => bytes.len() as i64,
        (Value::Variant(inner), _) => data_length(&inner.1, &inner.0),
        (_, SqlType::Decimal { precision, .. }) => decimal_len(*precision) as i64,
        (_, SqlType::Bit | SqlType::TinyInt) => 1,
        (_, SqlType::SmallInt) => 2,
        (_, SqlType::Int | SqlType::Real | SqlType::SmallMoney | SqlType::SmallDateTime) => 4,
        (_, SqlType::Date) => 3,
        (_, SqlType::Time(scale)) => time_length(*scale),
        (_, SqlType::DateTime2(scale)) => time_length(*scale) + 3,
        (_, SqlType::DateTimeOffset(scale)) => time_length(*scale) + 5,
        (_, SqlType::UniqueIdentifier) => 16,
        _ => 8,
    }
}

fn time_length(scale: u8) -> i64 {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}
