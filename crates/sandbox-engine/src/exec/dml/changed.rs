//! Which table of its FROM clause an UPDATE or DELETE changes.
use super::change::RowChange;
use sandbox_catalog::schema::Table;
use sandbox_query::bind::{Binder, FromClause, Object, Source};
use sandbox_values::error::SqlError;
use sqlparser::ast::Ident;
use std::sync::Arc;

/// The FROM clause, and which of its sources is the one that changes.
pub fn sources(binder: &Binder<'_>, change: &RowChange<'_>) -> Result<(FromClause, usize), SqlError> {
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
    let from = binder.from_clause(change.from, None)?;
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
pub fn named_table(
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
