//! Values: types, collations, conversions, and their forms on the wire and in storage.
pub mod collation;
mod declare;
pub mod types;
pub use declare::TypeArg;
pub use types::{CollationId, Len, SqlType, Value};
