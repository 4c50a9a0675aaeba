//! What a server says about one table, in one round trip.
pub mod assemble;
pub mod column;
pub mod constraint;
pub mod hidden;
pub mod index;
mod kind;
pub mod name;
pub mod near;
pub mod pattern;
pub mod question;
pub mod read;
pub mod record;
pub mod resolve;
pub mod server;
pub mod sql_type;
pub mod table;

pub use column::Column;
pub use kind::Special;
pub(crate) use kind::other_kind;
pub use name::{TableName, quote};
pub use pattern::{ListEntry, NamedOrMatching};
pub use read::read;
pub use resolve::Names;
pub use server::ServerTraits;
pub use sql_type::{Length, SqlType};
pub use table::Table;
