//! FROM: tables, views, subqueries and joins.
use super::Binder;
use super::asked::Asked;
use super::emitted::Emitted;
use super::masking::marked_as;
use super::names::{Object, object_name};
use super::refused::unsupported;
use super::scope::{Scope, Source, SourceColumn};
use super::typed::Typed;
use super::work::{CommonTable, FromClause};
use sandbox_sql::hints::Hints;
use sandbox_sql::parse::bridge;
use sandbox_values::error::SqlError;
use sqlparser::ast::{
    Cte, Expr, Join, JoinConstraint, JoinOperator, TableAlias, TableFactor, TableWithJoins,
};
use std::cmp::Ordering;
use std::sync::Arc;

impl Binder<'_> {
    pub fn push_common_tables(&self, tables: &[Cte]) -> usize {
        let mut work = self.work.borrow_mut();
        let before = work.common_tables.len();
        work.common_tables.extend(tables.iter().map(|cte| CommonTable {
            name: cte.alias.name.value.clone(),
            columns: cte.alias.columns.iter().map(|c| c.name.value.clone()).collect(),
            query: Arc::from(cte.query.clone()),
            so_far: None,
        }));
        before
    }

    pub fn pop_common_tables(&self, to: usize) {
        self.work.borrow_mut().common_tables.truncate(to);
    }

    /// `condition`: what a row must meet. `outer`: the query around this one, for subqueries.
    pub fn from_clause(
        &self,
        tables: &[TableWithJoins],
        condition: Option<&Expr>,
        outer: Option<&Scope<'_>>,
    ) -> Result<FromClause, SqlError> {
        let mut all = FromClause::default();
        let alone = matches!(tables, [table] if table.joins.is_empty());
        let asked = Asked { conditions: Asked::conjuncts(condition), before: &[], alone };
        for table in tables {
            let next = self.joined(table, &asked, outer)?;
            if !all.sql.is_empty() {
                all.sql.push_str(" CROSS JOIN ");
            }
            all.sql.push_str(&next.sql);
            all.visible.extend(next.visible);
            all.sources.extend(next.sources);
        }
        unique_names(&all.sources)?;
        Ok(all)
    }

    fn joined(
        &self,
        table: &TableWithJoins,
        asked: &Asked<'_>,
        outer: Option<&Scope<'_>>,
    ) -> Result<FromClause, SqlError> {
        let outer_joins = table.joins.iter().any(|j| is_right_or_full(&j.join_operator));
        let mut left = self.factor(&table.relation, asked, outer, outer_joins)?;
        for join in &table.joins {
            left = self.join(left, join, asked, outer, outer_joins)?;
        }
        Ok(left)
    }

    fn join(
        &self,
        left: FromClause,
        join: &Join,
        asked: &Asked<'_>,
        outer: Option<&Scope<'_>>,
        closed: bool,
    ) -> Result<FromClause, SqlError> {
        let (word, constraint, left_nullable, right_nullable) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) => ("JOIN", Some(c), false, false),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => ("LEFT JOIN", Some(c), false, true),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => ("RIGHT JOIN", Some(c), true, false),
            JoinOperator::FullOuter(c) => ("FULL JOIN", Some(c), true, true),
            JoinOperator::CrossJoin(_) => ("CROSS JOIN", None, false, false),
            JoinOperator::CrossApply => ("CROSS JOIN", None, false, false),
            JoinOperator::OuterApply => ("LEFT JOIN", None, false, true),
            other => return Err(unsupported(&format!("the join {other:?}"))),
        };
        let applied = matches!(join.join_operator, JoinOperator::CrossApply | JoinOperator::OuterApply);
        let mut conditions = asked.conditions.clone();
        // A row of the right side that another join keeps need not meet what this one asks.
        if let (Some(JoinConstraint::On(condition)), false) = (constraint, left_nullable) {
            conditions.extend(Asked::conjuncts(Some(condition)));
        }
        let asked = Asked { conditions, before: &left.sources, alone: false };
        let right = self.factor(&join.relation, &asked, outer, closed);
        let mut right = right.map_err(|error| match error.number {
            // SQLite has no lateral subqueries.
            207 | 4104 if applied => unsupported("APPLY of a query that looks at the tables before it"),
            _ => error,
        })?;
        let mut sql = format!("{} {word} {}", left.sql, right.sql);
        let mut scope = Scope::inside(outer);
        let (mut left_sources, mut right_sources) = (left.sources, right.sources);
        make_nullable(&mut left_sources, left_nullable);
        make_nullable(&mut right_sources, right_nullable);
        scope.sources = left_sources;
        scope.sources.append(&mut right_sources);
        let mut conditions = Vec::new();
        match constraint {
            Some(JoinConstraint::On(condition)) => conditions.push(self.predicate(condition, &scope)?),
            Some(_) => return Err(SqlError::new(102, 15, 1, "Incorrect syntax near 'JOIN'.")),
            None => {}
        }
        let mut visible = left.visible;
        if right_nullable {
            conditions.append(&mut right.visible);
        } else {
            visible.append(&mut right.visible);
        }
        if !conditions.is_empty() {
            sql.push_str(" ON ");
            sql.push_str(&conditions.join(" AND "));
        } else if right_nullable {
            sql.push_str(" ON 1");
        }
        Ok(FromClause { sql, sources: scope.sources, visible })
    }

    /// `closed`: visibility must be settled inside, since an outer join further on would undo it in WHERE.
    fn factor(
        &self,
        factor: &TableFactor,
        asked: &Asked<'_>,
        outer: Option<&Scope<'_>>,
        closed: bool,
    ) -> Result<FromClause, SqlError> {
        match factor {
            TableFactor::Table { sample: Some(sample), args: None, name, alias, with_hints, .. } => {
                self.sampled(sample, (name, alias.as_ref(), with_hints), closed)
            }
            TableFactor::Table { name, alias, args: None, with_hints, .. } => {
                let name = object_name(name)?;
                if name.schema.is_none()
                    && let Some(found) = self.common_table(&name.name, alias.as_ref())?
                {
                    return Ok(found);
                }
                let hints = Hints::new(with_hints.iter().map(hint_word))?;
                match self.object(&name)? {
                    Object::Table { database, table } => {
                        // Under a synonym the table is known by that name alone.
                        let synonym = Some(name.name.as_str()).filter(|_| self.is_synonym(&name));
                        let exposed = alias.as_ref().map(|a| a.name.value.as_str()).or(synonym);
                        self.table(database, table, exposed, hints, closed)
                    }
                    Object::View { database, view } => self.view(database, &view, alias.as_ref()),
                    Object::System { database, view } => {
                        self.system_view(database, &view, &name.name, alias.as_ref(), asked)
                    }
                    Object::Function => {
                        let text = format!("Parameters were not supplied for the function '{name}'.");
                        Err(SqlError::new(216, 16, 1, text))
                    }
                }
            }
            TableFactor::Table { name, args: Some(arguments), alias, .. } => {
                if let Some(kind) = bridge::change_table(name) {
                    return self.change_table(kind, arguments, alias.as_ref(), outer);
                }
                let name = object_name(name)?;
                match self.object(&name) {
                    Ok(Object::System { database, view }) if sandbox_views::arguments(&name.name) > 0 => {
                        let given = self.arguments(arguments, outer)?;
                        self.system_function(database, &view, &name.name, given, alias.as_ref())
                    }
                    _ => self.table_function(&name, arguments, alias.as_ref(), outer),
                }
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let Some(alias) = alias else {
                    return Err(SqlError::new(102, 15, 1, "Incorrect syntax near ')'."));
                };
                let emitted = self.deeper(|| self.query(subquery, outer))?;
                let columns = alias.columns.iter().map(|c| c.name.value.clone()).collect();
                self.derived(emitted, &alias.name.value, columns)
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                let inner = self.joined(table_with_joins, &Asked { alone: false, ..asked.clone() }, outer)?;
                Ok(FromClause { sql: format!("({})", inner.sql), ..inner })
            }
            _ => Err(unsupported("this kind of table source")),
        }
    }

    fn common_table(&self, name: &str, alias: Option<&TableAlias>) -> Result<Option<FromClause>, SqlError> {
        let found = {
            let work = self.work.borrow();
            let at = work.common_tables.iter().rposition(|c| self.same(&c.name, name));
            at.map(|at| (at, work.common_tables[at].clone()))
        };
        let Some((at, table)) = found else { return Ok(None) };
        let exposed = alias.map_or(name, |a| a.name.value.as_str());
        if let Some((so_far, columns)) = &table.so_far {
            return Ok(Some(self.itself(so_far, columns, exposed)));
        }
        // Its own query sees only those before it, and itself where it is recursive.
        let hidden = self.work.borrow_mut().common_tables.split_off(at);
        let emitted = self.deeper(|| match self.recursive(&table)? {
            Some(emitted) => Ok(emitted),
            None => self.query(&table.query, None),
        });
        self.work.borrow_mut().common_tables.extend(hidden);
        self.derived(emitted?, exposed, table.columns).map(Some)
    }

    pub fn derived(
        &self,
        emitted: Emitted,
        name: &str,
        renamed: Vec<String>,
    ) -> Result<FromClause, SqlError> {
        as_many(name, emitted.columns.len(), renamed.len())?;
        let alias = self.alias();
        let mut columns = Vec::with_capacity(emitted.columns.len());
        for (n, column) in emitted.columns.into_iter().enumerate() {
            let Some(name) = renamed.get(n).cloned().or(column.name) else {
                return Err(SqlError::new(
                    8155,
                    16,
                    2,
                    format!("No column name was specified for column {} of '{name}'.", n + 1),
                ));
            };
            columns.push(SourceColumn {
                name,
                typed: Typed {
                    sql: marked_as(&column.typed.sql, format!("{alias}.c{}", n + 1)),
                    ..column.typed
                },
            });
        }
        let source = Source {
            name: name.to_owned(),
            schema: None,
            database: None,
            alias: alias.clone(),
            columns,
            exact: self.exact(),
            row: None,
        };
        Ok(FromClause {
            sql: format!("({}) AS {alias}", emitted.sql),
            sources: vec![source],
            visible: Vec::new(),
        })
    }
}

/// A source of one table under an alias, which may name its columns anew.
///
/// # Errors
/// 8158, 8159 where there are not as many names as columns.
pub fn renamed(mut from: FromClause, alias: &TableAlias) -> Result<FromClause, SqlError> {
    let name = &alias.name.value;
    for source in &mut from.sources {
        source.name.clone_from(name);
        as_many(name, source.columns.len(), alias.columns.len())?;
        for (column, new) in source.columns.iter_mut().zip(&alias.columns) {
            column.name.clone_from(&new.name.value);
        }
    }
    Ok(from)
}

/// # Errors
/// 8158, 8159 where a list of names has not as many as there are columns.
fn as_many(name: &str, columns: usize, names: usize) -> Result<(), SqlError> {
    let (number, text) = match names.cmp(&columns) {
        _ if names == 0 => return Ok(()),
        Ordering::Equal => return Ok(()),
        Ordering::Less => {
            (8158, format!("'{name}' has more columns than were specified in the column list."))
        }
        Ordering::Greater => {
            (8159, format!("'{name}' has fewer columns than were specified in the column list."))
        }
    };
    Err(SqlError::new(number, 16, 1, text))
}

fn is_right_or_full(operator: &JoinOperator) -> bool {
    matches!(operator, JoinOperator::Right(_) | JoinOperator::RightOuter(_) | JoinOperator::FullOuter(_))
}

fn make_nullable(sources: &mut [Source], nullable: bool) {
    for column in sources.iter_mut().flat_map(|s| &mut s.columns) {
        column.typed.nullable |= nullable;
    }
}

fn unique_names(sources: &[Source]) -> Result<(), SqlError> {
    for (n, source) in sources.iter().enumerate() {
        let clash = |other: &Source| source.same(&other.name, &source.name) && other.schema == source.schema;
        if sources[..n].iter().any(clash) {
            return Err(SqlError::new(
                1013,
                16,
                1,
                format!(
                    "The objects \"{0}\" and \"{0}\" in the FROM clause have the same exposed names. Use correlation \
                     names to distinguish them.",
                    source.name
                ),
            ));
        }
    }
    Ok(())
}

pub fn hint_word(hint: &Expr) -> String {
    match hint {
        Expr::Function(function) => function.name.to_string(),
        other => other.to_string(),
    }
}
