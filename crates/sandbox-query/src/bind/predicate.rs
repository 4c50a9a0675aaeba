//! Conditions: true, false or unknown, which are no values in T-SQL.
use super::chain::balanced;
use super::masking::unmarked;
use super::refused::near;
use super::scope::Scope;
use super::typed::Typed;
use super::types::common_type;
use super::{Binder, common_collation};
use crate::functions::like::Pattern;
use sandbox_catalog::keys::key_expression;
use sandbox_values::error::SqlError;
use sandbox_values::text::units;
use sandbox_values::{SqlType, Value};
use sqlparser::ast::{BinaryOperator, Expr, Query, UnaryOperator};

impl Binder<'_> {
    /// SQLite's SQL for a condition.
    pub fn predicate(&self, expr: &Expr, scope: &Scope<'_>) -> Result<String, SqlError> {
        self.deeper(|| self.condition(expr, scope)).map(unmarked)
    }

    fn condition(&self, expr: &Expr, scope: &Scope<'_>) -> Result<String, SqlError> {
        match expr {
            Expr::Nested(inner) => Ok(format!("({})", self.predicate(inner, scope)?)),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok(format!("(NOT {})", self.predicate(expr, scope)?))
            }
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                self.conjunction(expr, op, scope)
            }
            Expr::BinaryOp { left, op, right } => {
                let Some(symbol) = comparison(op) else { return Err(not_boolean(&op.to_string())) };
                self.compare(symbol, self.scalar(left, scope)?, self.scalar(right, scope)?)
            }
            Expr::IsNull(expr) => Ok(format!("({} IS NULL)", self.scalar(expr, scope)?.sql)),
            Expr::IsNotNull(expr) => Ok(format!("({} IS NOT NULL)", self.scalar(expr, scope)?.sql)),
            Expr::IsDistinctFrom(left, right) => {
                self.compare("IS NOT", self.scalar(left, scope)?, self.scalar(right, scope)?)
            }
            Expr::IsNotDistinctFrom(left, right) => {
                self.compare("IS", self.scalar(left, scope)?, self.scalar(right, scope)?)
            }
            Expr::Between { expr, negated, low, high } => {
                let value = self.scalar(expr, scope)?;
                let low = self.compare(">=", value.clone(), self.scalar(low, scope)?)?;
                let high = self.compare("<=", value, self.scalar(high, scope)?)?;
                Ok(format!("({}({low} AND {high}))", not(*negated)))
            }
            Expr::InList { expr, list, negated } => {
                let value = self.scalar(expr, scope)?;
                // Each item is compared in a type of its own; most often it is the same for all.
                let mut lists: Vec<(String, Vec<String>)> = Vec::new();
                for item in list {
                    let (left, right) = self.comparands("=", value.clone(), self.scalar(item, scope)?)?;
                    match lists.iter_mut().find(|(known, _)| *known == left) {
                        Some((_, items)) => items.push(right),
                        None => lists.push((left, vec![right])),
                    }
                }
                let lists = lists.iter().map(|(left, items)| format!("{left} IN ({})", items.join(", ")));
                Ok(format!("({}{})", not(*negated), balanced(&lists.collect::<Vec<_>>(), "OR")))
            }
            Expr::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated, scope),
            Expr::Exists { subquery, negated } => {
                let emitted = self.query(subquery, Some(scope))?;
                Ok(format!("({}EXISTS ({}))", not(*negated), emitted.sql))
            }
            Expr::Like { negated, expr, pattern, escape_char, .. } => {
                self.like(expr, pattern, escape_char.as_deref(), *negated, scope)
            }
            Expr::AnyOp { left, compare_op, right, .. } => {
                self.quantified(left, compare_op, right, false, scope)
            }
            Expr::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true, scope),
            other => Err(not_boolean(&other.to_string())),
        }
    }

    /// A comparison of two values, brought to one type.
    pub fn compare(&self, symbol: &str, left: Typed, right: Typed) -> Result<String, SqlError> {
        let (left, right) = self.comparands(symbol, left, right)?;
        Ok(format!("({left} {symbol} {right})"))
    }

    fn comparands(&self, symbol: &str, left: Typed, right: Typed) -> Result<(String, String), SqlError> {
        let sql_type = common_type(&left, &right)?;
        if !sql_type.is_comparable() {
            return Err(incomparable(&left, &right, symbol));
        }
        let sql_type = match common_collation(&[&left, &right], operation(symbol))? {
            Some((collation, _)) if sql_type.collation().is_some() => sql_type.with_collation(collation),
            _ => sql_type,
        };
        Ok((self.comparable(left, &sql_type)?, self.comparable(right, &sql_type)?))
    }

    /// What SQLite compares in a value's stead.
    fn comparable(&self, value: Typed, sql_type: &SqlType) -> Result<String, SqlError> {
        Ok(key_expression(&self.implicit(value, sql_type)?.sql, sql_type))
    }

    fn in_subquery(
        &self,
        expr: &Expr,
        query: &Query,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<String, SqlError> {
        let value = self.scalar(expr, scope)?;
        let emitted = self.query(query, Some(scope))?;
        let [column] = emitted.columns.as_slice() else {
            return Err(SqlError::new(
                116,
                16,
                1,
                "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
            ));
        };
        let inner = Typed { sql: "c1".to_owned(), ..column.typed.clone() };
        let sql_type = common_type(&value, &inner)?;
        let (left, right) = (self.comparable(value, &sql_type)?, self.comparable(inner, &sql_type)?);
        Ok(format!("({left} {}IN (SELECT {right} FROM ({})))", not(negated), emitted.sql))
    }

    /// `left op ANY (query)`, `left op ALL (query)`.
    fn quantified(
        &self,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        all: bool,
        scope: &Scope<'_>,
    ) -> Result<String, SqlError> {
        let (Some(symbol), Expr::Subquery(query)) = (comparison(op), right) else {
            return Err(near(&right.to_string()));
        };
        let value = self.scalar(left, scope)?;
        let emitted = self.query(query, Some(scope))?;
        let Some(column) = emitted.columns.first() else { return Err(near(&right.to_string())) };
        let inner = Typed { sql: "q.c1".to_owned(), ..column.typed.clone() };
        let holds = self.compare(symbol, value, inner)?;
        Ok(if all {
            format!("(NOT EXISTS (SELECT 1 FROM ({}) AS q WHERE NOT {holds}))", emitted.sql)
        } else {
            format!("(EXISTS (SELECT 1 FROM ({}) AS q WHERE {holds}))", emitted.sql)
        })
    }

    fn like(
        &self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<String, SqlError> {
        let mut arguments =
            vec![self.text(self.scalar(expr, scope)?)?, self.text(self.scalar(pattern, scope)?)?];
        if let Some(escape) = escape {
            arguments.push(self.text(self.scalar(escape, scope)?)?);
        }
        let collation = common_collation(&arguments.iter().collect::<Vec<_>>(), "like")?;
        let collation = collation.map_or_else(|| self.collation(), |(c, _)| c);
        let types: Vec<SqlType> = arguments.iter().map(|a| a.sql_type.clone()).collect();
        let found = self.op("like", &format!("{collation:?}"), arguments, SqlType::Int, move |v| {
            let escape = v.get(2).and_then(|e| units(e, &types[2]).first().copied());
            let pattern = Pattern::new(&units(&v[1], &types[1]), escape, collation);
            Ok(Value::Int(pattern.matches(&units(&v[0], &types[0])).into()))
        });
        Ok(format!("({}{})", not(negated), found.sql))
    }

    /// A value as text: numbers and dates as CAST writes them.
    pub fn text(&self, value: Typed) -> Result<Typed, SqlError> {
        if value.sql_type.is_character() && !value.is_untyped_null() {
            return Ok(value);
        }
        let collation = self.collation();
        let to = match value.sql_type {
            SqlType::Xml | SqlType::Variant => SqlType::NVarChar(sandbox_values::Len::N(4000), collation),
            _ => SqlType::VarChar(sandbox_values::Len::N(8000), collation),
        };
        self.implicit(value, &to)
    }
}

fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn comparison(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Eq => "=",
        BinaryOperator::NotEq => "<>",
        BinaryOperator::Lt => "<",
        BinaryOperator::LtEq => "<=",
        BinaryOperator::Gt => ">",
        BinaryOperator::GtEq => ">=",
        _ => return None,
    })
}

/// An operator's name in messages.
fn operation(symbol: &str) -> &'static str {
    match symbol {
        "<>" | "IS NOT" => "not equal to",
        "<" => "less than",
        "<=" => "less than or equal to",
        ">" => "greater than",
        ">=" => "greater than or equal to",
        _ => "equal to",
    }
}

fn incomparable(left: &Typed, right: &Typed, symbol: &str) -> SqlError {
    SqlError::new(
        402,
        16,
        1,
        format!(
            "The data types {} and {} are incompatible in the {} operator.",
            left.sql_type.name(),
            right.sql_type.name(),
            operation(symbol)
        ),
    )
}

fn not_boolean(text: &str) -> SqlError {
    SqlError::new(
        4145,
        15,
        1,
        format!(
            "An expression of non-boolean type specified in a context where a condition is expected, near '{text}'."
        ),
    )
}
