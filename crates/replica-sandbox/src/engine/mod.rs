//! T-SQL on SQLite.
pub mod api;
pub mod applock;
pub mod locks;
pub mod schema;
pub mod tokens;
pub mod type_name;
