//! ISNULL, COALESCE, NULLIF, IIF, CHOOSE.
use super::FunctionCall;
use crate::bind::Typed;
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    let binder = call.binder;
    Ok(Some(match call.name {
        // The first argument's type, unlike COALESCE's.
        "isnull" => {
            let mut arguments = call.bound(2, 2)?.into_iter();
            let (Some(first), Some(second)) = (arguments.next(), arguments.next()) else { return Ok(None) };
            let sql_type =
                if first.is_untyped_null() { second.sql_type.clone() } else { first.sql_type.clone() };
            let (label, nullable) = (first.label, first.nullable && second.nullable);
            let second = binder.implicit(second, &sql_type)?;
            let sql = format!("coalesce({}, {})", first.sql, second.sql);
            Typed { label, ..Typed::expression(sql, sql_type, nullable) }
        }
        "coalesce" => {
            let arguments = call.bound(2, 100)?;
            let (arguments, sql_type, label) = binder.alike(arguments, "COALESCE")?;
            let nullable = arguments.iter().all(|a| a.nullable);
            let list: Vec<String> = arguments.into_iter().map(|a| a.sql).collect();
            Typed { label, ..Typed::expression(format!("coalesce({})", list.join(", ")), sql_type, nullable) }
        }
        "nullif" => {
            let mut arguments = call.bound(2, 2)?.into_iter();
            let (Some(first), Some(second)) = (arguments.next(), arguments.next()) else { return Ok(None) };
            let equal = binder.compare("=", first.clone(), second)?;
            let sql = format!("CASE WHEN {equal} THEN NULL ELSE {} END", first.sql);
            Typed { label: first.label, ..Typed::expression(sql, first.sql_type, true) }
        }
        "iif" => {
            call.count(3, 3)?;
            let condition = binder.predicate(call.arguments[0], call.scope)?;
            let results =
                call.arguments[1..].iter().map(|a| binder.scalar(a, call.scope)).collect::<Result<_, _>>()?;
            let (results, sql_type, label) = binder.alike(results, "IIF")?;
            let nullable = results.iter().any(|r| r.nullable);
            let sql = format!("CASE WHEN {condition} THEN {} ELSE {} END", results[0].sql, results[1].sql);
            Typed { label, ..Typed::expression(sql, sql_type, nullable) }
        }
        "choose" => {
            let mut arguments = call.bound(2, 255)?;
            let index = binder.implicit(arguments.remove(0), &SqlType::Int)?;
            let (choices, sql_type, label) = binder.alike(arguments, "CHOOSE")?;
            let mut sql = format!("CASE {}", index.sql);
            for (n, choice) in choices.iter().enumerate() {
                sql.push_str(&format!(" WHEN {} THEN {}", n + 1, choice.sql));
            }
            sql.push_str(" END");
            Typed { label, ..Typed::expression(sql, sql_type, true) }
        }
        _ => return Ok(None),
    }))
}
