//! `[database.]$PARTITION.function(value)`: the number of the partition that a value belongs to.
use crate::bind::{Binder, Scope, Typed, object_name};
use sandbox_sql::tokens::{ObjectName, PARTITION};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use sqlparser::ast::{self, Expr};

/// The partition function that a call names, if it is such a call.
///
/// # Errors
/// 102.
pub fn named(called: &ast::ObjectName) -> Result<Option<ObjectName>, SqlError> {
    let name = object_name(called)?;
    let qualified = name.schema.as_deref().is_some_and(|schema| schema.eq_ignore_ascii_case(PARTITION));
    Ok(qualified.then_some(name))
}

/// # Errors
/// 208 for a function that is not there (number unconfirmed), 174, 206 for a value of another kind.
pub fn number(
    binder: &Binder<'_>,
    name: &ObjectName,
    arguments: &[&Expr],
    scope: &Scope<'_>,
) -> Result<Typed, SqlError> {
    let database = binder.database_id(name)?;
    let function = {
        let instance = binder.session.engine.instance();
        let home = instance.databases.get(&database);
        home.and_then(|d| d.partition_functions.values().find(|f| d.same_name(&f.name, &name.name)).cloned())
    };
    let Some(function) = function else {
        return Err(SqlError::new(208, 16, 1, format!("Invalid object name '{}'.", name.name)));
    };
    let [value] = arguments else {
        return Err(SqlError::new(174, 15, 1, format!("The {} function requires 1 argument(s).", name.name)));
    };
    let value = binder.implicit(binder.scalar(value, scope)?, &function.sql_type)?;
    let detail = format!("{database} {}", function.id);
    let number = binder.op("$partition", &detail, vec![value], SqlType::Int, move |v| {
        Ok(Value::Int(function.partition_of(&v[0]) as i64 + 1))
    });
    // NULL belongs to the first partition.
    Ok(Typed::expression(format!("coalesce({}, 1)", number.sql), SqlType::Int, true))
}
