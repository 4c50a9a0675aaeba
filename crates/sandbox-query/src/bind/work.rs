//! What the binder keeps while it binds a statement.
use super::scope::{Source, SourceColumn};
use super::typed::Typed;
use sandbox_values::{SqlType, Value};
use sqlparser::ast::Query;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A WITH clause's query, bound anew wherever it is named.
#[derive(Clone)]
pub struct CommonTable {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Arc<Query>,
    /// While its own recursive members are bound: what it has so far, under this alias.
    pub so_far: Option<(String, Arc<[SourceColumn]>)>,
}

/// A FROM clause, or a part of it.
#[derive(Default)]
pub struct FromClause {
    pub sql: String,
    pub sources: Vec<Source>,
    /// Marks of visibility for the WHERE clause, where they come last: a row that the rest of WHERE sorts out
    /// is in nobody's way.
    pub visible: Vec<String>,
}

/// What names mean inside a module.
#[derive(Clone, Default)]
pub struct Module {
    /// Whoever may use it may do in its database what it does: all objects have one owner here (Microsoft docs,
    /// "Ownership chains").
    pub chained: Option<i16>,
    /// Where names without a schema are looked for.
    pub schema: Option<i32>,
    /// A function's parameters.
    pub parameters: Vec<(String, Typed)>,
}

/// The variables that the statement assigns from one another, with their values of the moment.
pub type Accumulators = BTreeMap<String, Accumulator>;

#[derive(Clone)]
pub struct Accumulator {
    pub sql_type: SqlType,
    pub value: Arc<Mutex<Value>>,
}
