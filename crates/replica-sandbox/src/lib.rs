//! A strict stand-in for SQL Server: TDS on the wire, T-SQL on SQLite behind it.
pub mod data;
pub mod engine;
pub mod server;

pub use sandbox_values as values;
pub use sandbox_values::error;
