//! CAST and CONVERT, with SQL Server's semantics and error numbers (Microsoft, "CAST and CONVERT"; numbers and
//! texts as `sys.messages` has them).
mod allowed;
mod binary;
mod calendar;
mod decimal;
mod errors;
mod fit;
mod moment;
mod moment_format;
mod moment_parse;
mod number;
mod number_text;
#[cfg(test)]
mod round_trips;
mod text;
mod to_moment;
mod to_number;
mod to_text;

use super::types::{CollationId, Len, SqlType, Value};
use crate::error::SqlError;

pub use allowed::check;
pub use calendar::{date_of_days, days_of_date};
pub use decimal::{Operator, arithmetic, decimal_shape, result_type};
pub use fit::{ColumnPlace, Misfit, fit};

/// How a conversion was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConvertMode {
    /// By assignment, comparison or a function's parameter: 206 and 257 for pairs that need CAST.
    Implicit,
    /// CAST or CONVERT: 529 for pairs that have no conversion.
    Explicit,
    /// TRY_CAST or TRY_CONVERT: NULL for values that fail, 529 for pairs all the same.
    Try,
}

/// Converts a value of type `from` to type `to`. `style` is CONVERT's third argument. Strings and binaries too long
/// for `to` are cut without a word, as CAST does; storing into a column is [`fit`]'s.
///
/// # Errors
/// 206, 257, 529 for the pair; 220, 232, 234, 235, 241, 242, 244, 245, 248, 281, 295, 8114, 8115, 8169, 8170 for
/// the value.
pub fn cast(
    value: &Value,
    from: &SqlType,
    to: &SqlType,
    style: Option<i32>,
    mode: ConvertMode,
) -> Result<Value, SqlError> {
    check(from, to, mode)?;
    match convert(value, from, to, style) {
        Err(_) if mode == ConvertMode::Try => Ok(Value::Null),
        other => other,
    }
}

/// A value as it came from outside: xml comes as text.
pub fn arrived(sql_type: &SqlType) -> SqlType {
    match sql_type {
        SqlType::Xml => SqlType::NVarChar(Len::Max, CollationId::SERVER_DEFAULT),
        other => other.clone(),
    }
}

fn convert(value: &Value, from: &SqlType, to: &SqlType, style: Option<i32>) -> Result<Value, SqlError> {
    match value {
        Value::Null => return Ok(Value::Null),
        Value::Variant(inner) if *to != SqlType::Variant => {
            check(&inner.0, to, ConvertMode::Explicit)?;
            return convert(&inner.1, &inner.0, to, style);
        }
        _ if from == to => return Ok(value.clone()),
        _ => {}
    }
    match to {
        SqlType::Variant => Ok(match value {
            Value::Variant(_) => value.clone(),
            _ => Value::Variant(Box::new((from.clone(), value.clone()))),
        }),
        _ if to.is_number() => to_number::to_number(value, from, to),
        _ if to.is_date_or_time() => to_moment::to_moment(value, from, to, style),
        _ if to.is_character() => to_text::to_text(value, from, to, style),
        SqlType::Xml => binary::to_xml(value, from, style),
        SqlType::UniqueIdentifier => binary::to_guid(value, from),
        _ => binary::to_binary(value, from, to, style),
    }
}
