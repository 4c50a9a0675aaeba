//! SQL_VARIANT_PROPERTY.
use super::FunctionCall;
use crate::bind::Typed;
use sandbox_values::collation::utf16le;
use sandbox_values::error::SqlError;
use sandbox_values::text::units;
use sandbox_values::{CollationId, Len, SqlType, Value};

const NAME: SqlType = SqlType::NVarChar(Len::N(128), CollationId::SERVER_DEFAULT);

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    if call.name != "sql_variant_property" {
        return Ok(None);
    }
    let binder = call.binder;
    let mut bound = call.bound(2, 2)?.into_iter();
    let (Some(value), Some(asked)) = (bound.next(), bound.next()) else { return Ok(None) };
    let arguments = vec![binder.implicit(value, &SqlType::Variant)?, binder.implicit(asked, &NAME)?];
    let typed = binder.op("sql_variant_property", "", arguments, SqlType::Variant, |v| {
        let asked = String::from_utf16_lossy(&units(&v[1], &NAME)).to_lowercase();
        match &v[0] {
            Value::Variant(inner) => property(&inner.0, asked.trim_end()),
            _ => Ok(Value::Null),
        }
    });
    Ok(Some(Typed { nullable: true, ..typed }))
}

/// Microsoft docs, "SQL_VARIANT_PROPERTY": NULL for a name that is none of its.
fn property(base: &SqlType, asked: &str) -> Result<Value, SqlError> {
    let number = |n: i64| Value::Variant(Box::new((SqlType::Int, Value::Int(n))));
    let text = |text: &str| {
        let units: Vec<u16> = text.encode_utf16().collect();
        Value::Variant(Box::new((NAME, Value::Bytes(utf16le(&units)))))
    };
    Ok(match asked {
        "basetype" => text(base.name()),
        "precision" => number(base.precision().into()),
        "scale" => number(base.scale().into()),
        "maxlength" => number(base.max_length().into()),
        "collation" => base.collation().map_or(Value::Null, |c| text(&c.get().name)),
        "totalbytes" => {
            let text = "replica-sandbox does not know TotalBytes of SQL_VARIANT_PROPERTY.";
            return Err(SqlError::new(50000, 16, 1, text));
        }
        _ => Value::Null,
    })
}
