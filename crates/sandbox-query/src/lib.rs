//! Queries: names found and types known before anything runs, T-SQL turned into SQLite's SQL with functions of ours, and
//! its rows read under the locks and row versions that the session asks for. It binds against the catalog and the state of
//! one session, and runs no statement but a query.
mod ask;
pub mod bind;
pub mod functions;
pub mod mask;
pub mod memory;
pub mod read;
mod replay;
pub mod select;

pub use ask::{ask, describe, described};
