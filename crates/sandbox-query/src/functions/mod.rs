//! T-SQL's functions, by family. Each binds its arguments, knows its result's type and runs inside SQLite.
pub mod like;
pub mod system;

mod call;
mod conditional;
mod date;
mod math;
mod metadata;
mod partition;
mod string;
mod tracking;
mod variant;

pub use call::FunctionCall;

use crate::bind::{Binder, Scope, Typed, is_aggregate};
use sandbox_values::error::SqlError;
use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

/// A call as the parser has it.
///
/// # Errors
/// 195 for a function that is not known here; 174 and its like for arguments.
pub fn call(binder: &Binder<'_>, function: &Function, scope: &Scope<'_>) -> Result<Typed, SqlError> {
    if let Some(window) = &function.over {
        return binder.windowed(function, window, scope);
    }
    if is_aggregate(function) {
        return binder.aggregate(function, scope, "");
    }
    let name = function.name.to_string().to_ascii_lowercase();
    let mut arguments = Vec::new();
    match &function.args {
        FunctionArguments::None => {
            return system::niladic(binder, &name).unwrap_or_else(|| Err(unknown(&name)));
        }
        FunctionArguments::Subquery(_) => {
            return Err(SqlError::new(102, 15, 1, "Incorrect syntax near ')'."));
        }
        FunctionArguments::List(list) => {
            for argument in &list.args {
                match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.push(expr),
                    other => {
                        return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{other}'.")));
                    }
                }
            }
        }
    }
    if let Some(partition_function) = partition::named(&function.name)? {
        return partition::number(binder, &partition_function, &arguments, scope);
    }
    named(binder, &name, &arguments, scope)
}

/// A call by name, in lower case.
///
/// # Errors
/// As [`call`].
pub fn named(
    binder: &Binder<'_>,
    name: &str,
    arguments: &[&Expr],
    scope: &Scope<'_>,
) -> Result<Typed, SqlError> {
    let call = FunctionCall { binder, name, arguments, scope };
    for family in [
        conditional::bind,
        string::bind,
        date::bind,
        math::bind,
        variant::bind,
        metadata::bind,
        tracking::bind,
        system::bind,
    ] {
        if let Some(typed) = family(&call)? {
            return Ok(typed);
        }
    }
    Err(unknown(name))
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(195, 15, 10, format!("'{name}' is not a recognized built-in function name."))
}
