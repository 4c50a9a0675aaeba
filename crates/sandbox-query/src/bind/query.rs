//! SELECT.
use super::Binder;
use super::emitted::{Bound, Emitted, ResultColumn, Tail};
use super::names::object_name;
use super::order::Sortable;
use super::recursion::LEVEL;
use super::refused::unsupported;
use super::scope::Scope;
use super::sets::first_items;
use super::typed::Typed;
use sandbox_catalog::keys::key_expression;
use sandbox_sql::hints::Hints;
use sandbox_sql::parse::bridge;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, Ident, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetQuantifier, Top, TopQuantity,
};

impl Binder<'_> {
    /// A statement's query.
    pub fn statement(&self, query: &Query) -> Result<Bound, SqlError> {
        let (mut into, mut assigned) = (None, Vec::new());
        if let Some(select) = first_select(&query.body) {
            if let Some(target) = &select.into {
                into = Some(into_name(target.targets.first())?);
            }
            for item in &select.projection {
                if let SelectItem::ExprWithAlias { alias, .. } = item
                    && alias.quote_style.is_none()
                    && alias.value.starts_with('@')
                {
                    assigned.push(alias.value.clone());
                }
            }
            if !assigned.is_empty() && assigned.len() != select.projection.len() {
                return Err(SqlError::new(
                    141,
                    15,
                    1,
                    "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval \
                     operations.",
                ));
            }
            self.accumulate(&select.projection, &assigned)?;
        }
        Ok(Bound { emitted: self.shown_rows(self.query(query, None)?), into, assigned })
    }

    /// A query inside `outer`, if any.
    pub fn query(&self, query: &Query, outer: Option<&Scope<'_>>) -> Result<Emitted, SqlError> {
        if query.for_clause.is_some() {
            return Err(unsupported("FOR XML and FOR JSON"));
        }
        if let Some(limit) = bridge::max_recursion(query) {
            self.max_recursion.set(limit);
        }
        let common = query.with.as_ref().map_or(&[][..], |w| &w.cte_tables);
        let before = self.push_common_tables(common);
        let emitted = self.query_body(query, outer);
        self.pop_common_tables(before);
        emitted
    }

    fn query_body(&self, query: &Query, outer: Option<&Scope<'_>>) -> Result<Emitted, SqlError> {
        let order_by: &[OrderByExpr] = match query.order_by.as_ref().map(|o| &o.kind) {
            Some(OrderByKind::Expressions(items)) => items,
            Some(OrderByKind::All(_)) => {
                return Err(SqlError::new(156, 15, 1, "Incorrect syntax near the keyword 'ALL'."));
            }
            None => &[],
        };
        let offset = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit: None, offset, .. }) => offset.as_ref().map(|o| &o.value),
            Some(_) => return Err(SqlError::new(102, 15, 1, "Incorrect syntax near 'LIMIT'.")),
            None => None,
        };
        let fetch = query.fetch.as_ref().and_then(|f| f.quantity.as_ref());
        let tail = Tail { order_by, offset, fetch };
        match &*query.body {
            SetExpr::Select(select) => self.select(select, &tail, outer),
            body => {
                let emitted = self.set_expression(body, outer)?;
                self.finish_set(emitted, first_items(body), &tail)
            }
        }
    }

    pub fn set_expression(&self, body: &SetExpr, outer: Option<&Scope<'_>>) -> Result<Emitted, SqlError> {
        let no_tail = Tail { order_by: &[], offset: None, fetch: None };
        match body {
            SetExpr::Select(select) => self.select(select, &no_tail, outer),
            SetExpr::Query(query) => self.query(query, outer),
            SetExpr::Values(values) => self.values(values, outer),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let left = self.deeper(|| self.set_expression(left, outer))?;
                let right = self.deeper(|| self.set_expression(right, outer))?;
                let all = *set_quantifier == SetQuantifier::All;
                self.set_operation(left, op, all, right)
            }
            other => Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{other}'."))),
        }
    }

    fn select(
        &self,
        select: &Select,
        tail: &Tail<'_>,
        outer: Option<&Scope<'_>>,
    ) -> Result<Emitted, SqlError> {
        let read_before = self.work.borrow().tables.len();
        let from = self.from_clause(&select.from, select.selection.as_ref(), outer)?;
        if is_never_run(select) {
            self.work.borrow_mut().tables[read_before..]
                .iter_mut()
                .for_each(|used| used.hints = Hints::unlocked());
        }
        let mut scope = Scope::inside(outer);
        scope.sources = from.sources;
        let mut conditions = Vec::new();
        if let Some(filter) = &select.selection {
            conditions.push(self.predicate(filter, &scope)?);
        }
        conditions.extend(from.visible);
        let keys = self.group_keys(&select.group_by, &scope)?;
        let grouped = !keys.is_empty() || super::aggregate::is_aggregating(select);
        if grouped {
            scope.grouping = Some(keys.iter().map(|k| k.sql.clone()).collect());
        }
        let columns = self.projection(&select.projection, &scope)?;
        let items: Vec<String> =
            columns.iter().enumerate().map(|(n, c)| format!("{} AS c{}", c.typed.sql, n + 1)).collect();
        let mut sql = format!("SELECT {}", items.join(", "));
        if !from.sql.is_empty() {
            sql.push_str(&format!(" FROM {}", from.sql));
        }
        if !conditions.is_empty() {
            sql.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
        }
        if !keys.is_empty() {
            let keys: Vec<String> = keys.iter().map(|k| key_expression(&k.sql, &k.sql_type)).collect();
            sql.push_str(&format!(" GROUP BY {}", keys.join(", ")));
        }
        if let Some(having) = &select.having {
            sql.push_str(&format!(" HAVING {}", self.predicate(having, &scope)?));
        }
        let distinct = match &select.distinct {
            None => false,
            Some(Distinct::Distinct) => true,
            Some(other) => {
                return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{other}'.")));
            }
        };
        let sortable = if distinct {
            let keys: Vec<String> = (1..)
                .zip(&columns)
                .map(|(n, c): (usize, _)| key_expression(&format!("c{n}"), &c.typed.sql_type))
                .collect();
            let names: Vec<String> = (1..=columns.len()).map(|n| format!("c{n}")).collect();
            sql = format!("SELECT {} FROM ({sql}) GROUP BY {}", names.join(", "), keys.join(", "));
            Sortable::Distinct(&scope)
        } else {
            Sortable::Any(&scope)
        };
        let (order, ordered_by) = self.order(tail.order_by, &columns, sortable)?;
        sql.push_str(&order);
        let top = match &select.top {
            None => None,
            Some(top) if top.percent || top.with_ties => {
                return Err(unsupported("TOP with PERCENT or WITH TIES"));
            }
            Some(top) => top.quantity.as_ref(),
        };
        sql.push_str(&self.limit(top, tail)?);
        Ok(Emitted { sql, columns, ordered_by })
    }

    fn group_keys(&self, group_by: &GroupByExpr, scope: &Scope<'_>) -> Result<Vec<Typed>, SqlError> {
        match group_by {
            GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => {
                keys.iter().map(|key| self.scalar(key, scope)).collect()
            }
            _ => Err(unsupported("GROUP BY ALL, ROLLUP and CUBE")),
        }
    }

    pub fn projection(&self, items: &[SelectItem], scope: &Scope<'_>) -> Result<Vec<ResultColumn>, SqlError> {
        let mut columns = Vec::new();
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    columns.push(ResultColumn { name: implied_name(expr), typed: self.scalar(expr, scope)? });
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let typed = self.accumulating(&alias.value, self.scalar(expr, scope)?)?;
                    columns.push(ResultColumn { name: Some(alias.value.clone()), typed });
                }
                SelectItem::Wildcard(_) => self.star(&[], scope, &mut columns)?,
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let parts: Vec<Ident> = name.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
                    self.star(&parts, scope, &mut columns)?;
                }
                other => return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{other}'."))),
            }
        }
        Ok(columns)
    }

    fn star(
        &self,
        qualifier: &[Ident],
        scope: &Scope<'_>,
        columns: &mut Vec<ResultColumn>,
    ) -> Result<(), SqlError> {
        let sources = scope.starred(qualifier)?;
        if sources.is_empty() {
            return Err(SqlError::new(263, 16, 1, "Must specify table to select from."));
        }
        for column in sources.into_iter().flat_map(|s| &s.columns).filter(|c| c.name != LEVEL) {
            columns.push(ResultColumn { name: Some(column.name.clone()), typed: column.typed.clone() });
        }
        Ok(())
    }
}

/// TOP (0) is planned as no rows at all, without the tables: their hints lock nothing.
fn is_never_run(select: &Select) -> bool {
    let Some(Top { quantity: Some(quantity), .. }) = &select.top else { return false };
    match quantity {
        TopQuantity::Constant(rows) => *rows == 0,
        TopQuantity::Expr(expr) => matches!(expr, Expr::Value(value) if value.to_string() == "0"),
    }
}

/// The name that a result column has without AS: its column's.
fn implied_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) if name.quote_style.is_some() || !name.value.starts_with('@') => {
            Some(name.value.clone())
        }
        Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.clone()),
        Expr::Nested(inner) => implied_name(inner),
        _ => None,
    }
}

fn first_select(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Query(query) => first_select(&query.body),
        _ => None,
    }
}

/// Is it a SELECT … INTO?
pub fn makes_table(query: &Query) -> bool {
    first_select(&query.body).is_some_and(|select| select.into.is_some())
}

fn into_name(target: Option<&Expr>) -> Result<ObjectName, SqlError> {
    let parts = match target {
        Some(Expr::Identifier(name)) => vec![name.clone()],
        Some(Expr::CompoundIdentifier(parts)) => parts.clone(),
        _ => return Err(SqlError::new(156, 15, 1, "Incorrect syntax near the keyword 'INTO'.")),
    };
    object_name(&sqlparser::ast::ObjectName::from(parts))
}
