//! What an UPDATE or DELETE changes, bound: which table of its FROM clause, and what its rows become.
use super::Target;
use super::children::Child;
use super::columns::{twice, writable};
use super::output::Output;
use crate::exec::row::{Conditions, Partitioning, UpdatedColumns};
use crate::exec::trigger::Instead;
use sandbox_catalog::schema::{BlockedOperation, Column, Table};
use sandbox_catalog::store::column_name;
use sandbox_query::bind::{Binder, FromClause, Object, Scope, Source, row_lock, unknown_column, unsupported};
use sandbox_query::read::Again;
use sandbox_sql::parse::{self, Assigned};
use sandbox_values::error::SqlError;
use sqlparser::ast::{Cte, Expr, Ident, TableWithJoins};
use std::sync::Arc;

/// What UPDATE and DELETE have in common.
pub struct RowChange<'p> {
    pub with: &'p [Cte],
    pub top: Option<&'p Expr>,
    pub target: &'p parse::TargetName,
    /// Empty for DELETE.
    pub set: &'p [(Assigned, Option<Expr>)],
    pub output: Option<&'p parse::OutputClause>,
    pub from: &'p [TableWithJoins],
    pub filter: Option<&'p Expr>,
    pub deletes: bool,
}

/// An UPDATE or DELETE, bound.
pub struct BoundChange {
    pub target: Target,
    /// Gives a row's storage and rowid, its values, and for UPDATE its new values.
    pub sql: String,
    /// How many old values there are: all of the row's, or none.
    pub width: usize,
    pub conditions: Conditions,
    pub partition_of: Partitioning,
    pub output: Option<Output>,
    /// The foreign keys that point at the table, as the statement was bound for them.
    pub children: Vec<Child>,
    pub updated: UpdatedColumns,
    pub deletes: bool,
}

/// Do rows move to other places in an index? Only there can they come into a range that someone holds.
pub fn changes_keys(change: &RowChange<'_>, target: &Target) -> bool {
    let table = &target.table;
    let keys = table.indexes.iter().filter(|i| !i.disabled).flat_map(|i| &i.keys);
    let mut names = keys.filter_map(|(id, _)| table.column(*id)).map(|c| c.name.to_lowercase());
    names.any(|key| {
        change.set.iter().any(|(to, _)| matches!(to, Assigned::Column(name) if name.to_lowercase() == key))
    })
}

pub fn bind(binder: &Binder<'_>, change: &RowChange<'_>) -> Result<BoundChange, Again> {
    let (mut from, at) = sources(binder, change)?;
    let (database, table) = named_table(binder, change, &from.sources[at])?;
    let permission = if change.deletes { "DELETE" } else { "UPDATE" };
    let target = Target::of(binder.session, database, table, permission)?;
    target.table.takes_as_target(&change.target.hints)?;
    let scope = Scope { sources: std::mem::take(&mut from.sources), ..Scope::default() };
    let Some((storage, rowid)) = scope.sources[at].row.clone() else {
        return Err(SqlError::new(4406, 16, 1, "replica-sandbox does not change derived tables.").into());
    };
    let mut items = vec![storage, rowid];
    let alias = scope.sources[at].alias.clone();
    let raw = |c: &Column| format!("{alias}.{}", column_name(c.column_id));
    // A row that goes without a word and without children takes its values with it.
    let children = Child::of(binder.session, &target);
    let values = !change.deletes
        || change.output.is_some()
        || Instead::of(binder.session, &target.table, "DELETE").is_some()
        || target.table.change_tracking.is_some()
        || !children.is_empty();
    let width = if values { target.table.columns.len() } else { 0 };
    items.extend(target.table.columns.iter().take(width).map(raw));
    if !change.deletes {
        let new = assigned(binder, change, &target, &scope)?;
        items.extend(target.table.columns.iter().zip(new).map(|(c, new)| new.unwrap_or_else(|| raw(c))));
    }
    let before = if change.deletes { BlockedOperation::BeforeDelete } else { BlockedOperation::BeforeUpdate };
    let mut blocks = target.blocks(binder, before, &scope)?;
    blocks.push("1".to_owned());
    items.push(blocks.join(" AND "));
    let mut conditions = Vec::new();
    if let Some(filter) = change.filter {
        conditions.push(binder.predicate(filter, &scope)?);
    }
    conditions.extend(from.visible);
    if !change.target.hints.locks_rows() {
        conditions.push(row_lock(&items[0], &items[1], &change.target.hints, false));
    }
    let mut sql = format!("SELECT {} FROM {}", items.join(", "), from.sql);
    if !conditions.is_empty() {
        sql.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
    }
    if let Some(top) = change.top {
        sql.push_str(&format!(" LIMIT {}", binder.row_count(top)?));
    } else if binder.session.options.rowcount > 0 {
        sql.push_str(&format!(" LIMIT {}", binder.session.options.rowcount));
    }
    let conditions = if change.deletes {
        Conditions::default()
    } else {
        target.conditions(binder, true, BlockedOperation::AfterUpdate)?
    };
    let output = Output::bind(binder, change.output, &target, (!change.deletes, true))?;
    let partition_of = target.partitioning(binder.session);
    let set = change.set.iter().filter_map(|(to, _)| match to {
        Assigned::Column(name) => Some(target.table.columns[target.position(name)?].column_id),
        Assigned::Variable(_) => None,
    });
    let updated = UpdatedColumns::of(&target.table, &set.collect::<Vec<_>>());
    Ok(BoundChange {
        target,
        sql,
        width,
        conditions,
        partition_of,
        output,
        children,
        updated,
        deletes: change.deletes,
    })
}

/// For each column its new value, where it has one.
fn assigned(
    binder: &Binder<'_>,
    change: &RowChange<'_>,
    target: &Target,
    scope: &Scope<'_>,
) -> Result<Vec<Option<String>>, SqlError> {
    let table = &target.table;
    let mut new = vec![None; table.columns.len()];
    for (assigned, value) in change.set {
        let Assigned::Column(name) = assigned else {
            return Err(unsupported("assigning variables in UPDATE"));
        };
        let at = target.position(name).ok_or_else(|| unknown_column(name))?;
        let column = &table.columns[at];
        if new[at].is_some() {
            return Err(twice(name));
        }
        writable(column)?;
        if column.identity {
            return Err(SqlError::new(8102, 16, 1, format!("Cannot update identity column '{name}'.")));
        }
        let typed = match value {
            Some(expr) => target.stored(binder, binder.shown(binder.scalar(expr, scope)?), column)?,
            None => target.default(binder, column)?,
        };
        new[at] = Some(typed.sql);
    }
    Ok(new)
}

/// The FROM clause, and which of its sources is the one that changes.
fn sources(binder: &Binder<'_>, change: &RowChange<'_>) -> Result<(FromClause, usize), SqlError> {
    let name = &change.target.name;
    if change.from.is_empty() {
        let Object::Table { database, table } = binder.object(name)? else {
            return Err(SqlError::new(
                4406,
                16,
                1,
                format!("replica-sandbox does not change views, such as '{name}'."),
            ));
        };
        return Ok((binder.table(database, table, None, change.target.hints.clone(), false)?, 0));
    }
    let from = binder.from_clause(change.from, None, None)?;
    let parts: Vec<Ident> = [name.database.as_ref(), name.schema.as_ref(), Some(&name.name)]
        .into_iter()
        .flatten()
        .map(|p| Ident::new(p.clone()))
        .collect();
    match from.sources.iter().position(|s| s.answers_to(&parts)) {
        Some(at) => Ok((from, at)),
        None => {
            // A target outside FROM is joined with all of it.
            let Object::Table { database, table } = binder.object(name)? else {
                return Err(SqlError::new(208, 16, 1, format!("Invalid object name '{name}'.")));
            };
            let own = binder.table(database, table, None, change.target.hints.clone(), false)?;
            let at = from.sources.len();
            let joined = FromClause {
                sql: format!("{} CROSS JOIN {}", from.sql, own.sql),
                sources: from.sources.into_iter().chain(own.sources).collect(),
                visible: from.visible.into_iter().chain(own.visible).collect(),
            };
            Ok((joined, at))
        }
    }
}

/// The table behind the source that changes.
fn named_table(
    binder: &Binder<'_>,
    change: &RowChange<'_>,
    source: &Source,
) -> Result<(i16, Arc<Table>), SqlError> {
    binder.used_as(&source.alias).ok_or_else(|| {
        SqlError::new(
            4406,
            16,
            1,
            format!("replica-sandbox does not change '{}': it is no table.", change.target.name),
        )
    })
}
