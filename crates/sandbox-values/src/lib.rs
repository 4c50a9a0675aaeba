//! What the sandbox counts in: SQL Server's types, collations and errors, conversions and comparisons, and the forms of
//! values on the wire ([MS-TDS]) and in SQLite. It knows nothing of statements, of a catalog or of a connection.
#[cfg(test)]
mod arbitrary;
mod catalog;
pub mod collation;
pub mod column;
pub mod compare;
pub mod convert;
pub mod error;
pub mod storage;
pub mod text;
pub mod types;
pub mod wire;
pub mod xml;
pub use types::{CollationId, Len, SqlType, Value};
