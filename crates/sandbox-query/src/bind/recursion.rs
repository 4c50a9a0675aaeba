//! Common table expressions that read themselves: an anchor, and members that add rows to those found so far.
use super::Binder;
use super::emitted::Emitted;
use super::masking::marked_as;
use super::scope::{Source, SourceColumn};
use super::typed::Typed;
use super::work::{CommonTable, FromClause};
use sandbox_catalog::schema::same_but_for_case;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use sqlparser::ast::{
    Expr, GroupByExpr, Ident, JoinOperator, Select, SelectItem, SetExpr, SetOperator, SetQuantifier,
    TableFactor,
};
use std::sync::Arc;

/// A column beside a query's own: how often it has read itself for the row. No column of a client has such a name.
pub const LEVEL: &str = "\0level";

impl Binder<'_> {
    /// `None` where the query does not read itself.
    ///
    /// # Errors
    /// 205, 240, 246, 252, 253; 460 to 467 for what a recursive member may not have; 530 when it runs.
    pub(super) fn recursive(&self, table: &CommonTable) -> Result<Option<Emitted>, SqlError> {
        let name = &table.name;
        let mut members = Vec::new();
        let only_union_all = flatten(&table.query.body, &mut members);
        let Some(first) = members.iter().position(|member| reads(member, name) > 0) else { return Ok(None) };
        let (anchors, recursive) = members.split_at(first);
        if !only_union_all {
            let text = format!(
                "Recursive common table expression '{name}' does not contain a top-level UNION ALL operator."
            );
            return Err(SqlError::new(252, 16, 1, text));
        }
        let mut anchor: Option<Emitted> = None;
        for member in anchors {
            let next = self.set_expression(member, None)?;
            anchor = Some(match anchor {
                Some(before) => self.set_operation(before, &SetOperator::Union, true, next)?,
                None => next,
            });
        }
        let Some(mut anchor) = anchor else {
            let text = format!("No anchor member was specified for recursive query \"{name}\".");
            return Err(SqlError::new(246, 16, 1, text));
        };
        // What a member adds may be NULL where the anchor's values were not.
        anchor.columns.iter_mut().for_each(|column| column.typed.nullable = true);
        let alias = self.alias();
        let mut parts = Vec::with_capacity(recursive.len());
        self.push_itself(table, &alias, &anchor)?;
        for member in recursive {
            parts.push(self.member(member, name, &anchor));
        }
        self.work.borrow_mut().common_tables.pop();
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?.join(" UNION ALL ");
        let list = (1..=anchor.columns.len()).map(|n| format!("c{n}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "WITH RECURSIVE {alias}({list}, level) AS (SELECT {list}, 0 FROM ({}) UNION ALL {parts}) \
             SELECT {list} FROM {alias}",
            anchor.sql
        );
        Ok(Some(Emitted { sql, columns: anchor.columns, ordered_by: Vec::new() }))
    }

    /// Makes the name stand for the rows found so far.
    fn push_itself(&self, table: &CommonTable, alias: &str, anchor: &Emitted) -> Result<(), SqlError> {
        let mut columns = Vec::with_capacity(anchor.columns.len());
        for (n, column) in anchor.columns.iter().enumerate() {
            let Some(name) = table.columns.get(n).or(column.name.as_ref()).cloned() else {
                return Err(SqlError::new(
                    8155,
                    16,
                    2,
                    format!("No column name was specified for column {} of '{}'.", n + 1, table.name),
                ));
            };
            columns.push(SourceColumn { name, typed: column.typed.clone() });
        }
        let itself = CommonTable { so_far: Some((alias.to_owned(), Arc::from(columns))), ..table.clone() };
        self.work.borrow_mut().common_tables.push(itself);
        Ok(())
    }

    /// The query, where one of its members names it.
    pub(super) fn itself(&self, so_far: &str, columns: &[SourceColumn], exposed: &str) -> FromClause {
        let alias = self.alias();
        let mut own: Vec<SourceColumn> = columns
            .iter()
            .enumerate()
            .map(|(n, column)| SourceColumn {
                name: column.name.clone(),
                typed: Typed {
                    sql: marked_as(&column.typed.sql, format!("{alias}.c{}", n + 1)),
                    ..column.typed.clone()
                },
            })
            .collect();
        let limit = self.max_recursion.get();
        let level = Typed::expression(format!("{alias}.level"), SqlType::BigInt, false);
        let next = self.op("level", &limit.to_string(), vec![level], SqlType::BigInt, move |v| match &v[0] {
            Value::Int(level) if limit == 0 || *level < limit => Ok(Value::Int(level + 1)),
            _ => Err(SqlError::new(
                530,
                16,
                1,
                format!(
                    "The statement terminated. The maximum recursion {limit} has been exhausted before statement completion."
                ),
            )),
        });
        own.push(SourceColumn { name: LEVEL.to_owned(), typed: next });
        let source = Source {
            name: exposed.to_owned(),
            schema: None,
            database: None,
            alias: alias.clone(),
            columns: own,
            exact: self.exact(),
            row: None,
        };
        FromClause { sql: format!("{so_far} AS {alias}"), sources: vec![source], visible: Vec::new() }
    }

    /// A recursive member, with the level of its rows.
    fn member(&self, member: &SetExpr, name: &str, anchor: &Emitted) -> Result<String, SqlError> {
        let SetExpr::Select(select) = member else { return Err(twice(name)) };
        if reads(member, name) != 1 {
            return Err(twice(name));
        }
        allowed(select, name)?;
        let mut select = select.clone();
        select.projection.push(SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('[', LEVEL))));
        let emitted = self.set_expression(&SetExpr::Select(select), None)?;
        let own = emitted.columns.len() - 1;
        if own != anchor.columns.len() {
            return Err(SqlError::new(
                205,
                16,
                1,
                "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of \
                 expressions in their target lists.",
            ));
        }
        for (before, now) in anchor.columns.iter().zip(&emitted.columns) {
            if before.typed.sql_type != now.typed.sql_type {
                let column = before.name.as_deref().unwrap_or_default();
                return Err(SqlError::new(
                    240,
                    16,
                    1,
                    format!(
                        "Types don't match between the anchor and the recursive part in column \"{column}\" of recursive \
                         query \"{name}\"."
                    ),
                ));
            }
        }
        Ok(emitted.sql)
    }
}

/// The members of a chain of set operations, in order; are they all joined by UNION ALL?
fn flatten<'q>(body: &'q SetExpr, members: &mut Vec<&'q SetExpr>) -> bool {
    match body {
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            let all = *op == SetOperator::Union && *set_quantifier == SetQuantifier::All;
            let left = flatten(left, members);
            members.push(right);
            left && all
        }
        SetExpr::Query(query) if query.order_by.is_none() && query.with.is_none() => {
            flatten(&query.body, members)
        }
        other => {
            members.push(other);
            true
        }
    }
}

/// How often a FROM clause names the table.
fn reads(body: &SetExpr, name: &str) -> usize {
    let SetExpr::Select(select) = body else { return 0 };
    let named = |factor: &TableFactor| match factor {
        TableFactor::Table { name: found, .. } => {
            matches!(found.0.as_slice(), [only] if only.as_ident().is_some_and(|only| same_but_for_case(&only.value, name)))
        }
        _ => false,
    };
    let factors = select
        .from
        .iter()
        .flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|join| &join.relation)));
    factors.filter(|factor| named(factor)).count()
}

fn twice(name: &str) -> SqlError {
    let text =
        format!("Recursive member of a common table expression '{name}' has multiple recursive references.");
    SqlError::new(253, 16, 1, text)
}

fn allowed(select: &Select, name: &str) -> Result<(), SqlError> {
    let part = format!("allowed in the recursive part of a recursive common table expression '{name}'.");
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let outer = |operator: &JoinOperator| {
        matches!(
            operator,
            JoinOperator::Left(_)
                | JoinOperator::LeftOuter(_)
                | JoinOperator::Right(_)
                | JoinOperator::RightOuter(_)
                | JoinOperator::FullOuter(_)
        )
    };
    let (number, what) = if select.distinct.is_some() {
        (460, "DISTINCT operator is not")
    } else if select.top.is_some() {
        (461, "The TOP or OFFSET operator is not")
    } else if select.from.iter().flat_map(|t| &t.joins).any(|join| outer(&join.join_operator)) {
        (462, "Outer join is not")
    } else if grouped || select.having.is_some() || super::aggregate::is_aggregating(select) {
        (467, "GROUP BY, HAVING, or aggregate functions are not")
    } else {
        return Ok(());
    };
    Err(SqlError::new(number, 16, 1, format!("{what} {part}")))
}
