//! System views: `sys.*` and `INFORMATION_SCHEMA.*`, made from the catalog when a query names them.
use super::api::OutColumn;
use super::failure::Outcome;
use super::session::Session;
use crate::values::Value;

/// A view's columns and how to get its rows in a database. The binder puts the rows into a temporary SQLite table
/// for the statement that names it.
#[derive(Clone)]
pub struct SystemView {
    pub columns: Vec<OutColumn>,
    pub rows: fn(&Session, database: i16) -> Outcome<Vec<Vec<Value>>>,
}

/// The view of that name, without regard to case.
pub fn find(_schema: &str, _name: &str) -> Option<SystemView> {
    None
}
