//! OVER: ranking functions and aggregates on windows.
use super::Binder;
use super::aggregate::arguments;
use super::refused::unsupported;
use super::scope::Scope;
use super::typed::Typed;
use sandbox_catalog::keys::key_expression;
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use sqlparser::ast::{
    Expr, Function, OrderByExpr, OrderBySort, Value, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowType,
};

impl Binder<'_> {
    pub fn windowed(
        &self,
        function: &Function,
        window: &WindowType,
        scope: &Scope<'_>,
    ) -> Result<Typed, SqlError> {
        let WindowType::WindowSpec(spec) = window else { return Err(unsupported("named windows")) };
        let partitions: Vec<String> = spec
            .partition_by
            .iter()
            .map(|e| self.scalar(e, scope).map(|t| key_expression(&t.sql, &t.sql_type)))
            .collect::<Result<_, _>>()?;
        let order = self.window_order(&spec.order_by, scope)?;
        let mut over = String::from(" OVER (");
        if !partitions.is_empty() {
            over.push_str(&format!("PARTITION BY {} ", partitions.join(", ")));
        }
        over.push_str(&order);
        let name = function.name.to_string().to_ascii_lowercase();
        if let Some(frame) = &spec.window_frame {
            over.push_str(&window_frame(frame, &name, !order.is_empty())?);
        }
        over.push(')');
        let arguments: Vec<&Expr> = arguments(function).into_iter().flatten().collect();
        match (name.as_str(), arguments.as_slice()) {
            ("row_number" | "rank" | "dense_rank", []) => {
                if order.is_empty() {
                    return Err(SqlError::new(
                        4112,
                        15,
                        1,
                        format!("The function '{name}' must have an OVER clause with ORDER BY."),
                    ));
                }
                Ok(Typed::expression(format!("{name}(){over}"), SqlType::BigInt, true))
            }
            ("ntile", [count]) => {
                let count = self.implicit(self.scalar(count, scope)?, &SqlType::BigInt)?;
                Ok(Typed::expression(format!("ntile({}){over}", count.sql), SqlType::BigInt, true))
            }
            ("lag" | "lead", [value, rest @ ..]) if rest.len() <= 2 => {
                let value = self.scalar(value, scope)?;
                let mut sql = value.sql.clone();
                if let Some(offset) = rest.first() {
                    sql.push_str(&format!(
                        ", {}",
                        self.implicit(self.scalar(offset, scope)?, &SqlType::BigInt)?.sql
                    ));
                }
                if let Some(default) = rest.get(1) {
                    sql.push_str(&format!(
                        ", {}",
                        self.implicit(self.scalar(default, scope)?, &value.sql_type)?.sql
                    ));
                }
                Ok(Typed {
                    label: value.label,
                    ..Typed::expression(format!("{name}({sql}){over}"), value.sql_type, true)
                })
            }
            ("first_value" | "last_value", [value]) => {
                let value = self.scalar(value, scope)?;
                Ok(Typed {
                    label: value.label,
                    ..Typed::expression(format!("{name}({}){over}", value.sql), value.sql_type, true)
                })
            }
            _ => self.aggregate(function, scope, &over),
        }
    }

    fn window_order(&self, items: &[OrderByExpr], scope: &Scope<'_>) -> Result<String, SqlError> {
        if items.is_empty() {
            return Ok(String::new());
        }
        let mut terms = Vec::with_capacity(items.len());
        for item in items {
            let typed = self.scalar(&item.expr, scope)?;
            let direction = if item.options.sort == Some(OrderBySort::Desc) { " DESC" } else { "" };
            terms.push(format!("{}{direction}", key_expression(&typed.sql, &typed.sql_type)));
        }
        Ok(format!("ORDER BY {}", terms.join(", ")))
    }
}

/// Functions that look at one other row, or number them.
const WITHOUT_FRAME: [&str; 6] = ["row_number", "rank", "dense_rank", "ntile", "lag", "lead"];

/// ` ROWS ...` or ` RANGE ...`, which SQLite writes as T-SQL does.
fn window_frame(frame: &WindowFrame, function: &str, ordered: bool) -> Result<String, SqlError> {
    if WITHOUT_FRAME.contains(&function) {
        let text = format!("The function '{function}' may not have a window frame.");
        return Err(SqlError::new(10752, 15, 1, text));
    }
    if !ordered {
        let text = "Window frame with ROWS or RANGE must have an ORDER BY clause.";
        return Err(SqlError::new(10756, 15, 1, text));
    }
    let bounds = [Some(&frame.start_bound), frame.end_bound.as_ref()];
    let offsets = bounds.into_iter().flatten().filter_map(|bound| match bound {
        WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => offset.as_deref(),
        WindowFrameBound::CurrentRow => None,
    });
    for offset in offsets {
        if frame.units != WindowFrameUnits::Rows {
            let text = "RANGE is only supported with UNBOUNDED and CURRENT ROW window frame delimiters.";
            return Err(SqlError::new(4194, 16, 1, text));
        }
        let number = matches!(offset, Expr::Value(v) if matches!(&v.value, Value::Number(digits, _) if digits.parse::<u32>().is_ok()));
        if !number {
            return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{offset}'.")));
        }
    }
    let (units, start) = (frame.units, &frame.start_bound);
    Ok(match &frame.end_bound {
        Some(end) => format!(" {units} BETWEEN {start} AND {end}"),
        None => format!(" {units} {start}"),
    })
}
