//! sql_variant's body: base type, its properties, the value ([MS-TDS] 2.2.5.5.4). Also its stored form.
use super::payload::{self, Bad};
use crate::types::{CollationId, Len, SqlType, Value};
use replica_core::tds::types::{CollationBytes, token};

/// Of a decimal in a variant the client reads so many bytes, sign included, whatever its precision (SqlClient,
/// TdsParser.TryReadSqlVariant).
const LONGEST_DECIMAL: usize = 17;

/// Appends the body of a variant that is not NULL.
pub fn put_body(out: &mut Vec<u8>, base: &SqlType, value: &Value) {
    let (token, properties) = head(base);
    out.push(token);
    out.push(properties.len() as u8);
    out.extend_from_slice(&properties);
    let start = out.len();
    payload::put(out, base, value);
    if let SqlType::Decimal { .. } = base {
        out.resize(start + LONGEST_DECIMAL, 0);
    }
}

fn head(base: &SqlType) -> (u8, Vec<u8>) {
    let chars = |token: u8, width: u16, id: CollationId| {
        let mut properties = id.get().wire().0.to_vec();
        properties.extend_from_slice(&width.to_le_bytes());
        (token, properties)
    };
    match *base {
        SqlType::Bit => (token::BIT, vec![]),
        SqlType::TinyInt => (token::INT1, vec![]),
        SqlType::SmallInt => (token::INT2, vec![]),
        SqlType::Int => (token::INT4, vec![]),
        SqlType::BigInt => (token::INT8, vec![]),
        SqlType::Money => (token::MONEY, vec![]),
        SqlType::SmallMoney => (token::MONEY4, vec![]),
        SqlType::Real => (token::FLT4, vec![]),
        SqlType::Float => (token::FLT8, vec![]),
        SqlType::DateTime => (token::DATETIME, vec![]),
        SqlType::SmallDateTime => (token::DATETIM4, vec![]),
        SqlType::UniqueIdentifier => (token::GUID, vec![]),
        SqlType::Date => (token::DATEN, vec![]),
        SqlType::Time(scale) => (token::TIMEN, vec![scale]),
        SqlType::DateTime2(scale) => (token::DATETIME2N, vec![scale]),
        SqlType::DateTimeOffset(scale) => (token::DATETIMEOFFSETN, vec![scale]),
        SqlType::Decimal { precision, scale, numeric } => {
            (if numeric { token::NUMERICN } else { token::DECIMALN }, vec![precision, scale])
        }
        SqlType::Char(n, id) => chars(token::BIGCHAR, n, id),
        SqlType::VarChar(len, id) => chars(token::BIGVARCHAR, bounded(len, 8000), id),
        SqlType::NChar(n, id) => chars(token::NCHAR, 2 * n, id),
        SqlType::NVarChar(len, id) => chars(token::NVARCHAR, 2 * bounded(len, 4000), id),
        SqlType::Binary(n) => (token::BIGBINARY, n.to_le_bytes().to_vec()),
        SqlType::VarBinary(len) => (token::BIGVARBINARY, bounded(len, 8000).to_le_bytes().to_vec()),
        // No variant holds these (Microsoft, "sql_variant"); conversion has refused them before.
        SqlType::Text(_)
        | SqlType::NText(_)
        | SqlType::Image
        | SqlType::Xml
        | SqlType::Variant
        | SqlType::RowVersion
        | SqlType::HierarchyId
        | SqlType::Geography
        | SqlType::Geometry => (token::BIGVARBINARY, 8000u16.to_le_bytes().to_vec()),
    }
}

fn bounded(len: Len, most: u16) -> u16 {
    match len {
        Len::N(n) => n,
        Len::Max => most,
    }
}

/// The variant whose body `bytes` are.
///
/// # Errors
/// A base type that no variant has, properties or a value that do not fit it.
pub fn read_body(bytes: &[u8]) -> Result<Value, Bad> {
    let (&[token, properties], rest) = bytes.split_first_chunk::<2>().ok_or(Bad::Length)?;
    let (properties, data) = rest.split_at_checked(properties.into()).ok_or(Bad::Length)?;
    let base = base(token, properties)?;
    let width = match base {
        SqlType::Char(n, _)
        | SqlType::VarChar(Len::N(n), _)
        | SqlType::Binary(n)
        | SqlType::VarBinary(Len::N(n)) => usize::from(n),
        SqlType::NChar(n, _) | SqlType::NVarChar(Len::N(n), _) => 2 * usize::from(n),
        _ => usize::MAX,
    };
    if data.len() > width {
        return Err(Bad::Length);
    }
    let value = payload::get(data, &base)?;
    Ok(Value::Variant(Box::new((base, value))))
}

fn base(token: u8, properties: &[u8]) -> Result<SqlType, Bad> {
    let base = match (token, properties) {
        (token::BIT, []) => SqlType::Bit,
        (token::INT1, []) => SqlType::TinyInt,
        (token::INT2, []) => SqlType::SmallInt,
        (token::INT4, []) => SqlType::Int,
        (token::INT8, []) => SqlType::BigInt,
        (token::MONEY, []) => SqlType::Money,
        (token::MONEY4, []) => SqlType::SmallMoney,
        (token::FLT4, []) => SqlType::Real,
        (token::FLT8, []) => SqlType::Float,
        (token::DATETIME, []) => SqlType::DateTime,
        (token::DATETIM4, []) => SqlType::SmallDateTime,
        (token::GUID, []) => SqlType::UniqueIdentifier,
        (token::DATEN, []) => SqlType::Date,
        (token::TIMEN, &[scale @ 0..=7]) => SqlType::Time(scale),
        (token::DATETIME2N, &[scale @ 0..=7]) => SqlType::DateTime2(scale),
        (token::DATETIMEOFFSETN, &[scale @ 0..=7]) => SqlType::DateTimeOffset(scale),
        (token::DECIMALN | token::NUMERICN, &[precision @ 1..=38, scale]) if scale <= precision => {
            SqlType::Decimal { precision, scale, numeric: token == token::NUMERICN }
        }
        (token::BIGBINARY, &[a, b]) => SqlType::Binary(width(a, b, 1)?),
        (token::BIGVARBINARY, &[a, b]) => SqlType::VarBinary(Len::N(width(a, b, 1)?)),
        (token::BIGCHAR, &[a, b, c, d, e, f, g]) => {
            SqlType::Char(width(f, g, 1)?, collation([a, b, c, d, e]))
        }
        (token::BIGVARCHAR, &[a, b, c, d, e, f, g]) => {
            SqlType::VarChar(Len::N(width(f, g, 1)?), collation([a, b, c, d, e]))
        }
        (token::NCHAR, &[a, b, c, d, e, f, g]) => SqlType::NChar(width(f, g, 2)?, collation([a, b, c, d, e])),
        (token::NVARCHAR, &[a, b, c, d, e, f, g]) => {
            SqlType::NVarChar(Len::N(width(f, g, 2)?), collation([a, b, c, d, e]))
        }
        _ => return Err(Bad::Value),
    };
    Ok(base)
}

fn collation(bytes: [u8; 5]) -> CollationId {
    CollationId::by_wire(CollationBytes(bytes)).unwrap_or(CollationId::SERVER_DEFAULT)
}

/// A width in units of `unit` bytes; at most 8000 bytes, and at least one unit.
fn width(low: u8, high: u8, unit: u16) -> Result<u16, Bad> {
    match u16::from_le_bytes([low, high]) {
        bytes @ 0..=8000 => Ok((bytes / unit).max(1)),
        _ => Err(Bad::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_seventeen_bytes_whatever_its_precision() {
        for precision in [1, 9, 10, 19, 28, 38] {
            let base = SqlType::Decimal { precision, scale: 0, numeric: false };
            let mut body = Vec::new();
            put_body(&mut body, &base, &Value::Decimal(-7));
            assert_eq!(body.len(), 4 + LONGEST_DECIMAL, "{precision}");
            assert_eq!(body[..6], [token::DECIMALN, 2, precision, 0, 0, 7]);
            let value = Value::Variant(Box::new((base, Value::Decimal(-7))));
            assert_eq!(read_body(&body), Ok(value), "{precision}");
        }
    }
}
