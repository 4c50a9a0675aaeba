//! What SELECTs of a replayed table give (docs/SANDBOX.md): its rows over and over, and their number where they are
//! counted.
use sandbox_session::Session;
use sandbox_session::frame::Frame;
use sandbox_session::sandbox::TableName;
use sandbox_values::Value;
use sqlparser::ast::{
    Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Query, Select, SelectItem,
    SetExpr, TableFactor,
};

pub enum ReplayedQuery {
    /// Rows: the statement, with all that its rows depend on.
    Rows(String),
    /// `SELECT COUNT(*)`: so many, if there are any.
    Counted(i64),
}

impl ReplayedQuery {
    pub fn statement(&self) -> Option<&str> {
        match self {
            ReplayedQuery::Rows(statement) => Some(statement),
            ReplayedQuery::Counted(_) => None,
        }
    }
}

/// How the query is replayed: one that reads nothing but rows of a replayed table, all that its WHERE lets through.
pub fn of(session: &Session, tables: &[TableName], query: &Query, frame: &Frame) -> Option<ReplayedQuery> {
    let [table] = tables else { return None };
    let rows = session.engine.sandbox.replayed_rows(table)?;
    let select = plain(query).filter(|_| session.options.rowcount == 0)?;
    if counts(select) {
        return Some(ReplayedQuery::Counted(i64::try_from(rows).unwrap_or(i64::MAX)));
    }
    Some(ReplayedQuery::Rows(format!("{} {query} {frame:?}", session.database)))
}

/// Puts the number of replayed rows in the place of those that are there.
pub fn counted(values: &mut [Value], rows: i64) {
    for value in values {
        if matches!(value, Value::Int(n) if *n > 0) {
            *value = Value::Int(rows);
        }
    }
}

/// `SELECT ... FROM table [WHERE ...] [ORDER BY ...]` and nothing else.
fn plain(query: &Query) -> Option<&Select> {
    let SetExpr::Select(select) = &*query.body else { return None };
    let grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, modifiers) if keys.is_empty() && modifiers.is_empty());
    let limited = select.top.is_some() || query.limit_clause.is_some() || query.fetch.is_some();
    let from_one = matches!(select.from.as_slice(), [from] if from.joins.is_empty() && matches!(from.relation, TableFactor::Table { .. }));
    let distinct = matches!(select.distinct, Some(Distinct::Distinct | Distinct::On(_)));
    let reduced = grouped || limited || distinct || select.having.is_some() || query.with.is_some();
    (from_one && !reduced).then_some(&**select)
}

/// Is the list nothing but `COUNT(*)` and `COUNT_BIG(*)`?
fn counts(select: &Select) -> bool {
    let count = |item: &SelectItem| {
        let (SelectItem::UnnamedExpr(Expr::Function(function))
        | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. }) = item
        else {
            return false;
        };
        let name = function.name.to_string().to_ascii_lowercase();
        let FunctionArguments::List(list) = &function.args else { return false };
        let star = matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]);
        star && ["count", "count_big"].contains(&name.as_str()) && function.over.is_none()
    };
    select.projection.iter().all(count)
}
