//! Values: types, collations, conversions, and their forms on the wire and in storage.
pub mod types;
pub use types::{CollationId, Len, SqlType, Value};
