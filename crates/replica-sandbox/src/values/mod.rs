//! Values: types, collations, conversions, and their forms on the wire and in storage.
#[cfg(test)]
mod arbitrary;
mod catalog;
pub mod collation;
pub mod compare;
pub mod convert;
pub mod storage;
pub mod types;
pub mod wire;
pub mod xml;
pub use types::{CollationId, Len, SqlType, Value};
