//! To integers, decimal, money and float.
use super::moment::days_since_1900;
use super::number::{Number, narrow, of_value};
use super::{binary, errors, number_text};
use crate::error::SqlError;
use crate::types::{SqlType, Value};

pub(super) fn to_number(value: &Value, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    if let Some(number) = of_value(value, from) {
        return narrow(number, from, to);
    }
    match value {
        Value::Bytes(bytes) if from.is_character() => number_text::parse(bytes, from, to),
        Value::Bytes(bytes) if from.is_binary() => binary::to_number(bytes, from, to),
        Value::DateTime(..) | Value::SmallDateTime(..) => {
            let days = days_since_1900(value);
            match to {
                // Microsoft, "Truncating and rounding results": datetime to int rounds.
                _ if to.is_integer() => narrow(Number::Float(days.round()), from, to),
                _ => narrow(Number::Float(days), from, to),
            }
        }
        _ => Err(errors::not_explicit(from, to)),
    }
}
