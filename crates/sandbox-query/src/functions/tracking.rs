//! What change tracking and rowversion are at. None of it heeds a snapshot: that of MIN_ACTIVE_ROWVERSION is documented,
//! that of the versions is not, and the other reading would be the kinder one.
use super::FunctionCall;
use crate::bind::{Typed, value_literal};
use sandbox_transactions::versions;
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType, Value};

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    let binder = call.binder;
    let (database, engine) = (binder.database.get(), &binder.session.engine);
    Ok(Some(match call.name {
        "change_tracking_current_version" => {
            call.count(0, 0)?;
            let tracked =
                engine.instance().databases.get(&database).is_some_and(|d| d.change_tracking.is_some());
            let sql = if tracked { versions::current_sql(database) } else { "NULL".to_owned() };
            Typed::expression(sql, SqlType::BigInt, true)
        }
        "min_active_rowversion" => {
            call.count(0, 0)?;
            let lowest = engine.row_versions.lowest_active(database);
            Typed::literal(value_literal(Value::Bytes(lowest.to_vec())), SqlType::Binary(8))
        }
        "change_tracking_is_column_in_mask" => {
            let mut arguments = call.bound(2, 2)?.into_iter();
            let (Some(column), Some(mask)) = (arguments.next(), arguments.next()) else { return Ok(None) };
            let column = binder.implicit(column, &SqlType::Int)?;
            let mask = binder.implicit(mask, &SqlType::VarBinary(Len::N(4100)))?;
            // NULL means that all columns changed; no mask is as short as the bytes that stand for it here.
            let mask = Typed { sql: format!("coalesce({}, x'00')", mask.sql), nullable: false, ..mask };
            binder.op(call.name, "", vec![column, mask], SqlType::Bit, |v| match v {
                [Value::Int(column), Value::Bytes(mask)] => {
                    in_mask(*column, mask).map(|set| Value::Int(set.into()))
                }
                _ => Ok(Value::Null),
            })
        }
        _ => return Ok(None),
    }))
}

/// Microsoft docs, CHANGE_TRACKING_IS_COLUMN_IN_MASK: 1 also where all columns changed.
fn in_mask(column: i64, mask: &[u8]) -> Result<bool, SqlError> {
    match mask.split_at_checked(4) {
        None if mask == [0] => Ok(true),
        Some((head, ids)) if ids.len() >= 4 => {
            let wanted = i32::try_from(column).unwrap_or_default().to_le_bytes();
            Ok(head == [0; 4] && ids.chunks_exact(4).any(|id| id == wanted))
        }
        _ => {
            let text = "The value supplied for the change_columns argument of CHANGE_TRACKING_IS_COLUMN_IN_MASK function is \
                        not valid. The value must be a bitmask returned by the CHANGETABLE(CHANGES ...) function.";
            Err(SqlError::new(22101, 16, 1, text))
        }
    }
}
