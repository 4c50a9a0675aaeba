//! What tests make of a view's rows (docs/SANDBOX.md, "Asking for trouble").
use sandbox_session::api::OutColumn;
use sandbox_session::sandbox::{PlantedChange, PlantedValues};
use sandbox_values::convert::{ConvertMode, cast};
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, Len, SqlType, Value, collation::utf16le};

const TEXT: SqlType = SqlType::NVarChar(Len::Max, CollationId::SERVER_DEFAULT);

/// Changes the rows as it was asked for.
///
/// # Errors
/// A value that is none of its column's type.
pub(crate) fn apply(
    changes: &[PlantedChange],
    columns: &[OutColumn],
    rows: &mut Vec<Vec<Value>>,
) -> Result<(), SqlError> {
    for change in changes {
        match change {
            PlantedChange::Add(values) => {
                let nothing = columns.iter().map(|column| nothing(&column.sql_type));
                let mut row: Vec<Value> = nothing.collect();
                set(&mut row, columns, values)?;
                rows.push(row);
            }
            PlantedChange::Set { values, of } => {
                for row in rows.iter_mut() {
                    if is(row, columns, of) {
                        set(row, columns, values)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Of a column that nobody has said anything of.
fn nothing(sql_type: &SqlType) -> Value {
    if !sql_type.is_number() {
        return Value::Null;
    }
    cast(&Value::Int(0), &SqlType::Int, sql_type, None, ConvertMode::Explicit).unwrap_or(Value::Null)
}

fn is(row: &[Value], columns: &[OutColumn], of: &PlantedValues) -> bool {
    columns.iter().zip(row).all(|(column, value)| match of.get(&column.name.to_lowercase()) {
        Some(wanted) => text(value, &column.sql_type) == *wanted,
        None => true,
    })
}

fn text(value: &Value, sql_type: &SqlType) -> Option<String> {
    match cast(value, sql_type, &TEXT, None, ConvertMode::Explicit) {
        Ok(Value::Bytes(bytes)) => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            Some(String::from_utf16_lossy(&units).trim_end().to_owned())
        }
        _ => None,
    }
}

fn set(row: &mut [Value], columns: &[OutColumn], values: &PlantedValues) -> Result<(), SqlError> {
    for (column, cell) in columns.iter().zip(row) {
        let Some(planted) = values.get(&column.name.to_lowercase()) else { continue };
        *cell = match planted {
            Some(text) => value(text, &column.sql_type)?,
            None => Value::Null,
        };
    }
    Ok(())
}

/// A text as a value of that type.
///
/// # Errors
/// It is none.
pub fn value(text: &str, sql_type: &SqlType) -> Result<Value, SqlError> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let text = Value::Bytes(utf16le(&units));
    match sql_type {
        SqlType::Variant => {
            let short = SqlType::NVarChar(Len::N(4000), CollationId::SERVER_DEFAULT);
            Ok(Value::Variant(Box::new((short, text))))
        }
        _ => cast(&text, &TEXT, sql_type, None, ConvertMode::Explicit),
    }
}
