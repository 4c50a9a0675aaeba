//! Values: types, collations, conversions, and their forms on the wire and in storage.
#[cfg(test)]
mod arbitrary;
pub mod collation;
pub mod compare;
pub mod convert;
mod declare;
pub mod storage;
pub mod types;
pub mod wire;
pub use declare::TypeArg;
pub use types::{CollationId, Len, SqlType, Value};
