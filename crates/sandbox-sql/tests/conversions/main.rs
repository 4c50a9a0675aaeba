//! Conversions against Microsoft's documented results.
mod fitting;
mod moments;
mod numbers;
mod texts;

use sandbox_sql::type_name::{TypeName, TypePlace};
use sandbox_values::convert::{ColumnPlace, ConvertMode, Misfit, cast, days_of_date, fit};
use sandbox_values::{CollationId, Len, SqlType, Value};

fn declare(declaration: &str) -> SqlType {
    let place = TypePlace { ordinal: 1, name: "", length: 30, collation: CollationId::SERVER_DEFAULT };
    TypeName::parse_text(declaration).unwrap().resolve(&place).unwrap().sql_type
}

fn varchar(text: &str) -> (Value, SqlType) {
    (Value::Bytes(text.into()), declare("varchar(100)"))
}

/// Through text on both sides: the source as a literal of `from`, the result shown by CONVERT(varchar, ..., style).
fn shown(literal: &str, from: &str, to: &str, style: Option<i32>) -> Result<String, i32> {
    let (value, text_type) = varchar(literal);
    let from = declare(from);
    let typed = cast(&value, &text_type, &from, None, ConvertMode::Explicit).map_err(|error| error.number)?;
    let to = declare(to);
    let result = cast(&typed, &from, &to, style, ConvertMode::Explicit).map_err(|error| error.number)?;
    let plain = declare("varchar(max)");
    let shown = cast(&result, &to, &plain, None, ConvertMode::Explicit).map_err(|error| error.number)?;
    match shown {
        Value::Bytes(bytes) => Ok(String::from_utf8(bytes).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn check_all(cases: &[(&str, &str, &str, Result<&str, i32>)]) {
    for (literal, from, to, expected) in cases {
        let expected = expected.map(str::to_owned);
        assert_eq!(shown(literal, from, to, None), expected, "'{literal}' {from} to {to}");
    }
}
