//! T-SQL on SQLite.
pub mod api;
pub mod schema;
pub mod tokens;
