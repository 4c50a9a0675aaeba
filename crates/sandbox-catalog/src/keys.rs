//! `key(value, class)`: what SQLite compares, sorts, groups and indexes in a value's stead. The class stands for
//! the type in index expressions, which outlive a statement and a process.
use super::ops::Ops;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use sandbox_values::compare::key;
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;
use sandbox_values::{CollationId, Len, SqlType};

const GUID: i64 = 1;
const DATETIMEOFFSET: i64 = 2;
const BINARY: i64 = 3;
const VARIANT: i64 = 4;
/// Character types carry their collation in the low 16 bits.
const CODE_PAGE: i64 = 1 << 16;
const UTF16: i64 = 2 << 16;

/// The SQLite expression that compares as the type does: the expression itself, or its key.
pub fn key_expression(sql: &str, sql_type: &SqlType) -> String {
    match class(sql_type) {
        Some(class) => format!("key({sql}, {class})"),
        None => sql.to_owned(),
    }
}

fn class(sql_type: &SqlType) -> Option<i64> {
    match sql_type {
        SqlType::Char(_, c) | SqlType::VarChar(_, c) | SqlType::Text(c) => Some(CODE_PAGE | i64::from(c.0)),
        SqlType::NChar(_, c) | SqlType::NVarChar(_, c) | SqlType::NText(c) => Some(UTF16 | i64::from(c.0)),
        SqlType::UniqueIdentifier => Some(GUID),
        SqlType::DateTimeOffset(_) => Some(DATETIMEOFFSET),
        SqlType::Binary(_) | SqlType::VarBinary(_) => Some(BINARY),
        SqlType::Variant => Some(VARIANT),
        _ => None,
    }
}

fn type_of(class: i64) -> Option<SqlType> {
    let collation = CollationId((class & 0xFFFF) as u16);
    match class {
        GUID => Some(SqlType::UniqueIdentifier),
        DATETIMEOFFSET => Some(SqlType::DateTimeOffset(7)),
        BINARY => Some(SqlType::VarBinary(Len::Max)),
        VARIANT => Some(SqlType::Variant),
        _ if class & CODE_PAGE != 0 => Some(SqlType::VarChar(Len::Max, collation)),
        _ if class & UTF16 != 0 => Some(SqlType::NVarChar(Len::Max, collation)),
        _ => None,
    }
}

pub fn register(connection: &Connection, ops: &Ops) -> rusqlite::Result<()> {
    let ops = ops.clone();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("key", 2, flags, move |context| {
        let damaged =
            |what: &str| ops.fail(SqlError::new(50000, 16, 2, format!("replica-sandbox: storage: {what}.")));
        let sql_type = type_of(context.get::<i64>(1)?).ok_or_else(|| damaged("an unknown class of keys"))?;
        let value = from_stored(context.get_raw(0), &sql_type).map_err(|e| damaged(&e.to_string()))?;
        Ok(key(&value, &sql_type))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_says_how_its_type_compares() {
        let greek = CollationId(3);
        for sql_type in [
            SqlType::VarChar(Len::Max, greek),
            SqlType::NVarChar(Len::Max, greek),
            SqlType::UniqueIdentifier,
            SqlType::DateTimeOffset(7),
            SqlType::VarBinary(Len::Max),
            SqlType::Variant,
        ] {
            assert_eq!(class(&sql_type).and_then(type_of), Some(sql_type));
        }
        assert_eq!(class(&SqlType::Int), None);
    }
}
