//! Character values as what functions work on: UTF-16 units.
use crate::collation::{units_from_utf16le, utf16le};
use crate::types::{CollationId, Len, SqlType, Value};

/// The UTF-16 units of a character value.
pub fn units(value: &Value, sql_type: &SqlType) -> Vec<u16> {
    let Value::Bytes(bytes) = value else { return Vec::new() };
    match sql_type {
        SqlType::Char(_, c) | SqlType::VarChar(_, c) | SqlType::Text(c) => c.get().decode(bytes),
        _ => units_from_utf16le(bytes),
    }
}

/// UTF-16 units as a value of a character type.
pub fn from_units(units: &[u16], sql_type: &SqlType) -> Value {
    Value::Bytes(match sql_type {
        SqlType::Char(_, c) | SqlType::VarChar(_, c) | SqlType::Text(c) => c.get().encode(units),
        _ => utf16le(units),
    })
}

/// nvarchar of at most so many UTF-16 units.
pub fn nvarchar(units: u16, collation: CollationId) -> SqlType {
    SqlType::NVarChar(Len::N(units), collation)
}

/// The most characters (bytes, or UTF-16 units) that a value of a character type has; `None` for (max).
pub fn width(sql_type: &SqlType) -> Option<u16> {
    match sql_type {
        SqlType::Char(n, _) | SqlType::NChar(n, _) | SqlType::Binary(n) => Some(*n),
        SqlType::VarChar(Len::N(n), _) | SqlType::NVarChar(Len::N(n), _) | SqlType::VarBinary(Len::N(n)) => {
            Some(*n)
        }
        _ => None,
    }
}
