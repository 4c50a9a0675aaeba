//! T-SQL on SQLite.
//!
//! A batch goes `parse` (text to [`parse::Statement`]s) → `exec` (statement by statement) → for queries and DML
//! `bind` (names and static types resolved, SQLite SQL emitted, with `functions` called from inside SQLite) →
//! `store` (SQLite). `transactions` decides which rows are there; `locks` who must wait.
//! `ddl` parses and runs what changes the catalog, `views` and `procs` describe it.
pub mod bind;
pub mod client;
pub mod ddl;
mod describe;
pub mod exec;
pub mod functions;
pub mod mask;
pub mod procs;
pub mod query;
#[cfg(test)]
pub mod testing;

pub mod views;

pub use sandbox_catalog::{keys, login, ops, permissions, persist, schema, special, store};
pub use sandbox_session::{
    api, change, failure, frame, heard, instance, names, options, product, sandbox, session, transaction,
};
pub use sandbox_sql::{hints, parse, terms, tokens, type_name};
pub use sandbox_transactions::{self as transactions, applock, locks};

pub use instance::{Engine, EngineOptions};
pub use schema::Password;
pub use session::{Login, Session};
pub use store::Storage;
