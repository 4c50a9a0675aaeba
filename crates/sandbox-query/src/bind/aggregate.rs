//! COUNT, SUM and their like, and which queries have them.
use super::Binder;
use super::arithmetic::{fits, overflow};
use super::scope::Scope;
use super::typed::{Origin, Typed};
use sandbox_catalog::keys::key_expression;
use sandbox_catalog::ops::Fold;
use sandbox_values::compare::compare;
use sandbox_values::error::SqlError;
use sandbox_values::text::{from_units, units};
use sandbox_values::{Len, SqlType, Value};
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, OrderBySort, Select,
    SelectItem,
};
use std::cmp::Ordering;

const AGGREGATES: &[&str] =
    &["count", "count_big", "sum", "avg", "min", "max", "string_agg", "stdev", "var", "checksum_agg"];

pub fn is_aggregate(function: &Function) -> bool {
    let name = function.name.to_string().to_ascii_lowercase();
    function.over.is_none() && AGGREGATES.contains(&name.as_str())
}

/// Does the query aggregate without GROUP BY?
pub fn is_aggregating(select: &Select) -> bool {
    let in_list = select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => contains_aggregate(expr),
        _ => false,
    });
    in_list || select.having.is_some()
}

fn contains_aggregate(expr: &Expr) -> bool {
    let any = |exprs: &[&Expr]| exprs.iter().any(|e| contains_aggregate(e));
    match expr {
        Expr::Function(function) => {
            is_aggregate(function) || arguments(function).iter().flatten().any(|e| contains_aggregate(e))
        }
        Expr::Nested(e)
        | Expr::UnaryOp { expr: e, .. }
        | Expr::Cast { expr: e, .. }
        | Expr::Collate { expr: e, .. } => contains_aggregate(e),
        Expr::Convert { expr: e, .. } | Expr::IsNull(e) | Expr::IsNotNull(e) => contains_aggregate(e),
        Expr::Ceil { expr: e, .. } | Expr::Floor { expr: e, .. } | Expr::Trim { expr: e, .. } => {
            contains_aggregate(e)
        }
        Expr::Substring { expr: e, .. } => contains_aggregate(e),
        Expr::BinaryOp { left, right, .. } => any(&[&**left, &**right]),
        Expr::Between { expr, low, high, .. } => any(&[&**expr, &**low, &**high]),
        Expr::InList { expr, list, .. } => contains_aggregate(expr) || list.iter().any(contains_aggregate),
        Expr::Case { operand, conditions, else_result, .. } => {
            operand.as_deref().is_some_and(contains_aggregate)
                || else_result.as_deref().is_some_and(contains_aggregate)
                || conditions.iter().any(|w| any(&[&w.condition, &w.result]))
        }
        _ => false,
    }
}

/// A function's arguments; `None` for `*`.
pub fn arguments(function: &Function) -> Vec<Option<&Expr>> {
    match &function.args {
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

impl Binder<'_> {
    /// An aggregate's value; `over` is what follows it in a window.
    pub fn aggregate(&self, function: &Function, scope: &Scope<'_>, over: &str) -> Result<Typed, SqlError> {
        let name = function.name.to_string().to_ascii_lowercase();
        let distinct = matches!(&function.args, FunctionArguments::List(list) if list.duplicate_treatment == Some(DuplicateTreatment::Distinct));
        let arguments = arguments(function);
        if scope.inside_aggregate.get() && over.is_empty() {
            return Err(SqlError::new(
                130,
                15,
                1,
                "Cannot perform an aggregate function on an expression containing an aggregate or a subquery.",
            ));
        }
        if name.starts_with("count") && arguments == [None] {
            let sql_type = if name == "count" { SqlType::Int } else { SqlType::BigInt };
            return Ok(aggregated(format!("count(*){over}"), sql_type));
        }
        if over.is_empty() {
            scope.inside_aggregate.set(true);
        }
        let bound = arguments.first().copied().flatten().map(|e| self.scalar(e, scope));
        let rest: Result<Vec<Typed>, SqlError> =
            arguments.iter().skip(1).flatten().map(|e| self.scalar(e, scope)).collect();
        if over.is_empty() {
            scope.inside_aggregate.set(false);
        }
        let (Some(value), rest) = (bound.transpose()?, rest?) else {
            return Err(SqlError::new(102, 15, 1, "Incorrect syntax near ')'."));
        };
        let all = if distinct { "DISTINCT " } else { "" };
        match name.as_str() {
            "count" | "count_big" => {
                let sql_type = if name == "count" { SqlType::Int } else { SqlType::BigInt };
                let key = if distinct { key_expression(&value.sql, &value.sql_type) } else { value.sql };
                Ok(aggregated(format!("count({all}{key}){over}"), sql_type))
            }
            "min" | "max" => self.extreme(&name, value, over),
            "sum" => self.sum(value, all, over),
            "avg" => self.average(value, all, over),
            "string_agg" => self.string_agg(value, rest, function, over, scope),
            _ => Err(super::refused::unsupported(&format!("the aggregate {}", name.to_uppercase()))),
        }
    }

    fn extreme(&self, name: &str, value: Typed, over: &str) -> Result<Typed, SqlError> {
        if !value.sql_type.is_comparable() || value.sql_type == SqlType::Bit {
            return Err(invalid(&value.sql_type, name));
        }
        let sql_type = value.sql_type.clone();
        if sql_type.stored_form_is_key() {
            return Ok(aggregated(format!("{name}({}){over}", value.sql), sql_type));
        }
        let (wanted, compared) =
            (if name == "min" { Ordering::Less } else { Ordering::Greater }, sql_type.clone());
        let label = value.label;
        windowless(name, over)?;
        let best = self.fold(name, vec![value], sql_type, move |state, v| {
            Ok(match state {
                Some(best) if compare(&v[0], &best, &compared) != wanted => Some(best),
                _ => Some(v[0].clone()),
            })
        });
        Ok(Typed { label, ..best })
    }

    /// int for the small ones, decimal(38, s), money, float (Microsoft docs, SUM).
    fn sum(&self, value: Typed, all: &str, over: &str) -> Result<Typed, SqlError> {
        let sql_type = match &value.sql_type {
            SqlType::TinyInt | SqlType::SmallInt | SqlType::Int => SqlType::Int,
            SqlType::BigInt => SqlType::BigInt,
            SqlType::Money | SqlType::SmallMoney => SqlType::Money,
            SqlType::Real | SqlType::Float => SqlType::Float,
            SqlType::Decimal { scale, numeric, .. } => {
                SqlType::Decimal { precision: 38, scale: *scale, numeric: *numeric }
            }
            other => return Err(invalid(other, "sum")),
        };
        // SQLite's own sum is exact for whole numbers and may stand in a window.
        if sql_type == SqlType::Float
            || !over.is_empty() && matches!(sql_type, SqlType::Int | SqlType::BigInt | SqlType::Money)
        {
            return Ok(aggregated(format!("sum({all}{}){over}", value.sql), sql_type));
        }
        if !all.is_empty() {
            return Err(super::refused::unsupported("SUM (DISTINCT)"));
        }
        windowless("sum", over)?;
        let result = sql_type.clone();
        Ok(self.fold("sum", vec![value], sql_type, move |state, v| {
            Ok(Some(match (state, &v[0]) {
                (None, first) => first.clone(),
                (Some(Value::Int(a)), Value::Int(b)) => Value::Int(
                    a.checked_add(*b).filter(|n| fits(*n, &result)).ok_or_else(|| overflow(&result))?,
                ),
                (Some(Value::Money(a)), Value::Money(b)) => {
                    Value::Money(a.checked_add(*b).ok_or_else(|| overflow(&result))?)
                }
                (Some(Value::Decimal(a)), Value::Decimal(b)) => {
                    Value::Decimal(a.checked_add(*b).ok_or_else(|| overflow(&result))?)
                }
                (Some(_), _) => return Err(overflow(&result)),
            }))
        }))
    }

    /// As SUM's type, but decimal(38, max(s, 6)): sum divided by count.
    fn average(&self, value: Typed, all: &str, over: &str) -> Result<Typed, SqlError> {
        let count = Typed::expression(format!("count({all}{}){over}", value.sql), SqlType::Int, true);
        let sum = self.sum(value, all, over)?;
        let zero_is_null = Typed { sql: format!("nullif({}, 0)", count.sql), ..count };
        let sql_type = match &sum.sql_type {
            SqlType::Decimal { scale, numeric, .. } => {
                SqlType::Decimal { precision: 38, scale: (*scale).max(6), numeric: *numeric }
            }
            other => other.clone(),
        };
        let result = sql_type.clone();
        let scale = sum.sql_type.scale();
        let average = self.op("average", "", vec![sum, zero_is_null], sql_type, move |v| {
            let Value::Int(count) = &v[1] else { return Ok(Value::Null) };
            Ok(match &v[0] {
                Value::Int(sum) => Value::Int(sum / count),
                Value::Money(sum) => Value::Money(sum / count),
                Value::Float(sum) => Value::Float(sum / *count as f64),
                Value::Decimal(sum) => {
                    let wider = 10_i128.pow(u32::from(result.scale().saturating_sub(scale)));
                    let sum = sum.checked_mul(wider).ok_or_else(|| overflow(&result))?;
                    Value::Decimal(sum / i128::from(*count))
                }
                _ => Value::Null,
            })
        });
        Ok(Typed { origin: Origin::Aggregate, nullable: true, ..average })
    }

    fn string_agg(
        &self,
        value: Typed,
        rest: Vec<Typed>,
        function: &Function,
        over: &str,
        scope: &Scope<'_>,
    ) -> Result<Typed, SqlError> {
        let Some(separator) = rest.into_iter().next() else {
            return Err(SqlError::new(174, 15, 1, "The string_agg function requires 2 argument(s)."));
        };
        windowless("string_agg", over)?;
        let value = self.text(value)?;
        let collation = value.sql_type.collation().unwrap_or_else(|| self.collation());
        let wide = matches!(value.sql_type, SqlType::NChar(..) | SqlType::NVarChar(..));
        let sql_type = match &value.sql_type {
            SqlType::NVarChar(Len::Max, _) => SqlType::NVarChar(Len::Max, collation),
            SqlType::VarChar(Len::Max, _) => SqlType::VarChar(Len::Max, collation),
            _ if wide => SqlType::NVarChar(Len::N(4000), collation),
            _ => SqlType::VarChar(Len::N(8000), collation),
        };
        let (types, result) = ([value.sql_type.clone(), separator.sql_type.clone()], sql_type.clone());
        let mut order = Vec::new();
        scope.inside_aggregate.set(true);
        for item in &function.within_group {
            let key = self.scalar(&item.expr, scope);
            if key.is_err() {
                scope.inside_aggregate.set(false);
            }
            let key = key?;
            let direction = if item.options.sort == Some(OrderBySort::Desc) { " DESC" } else { "" };
            order.push(format!("{}{direction}", key_expression(&key.sql, &key.sql_type)));
        }
        scope.inside_aggregate.set(false);
        let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
        Ok(self.fold_ordered("string_agg", vec![value, separator], sql_type, &order, move |state, v| {
            let next = units(&v[0], &types[0]);
            Ok(Some(match state {
                None => from_units(&next, &result),
                Some(before) => {
                    let mut all = units(&before, &result);
                    all.extend(units(&v[1], &types[1]));
                    all.extend(next);
                    from_units(&all, &result)
                }
            }))
        }))
    }

    fn fold(
        &self,
        name: &str,
        arguments: Vec<Typed>,
        result: SqlType,
        step: impl Fn(Option<Value>, &[Value]) -> Result<Option<Value>, SqlError> + Send + Sync + 'static,
    ) -> Typed {
        self.fold_ordered(name, arguments, result, "", step)
    }

    fn fold_ordered(
        &self,
        name: &str,
        arguments: Vec<Typed>,
        result: SqlType,
        order: &str,
        step: impl Fn(Option<Value>, &[Value]) -> Result<Option<Value>, SqlError> + Send + Sync + 'static,
    ) -> Typed {
        let types: Vec<SqlType> = arguments.iter().map(|a| a.sql_type.clone()).collect();
        let key = format!("fold {name} {types:?} {result:?}");
        let number = self.ops.intern_fold(key, || Fold { arguments: types, step: Box::new(step) });
        let list: Vec<&str> = arguments.iter().map(|a| a.sql.as_str()).collect();
        aggregated(format!("fold({number}, {}{order})", list.join(", ")), result)
    }
}

/// Our own aggregates do not stand in windows.
fn windowless(name: &str, over: &str) -> Result<(), SqlError> {
    if over.is_empty() {
        Ok(())
    } else {
        Err(super::refused::unsupported(&format!("{} of this type with OVER", name.to_uppercase())))
    }
}

fn aggregated(sql: String, sql_type: SqlType) -> Typed {
    Typed { origin: Origin::Aggregate, ..Typed::expression(sql, sql_type, true) }
}

fn invalid(sql_type: &SqlType, name: &str) -> SqlError {
    SqlError::new(
        8117,
        16,
        1,
        format!("Operand data type {} is invalid for {name} operator.", sql_type.name()),
    )
}
