//! What a query becomes.
use super::typed::{ColumnOrigin, Origin, Typed};
use sandbox_session::api::OutColumn;
use sandbox_sql::tokens::ObjectName;
use sqlparser::ast::{Expr, OrderByExpr};

/// A query in SQLite's SQL. Its result columns are `c1`, `c2`, ...
pub struct Emitted {
    pub sql: String,
    pub columns: Vec<ResultColumn>,
    /// For the ORDER token: ordinals of the result columns that it is sorted by.
    pub ordered_by: Vec<u16>,
}

/// A result column; its SQL is only good where it was made.
#[derive(Clone, Debug)]
pub struct ResultColumn {
    pub name: Option<String>,
    pub typed: Typed,
}

/// A whole SELECT statement.
pub struct Bound {
    pub emitted: Emitted,
    /// `SELECT ... INTO`
    pub into: Option<ObjectName>,
    /// `SELECT @v = ...`: a variable for each column.
    pub assigned: Vec<String>,
}

impl ResultColumn {
    /// As COLMETADATA says it, with its flags (docs/WIRE.md, "Column flags").
    pub fn described(&self) -> OutColumn {
        let typed = &self.typed;
        let nullable = u16::from(typed.nullable);
        let mut flags = match &typed.origin {
            Origin::Column(ColumnOrigin { identity: true, .. }) => 0x10,
            Origin::Column(ColumnOrigin { computed: true, .. }) => 0x20 | nullable,
            Origin::Column(_) => 0x08 | nullable,
            Origin::Aggregate => 0x01,
            Origin::Literal | Origin::Variable | Origin::Null | Origin::Expression => 0x20 | nullable,
        };
        if typed.sql_type.collation().is_some_and(|c| c.get().is_case_sensitive()) {
            flags |= 0x02;
        }
        let (user_type, table) = match &typed.origin {
            Origin::Column(column) => (column.user_type, column.table.clone()),
            _ => (0, None),
        };
        OutColumn {
            name: self.name.clone().unwrap_or_default(),
            sql_type: typed.sql_type.clone(),
            nullable: flags & 1 != 0,
            flags,
            user_type,
            table,
        }
    }
}

/// What comes after a query's body.
pub struct Tail<'a> {
    pub order_by: &'a [OrderByExpr],
    pub offset: Option<&'a Expr>,
    pub fetch: Option<&'a Expr>,
}
