//! What a server says about one table, in one round trip.
pub(crate) mod assemble;
pub(crate) mod column;
pub(crate) mod constraint;
pub(crate) mod hidden;
pub(crate) mod index;
mod kind;
pub(crate) mod name;
pub(crate) mod near;
pub(crate) mod pattern;
pub(crate) mod question;
pub(crate) mod read;
pub mod record;
pub(crate) mod resolve;
pub(crate) mod server;
pub(crate) mod sql_type;
pub(crate) mod table;

pub use column::{Collation, Column};
pub use kind::Special;
pub(crate) use kind::other_kind;
pub use name::{TableName, quote};
pub use pattern::{ListEntry, NamedOrMatching};
pub use read::read;
pub use resolve::Names;
pub use server::ServerTraits;
pub use sql_type::{Length, SqlType};
pub use table::Table;
