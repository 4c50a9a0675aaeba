//! Literals, and values as SQLite literals.
use super::Binder;
use super::typed::{Label, Origin, Typed};
use rusqlite::types::Value as Stored;
use sandbox_sql::tokens::hex;
use sandbox_values::collation::utf16le;
use sandbox_values::error::SqlError;
use sandbox_values::storage::to_stored;
use sandbox_values::{Len, SqlType, Value};
use sqlparser::ast::{Expr, UnaryOperator, Value as Literal};
use std::fmt::Write;

/// A BLOB literal.
pub fn blob(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2 + 3);
    out.push_str("x'");
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('\'');
    out
}

/// A value's stored form as SQLite writes it.
pub fn value_literal(value: Value) -> String {
    match to_stored(value) {
        Stored::Null => "NULL".to_owned(),
        Stored::Integer(i64::MIN) => "(-9223372036854775807 - 1)".to_owned(),
        Stored::Integer(n) => n.to_string(),
        // Infinity has no literal but this one.
        Stored::Real(x) if x.is_infinite() => if x > 0.0 { "9e999" } else { "-9e999" }.to_owned(),
        Stored::Real(x) => format!("{x:e}"),
        Stored::Text(text) => blob(text.as_bytes()),
        Stored::Blob(bytes) => blob(&bytes),
    }
}

impl Binder<'_> {
    pub(super) fn literal(&self, literal: &Literal) -> Result<Typed, SqlError> {
        match literal {
            Literal::Null => Ok(Typed {
                sql: "NULL".to_owned(),
                sql_type: SqlType::Int,
                nullable: true,
                origin: Origin::Null,
                label: Label::CoercibleDefault,
            }),
            Literal::Number(text, _) => number(text),
            Literal::SingleQuotedString(text) => Ok(self.varchar(text)),
            Literal::NationalStringLiteral(text) => Ok(self.nvarchar(text)),
            Literal::HexStringLiteral(digits) => {
                let bytes = hex(digits);
                let length = bytes.len();
                let sql_type = if length > 8000 {
                    SqlType::VarBinary(Len::Max)
                } else {
                    SqlType::VarBinary(Len::N(length.max(1) as u16))
                };
                Ok(Typed::literal(blob(&bytes), sql_type))
            }
            // SET QUOTED_IDENTIFIER OFF is not modelled: "x" is a name.
            other => Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{other}'."))),
        }
    }

    /// `'text'`: varchar of its own length, in the database's code page.
    pub fn varchar(&self, text: &str) -> Typed {
        let collation = self.collation();
        let units: Vec<u16> = text.encode_utf16().collect();
        let bytes = collation.get().encode(&units);
        let length = bytes.len();
        let len = if length > 8000 { Len::Max } else { Len::N(length.max(1) as u16) };
        Typed::literal(blob(&bytes), SqlType::VarChar(len, collation))
    }

    /// `N'text'`
    pub fn nvarchar(&self, text: &str) -> Typed {
        let units: Vec<u16> = text.encode_utf16().collect();
        let len = if units.len() > 4000 { Len::Max } else { Len::N(units.len().max(1) as u16) };
        Typed::literal(blob(&utf16le(&units)), SqlType::NVarChar(len, self.collation()))
    }
}

/// int where it fits, else numeric; float with an exponent (Microsoft docs, "Constants"; a whole number beyond
/// int is numeric, not bigint).
fn number(text: &str) -> Result<Typed, SqlError> {
    let refuse = || SqlError::new(102, 15, 1, format!("Incorrect syntax near '{text}'."));
    if text.contains(['e', 'E']) {
        let value: f64 = text.parse().map_err(|_| refuse())?;
        return Ok(Typed::literal(value_literal(Value::Float(value)), SqlType::Float));
    }
    if let Ok(value) = text.parse::<i32>() {
        return Ok(Typed::literal(value.to_string(), SqlType::Int));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole = whole.trim_start_matches('0');
    let (scale, precision) = (fraction.len(), (whole.len() + fraction.len()).max(1));
    if precision > 38 {
        return Err(SqlError::new(
            1007,
            15,
            1,
            format!(
                "The number '{text}' is out of the range for numeric representation (maximum precision 38)."
            ),
        ));
    }
    let digits = format!("0{whole}{fraction}");
    let unscaled: i128 = digits.parse().map_err(|_| refuse())?;
    let sql_type = SqlType::Decimal { precision: precision as u8, scale: scale as u8, numeric: true };
    Ok(Typed::literal(value_literal(Value::Decimal(unscaled)), sql_type))
}

/// A whole number written as such, perhaps with a sign.
pub fn constant_int(expr: &Expr) -> Option<i32> {
    match expr {
        Expr::Value(value) => match &value.value {
            Literal::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => constant_int(expr)?.checked_neg(),
        Expr::Nested(inner) => constant_int(inner),
        _ => None,
    }
}
