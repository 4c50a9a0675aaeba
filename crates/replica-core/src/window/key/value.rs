//! The values of a key: out of an answer or the ledger's text, and back to the server as parameters of the column's type.
use std::fmt;

use crate::catalog::{Column, Length, SqlType};
use crate::decode::Value;
use crate::tds::rpc::Param;

/// A value of a column that ranges are cut by, as text that says exactly which: as the ledger keeps it, and people read it.
/// Nobody but the server compares two of them; that they have an order here is for lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyValue(String);

/// What the values of a type are here; `None`: it makes no key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyForm {
    /// In digits.
    Int,
    /// The fewest digits that read back as the same float. It goes to the server as a float: some versions' text of one
    /// does not have all its digits.
    Float,
    /// As it is.
    Text,
    /// 0x and hexadecimal digits.
    Bytes,
    /// decimal, money, dates, times and uniqueidentifier, as CAST reads them whatever the language of the session.
    Written,
}

fn form(sql_type: &SqlType) -> Option<KeyForm> {
    Some(match sql_type {
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => KeyForm::Int,
        SqlType::Real | SqlType::Float => KeyForm::Float,
        SqlType::Char(_) | SqlType::VarChar(Length::N(_)) => KeyForm::Text,
        SqlType::NChar(_) | SqlType::NVarChar(Length::N(_)) => KeyForm::Text,
        SqlType::Binary(_) | SqlType::VarBinary(Length::N(_)) => KeyForm::Bytes,
        SqlType::Decimal { .. }
        | SqlType::Money
        | SqlType::SmallMoney
        | SqlType::Date
        | SqlType::Time(_)
        | SqlType::DateTime
        | SqlType::SmallDateTime
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_)
        | SqlType::UniqueIdentifier => KeyForm::Written,
        _ => return None,
    })
}

/// Can ranges be cut by values of this type?
pub(crate) fn makes_key(sql_type: &SqlType) -> bool {
    form(sql_type).is_some()
}

impl KeyValue {
    /// As it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Of an answer's column of that type. `None`: NULL, another type's, or text that is none.
    pub(crate) fn received(value: &Value<'_>, sql_type: &SqlType) -> Option<Self> {
        let form = form(sql_type)?;
        let text = match value {
            Value::Variant(_, inner) => return Self::received(inner, sql_type),
            Value::Int(number) if form == KeyForm::Int => number.to_string(),
            Value::Real(number) if form == KeyForm::Float => format!("{:?}", f64::from(*number)),
            Value::Float(number) if form == KeyForm::Float => format!("{number:?}"),
            Value::Text(text) if form == KeyForm::Text => text.exact()?.into_owned(),
            Value::Binary(_) if form == KeyForm::Bytes => value.to_string(),
            Value::Decimal(_) | Value::Money(_) | Value::Guid(_) if form == KeyForm::Written => {
                value.to_string()
            }
            Value::Date(_)
            | Value::Time(_)
            | Value::DateTime(..)
            | Value::SmallDateTime(..)
            | Value::DateTime2(_)
            | Value::DateTimeOffset(..)
                if form == KeyForm::Written =>
            {
                // ISO 8601, which no DATEFORMAT and no language changes (Microsoft docs, "datetime", "datetimeoffset").
                value.to_string().replacen(' ', "T", 1).replacen(' ', "", 1)
            }
            _ => return None,
        };
        Some(Self(text))
    }

    /// The value as T-SQL, of the column's own type, so that an index on it is of use: the column is not converted.
    /// The bare value is a parameter. What was not written for the type, the server refuses.
    pub(super) fn expression(&self, column: &Column, params: &mut Vec<Param>) -> String {
        let (text, sql_type) = (&self.0, &column.sql_type);
        let param = match form(sql_type) {
            Some(KeyForm::Int) => text.parse().ok().map(Param::BigInt),
            Some(KeyForm::Float) => text.parse().ok().map(|number: f64| Param::Float(number.to_bits())),
            Some(KeyForm::Bytes) => text.strip_prefix("0x").and_then(bytes).map(Param::Binary),
            Some(KeyForm::Text | KeyForm::Written) | None => None,
        };
        params.push(param.unwrap_or_else(|| Param::Text(text.clone())));
        let place = params.len();
        // Through the column's own code page, not the database's: CAST gives the collation of what it is given (Microsoft
        // docs, "CAST and CONVERT", Collation).
        let collated = match (&column.collation, sql_type) {
            (Some(collation), SqlType::Char(_) | SqlType::VarChar(_)) => {
                format!(" COLLATE {}", collation.name)
            }
            _ => String::new(),
        };
        format!("CAST(@P{place}{collated} AS {sql_type})")
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.len().is_multiple_of(2).then(|| pairs.map(byte).collect())?
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Decimal, Moment, Time};
    use crate::types::guide::column;

    #[test]
    fn what_is_written_says_exactly_which_value() {
        let time = Time { ticks: 12_345_670, scale: 7 };
        for (value, sql_type, text) in [
            (Value::Int(i64::MIN), SqlType::BigInt, "-9223372036854775808"),
            (Value::Float(0.1 + 0.2), SqlType::Float, "0.30000000000000004"),
            (Value::Float(-1e-300), SqlType::Float, "-1e-300"),
            (Value::Real(0.1), SqlType::Real, "0.10000000149011612"),
            (Value::Binary(&[0, 0xAB]), SqlType::VarBinary(Length::N(9)), "0x00AB"),
            (
                Value::Decimal(Decimal { negative: true, magnitude: 1250, precision: 9, scale: 2 }),
                SqlType::Decimal { precision: 9, scale: 2 },
                "-12.50",
            ),
            (Value::Money(-1), SqlType::Money, "-0.0001"),
            // 2024-02-29 at 1/300 s.
            (Value::DateTime(45_349, 1), SqlType::DateTime, "2024-02-29T00:00:00.003"),
            (
                Value::DateTimeOffset(Moment { days: 738_944, time }, -90),
                SqlType::DateTimeOffset(7),
                "2024-02-28T22:30:01.2345670-01:30",
            ),
            (Value::Date(738_944), SqlType::Date, "2024-02-29"),
            (Value::Guid([1; 16]), SqlType::UniqueIdentifier, "01010101-0101-0101-0101-010101010101"),
        ] {
            let received = KeyValue::received(&value, &sql_type).unwrap();
            assert_eq!(received.to_string(), text, "{sql_type}");
        }
        assert!(KeyValue::received(&Value::Null, &SqlType::Int).is_none());
        assert!(KeyValue::received(&Value::Int(1), &SqlType::Float).is_none());
    }

    #[test]
    fn a_value_goes_in_the_columns_own_type_and_code_page() {
        let mut params = Vec::new();
        let text = KeyValue::new("'; --");
        let varchar = column("t", &SqlType::VarChar(Length::N(9)));
        assert_eq!(
            text.expression(&varchar, &mut params),
            "CAST(@P1 COLLATE Latin1_General_CI_AS AS varchar(9))"
        );
        let number = KeyValue::new("-3").expression(&column("n", &SqlType::SmallInt), &mut params);
        assert_eq!(number, "CAST(@P2 AS smallint)");
        let float =
            KeyValue::new("0.30000000000000004").expression(&column("f", &SqlType::Real), &mut params);
        assert_eq!(float, "CAST(@P3 AS real)");
        KeyValue::new("0x00AB").expression(&column("b", &SqlType::VarBinary(Length::N(9))), &mut params);
        let float = Param::Float((0.1 + 0.2_f64).to_bits());
        let bytes = Param::Binary(vec![0, 0xAB]);
        assert_eq!(params, [Param::Text("'; --".into()), Param::BigInt(-3), float, bytes]);
    }
}
