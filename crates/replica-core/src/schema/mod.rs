//! A table's definition: read from a catalog, changed into what a replica wants, written as DDL, and compared with what
//! the target has.
//!
//! [`read`](mod@read) asks a server, [`sync`] changes one; the rest is pure. [`policy`] says what the replica's table is to be, [`ddl`] how to make it,
//! [`drift`] how the one there differs and what would mend it. The policy and the drift are documented in docs/SCHEMA.md.
mod article;
mod assemble;
pub mod ddl;
pub mod definition;
pub mod drift;
mod expression;
pub mod init;
pub mod missing;
mod naming;
pub mod policy;
mod question;
pub mod read;
pub mod statement;
pub mod sync;

pub use definition::Definition;
pub use missing::{MissedTable, MissingTables};
pub use policy::Policy;
pub use read::read;
pub use statement::DdlStatement;
