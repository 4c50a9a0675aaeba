//! UNION, EXCEPT, INTERSECT, and VALUES.
use super::emitted::{Emitted, ResultColumn, Tail};
use super::masking::marked_as;
use super::order::Sortable;
use super::scope::Scope;
use super::typed::Typed;
use super::types::{common_collation, common_type};
use super::{Binder, Label};
use sandbox_catalog::keys::key_expression;
use sandbox_values::error::SqlError;
use sqlparser::ast::{SelectItem, SetExpr, SetOperator, Values};

/// What the first query of a set operation selects.
pub fn first_items(body: &SetExpr) -> &[SelectItem] {
    match body {
        SetExpr::Select(select) => &select.projection,
        SetExpr::SetOperation { left, .. } => first_items(left),
        SetExpr::Query(query) => first_items(&query.body),
        _ => &[],
    }
}

impl Binder<'_> {
    /// ORDER BY and OFFSET over a set operation: by its result columns.
    pub fn finish_set(
        &self,
        emitted: Emitted,
        first: &[SelectItem],
        tail: &Tail<'_>,
    ) -> Result<Emitted, SqlError> {
        if tail.order_by.is_empty() {
            return Ok(emitted);
        }
        let names: Vec<String> = (1..=emitted.columns.len()).map(|n| format!("c{n}")).collect();
        let mut sql = format!("SELECT {} FROM ({})", names.join(", "), emitted.sql);
        let (order, ordered_by) = self.order(tail.order_by, &emitted.columns, Sortable::Set(first))?;
        sql.push_str(&order);
        sql.push_str(&self.limit(None, tail)?);
        Ok(Emitted { sql, columns: emitted.columns, ordered_by })
    }

    pub fn set_operation(
        &self,
        left: Emitted,
        op: &SetOperator,
        all: bool,
        right: Emitted,
    ) -> Result<Emitted, SqlError> {
        if left.columns.len() != right.columns.len() {
            return Err(SqlError::new(
                205,
                16,
                1,
                "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of \
                 expressions in their target lists.",
            ));
        }
        let mut columns = Vec::with_capacity(left.columns.len());
        for (a, b) in left.columns.iter().zip(&right.columns) {
            let sql_type = common_type(&a.typed, &b.typed)?;
            let label =
                common_collation(&[&a.typed, &b.typed], "UNION")?.map_or(Label::CoercibleDefault, |(_, l)| l);
            let nullable = a.typed.nullable || b.typed.nullable;
            let sql = marked_as(&a.typed.sql, marked_as(&b.typed.sql, String::new()));
            let typed = Typed { label, ..Typed::expression(sql, sql_type, nullable) };
            columns.push(ResultColumn { name: a.name.clone(), typed });
        }
        let (left, right) = (self.brought_to(left, &columns)?, self.brought_to(right, &columns)?);
        let names: Vec<String> = (1..=columns.len()).map(|n| format!("c{n}")).collect();
        let keys = |prefix: &str| -> Vec<String> {
            columns
                .iter()
                .zip(&names)
                .map(|(c, n)| key_expression(&format!("{prefix}{n}"), &c.typed.sql_type))
                .collect()
        };
        let list = names.join(", ");
        let sql = match op {
            SetOperator::Union if all => format!("{left} UNION ALL {right}"),
            SetOperator::Union => {
                format!("SELECT {list} FROM ({left} UNION ALL {right}) GROUP BY {}", keys("").join(", "))
            }
            SetOperator::Except | SetOperator::Intersect if !all => {
                let not = if *op == SetOperator::Except { "NOT " } else { "" };
                let same: Vec<String> =
                    keys("l.").iter().zip(keys("r.")).map(|(a, b)| format!("{a} IS {b}")).collect();
                format!(
                    "SELECT {list} FROM ({left}) AS l WHERE {not}EXISTS (SELECT 1 FROM ({right}) AS r WHERE {}) GROUP BY {}",
                    same.join(" AND "),
                    keys("l.").join(", ")
                )
            }
            other => return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{other}'."))),
        };
        Ok(Emitted { sql, columns, ordered_by: Vec::new() })
    }

    /// The query with its columns converted.
    fn brought_to(&self, query: Emitted, columns: &[ResultColumn]) -> Result<String, SqlError> {
        let mut items = Vec::with_capacity(columns.len());
        for (n, (have, want)) in query.columns.into_iter().zip(columns).enumerate() {
            let typed = Typed { sql: format!("c{}", n + 1), ..have.typed };
            items.push(format!("{} AS c{}", self.implicit(typed, &want.typed.sql_type)?.sql, n + 1));
        }
        Ok(format!("SELECT {} FROM ({})", items.join(", "), query.sql))
    }

    pub fn values(&self, values: &Values, outer: Option<&Scope<'_>>) -> Result<Emitted, SqlError> {
        let scope = Scope::inside(outer);
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let row: Vec<Typed> =
                row.content.iter().map(|e| self.scalar(e, &scope)).collect::<Result<_, _>>()?;
            rows.push(row);
        }
        let Some(first) = rows.first().cloned() else {
            return Err(SqlError::new(102, 15, 1, "Incorrect syntax near ')'."));
        };
        let mut types = first;
        for row in &rows[1..] {
            if row.len() != types.len() {
                return Err(SqlError::new(
                    10709,
                    16,
                    1,
                    "The number of columns for each row in a table value constructor must be the same.",
                ));
            }
            for (known, cell) in types.iter_mut().zip(row) {
                let sql_type = common_type(known, cell)?;
                *known = Typed {
                    nullable: known.nullable || cell.nullable,
                    ..Typed::expression(String::new(), sql_type, false)
                };
            }
        }
        let mut lines = Vec::with_capacity(rows.len());
        for row in rows {
            let cells: Vec<String> = row
                .into_iter()
                .zip(&types)
                .map(|(cell, want)| Ok(self.implicit(cell, &want.sql_type)?.sql))
                .collect::<Result<_, SqlError>>()?;
            lines.push(format!("({})", cells.join(", ")));
        }
        let names: Vec<String> = (1..=types.len()).map(|n| format!("column{n} AS c{n}")).collect();
        let sql = format!("SELECT {} FROM (VALUES {})", names.join(", "), lines.join(", "));
        let columns = types
            .into_iter()
            .map(|t| ResultColumn {
                name: None,
                typed: Typed::expression(String::new(), t.sql_type, t.nullable),
            })
            .collect();
        Ok(Emitted { sql, columns, ordered_by: Vec::new() })
    }
}
