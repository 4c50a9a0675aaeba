//! ORDER BY, TOP, OFFSET and FETCH.
use super::Binder;
use super::emitted::{ResultColumn, Tail};
use super::scope::Scope;
use super::typed::{Origin, Typed};
use sandbox_catalog::keys::key_expression;
use sandbox_catalog::ops::Op;
use sandbox_catalog::schema::same_but_for_case;
use sandbox_values::SqlType;
use sandbox_values::convert::ConvertMode;
use sandbox_values::error::SqlError;
use sqlparser::ast::{Expr, Ident, OrderByExpr, OrderBySort, SelectItem, TopQuantity, Value, ValueWithSpan};

/// What ORDER BY can name beside the result columns.
#[derive(Clone, Copy)]
pub enum Sortable<'a> {
    /// Whatever the FROM clause has.
    Any(&'a Scope<'a>),
    /// After DISTINCT: an expression that is selected.
    Distinct(&'a Scope<'a>),
    /// Of a set operation: an expression that its first query selects.
    Set(&'a [SelectItem]),
}

impl Binder<'_> {
    /// ` ORDER BY ...` and the ordinals of result columns in it.
    pub fn order(
        &self,
        items: &[OrderByExpr],
        columns: &[ResultColumn],
        sortable: Sortable<'_>,
    ) -> Result<(String, Vec<u16>), SqlError> {
        let (mut terms, mut ordinals) = (Vec::new(), Vec::new());
        for item in items {
            let (expr, collation) = match &item.expr {
                Expr::Collate { expr, collation } => (&**expr, Some(collation)),
                expr => (expr, None),
            };
            let named = output_column(expr, columns)?;
            let selected = |n: usize| Typed { sql: format!("c{}", n + 1), ..columns[n].typed.clone() };
            let (at, mut typed) = match (named, sortable) {
                (Some(n), Sortable::Any(_)) => (Some(n), columns[n].typed.clone()),
                (Some(n), _) => (Some(n), selected(n)),
                (None, Sortable::Any(scope)) => (None, self.scalar(expr, scope)?),
                (None, Sortable::Distinct(scope)) => {
                    let sql = self.scalar(expr, scope)?.sql;
                    let at = columns.iter().position(|c| c.typed.sql == sql).ok_or_else(not_distinct)?;
                    (Some(at), selected(at))
                }
                (None, Sortable::Set(items)) => {
                    let at = items.iter().position(|item| selects(item, expr));
                    // A `*` stands for several columns, and nothing can be counted.
                    let at = at.filter(|_| items.len() == columns.len()).ok_or_else(not_in_set)?;
                    (Some(at), selected(at))
                }
            };
            if let Some(collation) = collation {
                typed = self.collated(typed, collation)?;
            }
            if !typed.sql_type.is_comparable() {
                return Err(SqlError::new(
                    306,
                    16,
                    2,
                    "The text, ntext, and image data types cannot be compared or sorted, except when using IS NULL or \
                     LIKE operator.",
                ));
            }
            let position = at.or_else(|| columns.iter().position(|c| c.typed.sql == typed.sql));
            if let Some(n) = position {
                ordinals.push(n as u16 + 1);
            }
            // A bare number would be an ordinal to SQLite; a constant sorts nothing.
            if typed.origin == Origin::Literal || typed.is_untyped_null() {
                continue;
            }
            let direction = if item.options.sort == Some(OrderBySort::Desc) { " DESC" } else { "" };
            terms.push(format!("{}{direction}", key_expression(&typed.sql, &typed.sql_type)));
        }
        let sql = if terms.is_empty() { String::new() } else { format!(" ORDER BY {}", terms.join(", ")) };
        Ok((sql, ordinals))
    }

    /// How many rows TOP, OFFSET or FETCH names.
    ///
    /// # Errors
    /// 1060 for what is no whole number; 127, when it runs, for one below zero.
    pub fn row_count(&self, expr: &Expr) -> Result<String, SqlError> {
        let not_whole = || {
            let text = "The number of rows provided for a TOP or FETCH clauses row count parameter must be an integer.";
            SqlError::new(1060, 15, 1, text)
        };
        let scope = Scope::default();
        let typed = match expr {
            // A variable after FETCH, see `bridge`.
            Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
                self.scalar(&Expr::Identifier(Ident::new(name)), &scope)?
            }
            expr => self.scalar(expr, &scope)?,
        };
        if !typed.sql_type.is_integer() && !typed.is_untyped_null() {
            return Err(not_whole());
        }
        let rows = self.convert(typed, &SqlType::BigInt, None, ConvertMode::Implicit)?.sql;
        let run = move |v: &[sandbox_values::Value]| match v {
            [sandbox_values::Value::Int(n)] if *n >= 0 => Ok(sandbox_values::Value::Int(*n)),
            [sandbox_values::Value::Int(_)] => {
                Err(SqlError::new(127, 15, 1, "A TOP N or FETCH rowcount value may not be negative."))
            }
            _ => Err(not_whole()),
        };
        let op = || Op { arguments: vec![SqlType::BigInt], strict: false, run: Box::new(run) };
        Ok(format!("f({}, {rows})", self.ops.intern("row count".to_owned(), op)))
    }

    pub fn limit(&self, top: Option<&TopQuantity>, tail: &Tail<'_>) -> Result<String, SqlError> {
        let count = |expr: &Expr| self.row_count(expr);
        let rows = match (top, tail.fetch) {
            (Some(TopQuantity::Constant(n)), _) => Some(n.to_string()),
            (Some(TopQuantity::Expr(expr)), _) => Some(count(expr)?),
            (None, Some(expr)) => Some(count(expr)?),
            (None, None) => None,
        };
        let offset = tail.offset.map(count).transpose()?;
        Ok(match (rows, offset) {
            (None, None) => String::new(),
            (Some(rows), None) => format!(" LIMIT {rows}"),
            (rows, Some(offset)) => format!(" LIMIT {} OFFSET {offset}", rows.as_deref().unwrap_or("-1")),
        })
    }
}

fn selects(item: &SelectItem, wanted: &Expr) -> bool {
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            expr.to_string().eq_ignore_ascii_case(&wanted.to_string())
        }
        _ => false,
    }
}

fn not_distinct() -> SqlError {
    let text = "ORDER BY items must appear in the select list if SELECT DISTINCT is specified.";
    SqlError::new(145, 15, 1, text)
}

fn not_in_set() -> SqlError {
    let text = "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT \
                operator.";
    SqlError::new(104, 16, 1, text)
}

/// The result column that an ORDER BY item names, by its number or its name.
fn output_column(expr: &Expr, columns: &[ResultColumn]) -> Result<Option<usize>, SqlError> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => {
                let n: usize = text.parse().unwrap_or(0);
                if n == 0 || n > columns.len() {
                    return Err(SqlError::new(
                        108,
                        16,
                        1,
                        format!(
                            "The ORDER BY position number {text} is out of range of the number of items in the select list."
                        ),
                    ));
                }
                Ok(Some(n - 1))
            }
            _ => Ok(None),
        },
        Expr::Identifier(name) => Ok(columns
            .iter()
            .position(|c| c.name.as_deref().is_some_and(|n| same_but_for_case(n, &name.value)))),
        _ => Ok(None),
    }
}
