//! What change tracking and rowversion are at. None of it heeds a snapshot: that of MIN_ACTIVE_ROWVERSION is documented,
//! that of the versions is not, and the other reading would be the kinder one.
use super::FunctionCall;
use crate::bind::{Typed, value_literal};
use sandbox_transactions::versions;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};

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
        _ => return Ok(None),
    }))
}
