//! Which objects a query asks a system view about: the view is made of these alone, as an index would find them.
//!
//! What is not made must be what the query would not have looked at. So only conditions count that every row has to
//! meet, and only values that are known before the query runs; all else leaves the view whole.
use super::Binder;
use super::scope::{Scope, Source};
use rusqlite::params_from_iter;
use sandbox_values::SqlType;
use sandbox_views::SystemView;
use sandbox_views::scope::Objects;
use sqlparser::ast::{BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments};

/// What is known of a source's rows before it is made.
#[derive(Clone, Default)]
pub struct Asked<'q> {
    /// A row that does not meet all of them does not count.
    pub conditions: Vec<&'q Expr>,
    /// The sources before it in its FROM clause.
    pub before: &'q [Source],
    /// It is the only one there: names without a source mean its columns.
    pub alone: bool,
}

impl<'q> Asked<'q> {
    /// The conjuncts of a condition.
    pub fn conjuncts(condition: Option<&'q Expr>) -> Vec<&'q Expr> {
        match condition {
            Some(Expr::Nested(inner)) => Self::conjuncts(Some(inner)),
            Some(Expr::BinaryOp { left, op: BinaryOperator::And, right }) => {
                let mut all = Self::conjuncts(Some(left));
                all.extend(Self::conjuncts(Some(right)));
                all
            }
            Some(other) => vec![other],
            None => Vec::new(),
        }
    }
}

impl Binder<'_> {
    /// The objects that a system view under that name is asked about; `None`: any.
    pub(super) fn asked_of(&self, view: &SystemView, name: &str, asked: &Asked<'_>) -> Option<Objects> {
        let conditions = asked.conditions.iter();
        conditions
            .filter_map(|condition| self.named_by(condition, view, name, asked))
            .min_by_key(Objects::len)
    }

    fn named_by(
        &self,
        condition: &Expr,
        view: &SystemView,
        name: &str,
        asked: &Asked<'_>,
    ) -> Option<Objects> {
        let named = |column: &Expr, value: &Expr| {
            self.names_object(column, view, name, asked.alone).then(|| self.known(value, asked)).flatten()
        };
        match condition {
            Expr::Nested(inner) => self.named_by(inner, view, name, asked),
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Some(self.named_by(left, view, name, asked)?.and(self.named_by(right, view, name, asked)?))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                named(left, right).or_else(|| named(right, left))
            }
            _ => None,
        }
    }

    /// Is it a column of that source that has the id of an object? In a subquery, a name that its source lacks is one of the
    /// query around it.
    fn names_object(&self, expr: &Expr, view: &SystemView, source: &str, alone: bool) -> bool {
        let column = match expr {
            Expr::Identifier(column) if alone => column,
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [of, column] if self.same(&of.value, source) => column,
                _ => return false,
            },
            _ => return false,
        };
        let is_it = |name: &str| self.same(name, &column.value);
        Objects::COLUMNS.into_iter().any(is_it) && view.columns.iter().any(|c| is_it(&c.name))
    }

    /// The values that an expression can have, where they are known.
    fn known(&self, expr: &Expr, asked: &Asked<'_>) -> Option<Objects> {
        let (sql, params) = match expr {
            Expr::CompoundIdentifier(parts) => {
                let [source, column] = parts.as_slice() else { return None };
                let source = asked.before.iter().find(|s| self.same(&s.name, &source.value))?;
                let at = source.columns.iter().position(|c| self.same(&c.name, &column.value))?;
                let table = self.work.borrow().made.get(&source.alias)?.clone();
                (format!("SELECT DISTINCT c{} FROM {table}", at + 1), Vec::new())
            }
            // A variable that the statement itself assigns has other values as it goes on.
            _ if is_constant(expr) && self.accumulators.borrow().is_empty() => {
                let value = self.scalar(expr, &Scope::default()).ok()?;
                let whole = [SqlType::TinyInt, SqlType::SmallInt, SqlType::Int, SqlType::BigInt];
                if !whole.contains(&value.sql_type) {
                    return None;
                }
                (format!("SELECT {}", value.sql), self.work.borrow().params.clone())
            }
            _ => return None,
        };
        let read = || {
            let mut statement = self.session.connection.prepare_cached(&sql)?;
            let params = params.iter().take(statement.parameter_count());
            statement.query_map(params_from_iter(params), |row| row.get::<_, Option<i64>>(0))?.collect()
        };
        let read: rusqlite::Result<Vec<Option<i64>>> = read();
        // The query itself will tell of an error.
        let values = read.map_err(|error| self.ops.explain(&error)).ok()?;
        Objects::new(values.into_iter().flatten())
    }
}

/// Is it the same whatever row is looked at?
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::Nested(inner) => is_constant(inner),
        Expr::Identifier(name) => name.quote_style.is_none() && name.value.starts_with('@'),
        Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("object_id") => {
            let FunctionArguments::List(list) = &function.args else { return false };
            list.args.iter().all(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => is_constant(expr),
                _ => false,
            })
        }
        _ => false,
    }
}
