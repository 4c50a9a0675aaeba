//! Copies tables from one SQL Server to another and proves the copy: what the replica's tools share.
//!
//! Rows go from source to target as bytes. A SELECT's rows are found in the stream as they arrive, written as a bulk
//! load, counted and hashed on the way; values are decoded only to be shown or compared.
//!
//! | to | see |
//! |---|---|
//! | make a tool: options, configuration, lines and exit codes | [`cli`], [`config`], [`report`], [`error`] |
//! | talk to a server: sessions, locks, tables and their columns | [`session`], [`catalog`] |
//! | move rows: a query of one server into a table of another | [`lane`], [`tds`] |
//! | replace a table or its windows, with a record of what is done | [`copy`], [`window`], [`ledger`] |
//! | cut a table into ranges of its key, without reading it | [`boundaries`] |
//! | say what runs, what ended, and how fresh the tables are | [`status`] |
//! | keep the target's tables defined like the source's | [`schema`] |
//! | say what would go wrong in a run, before it does | [`check`] |
//! | say whether two tables are equal, and what would not fit | [`verify`], [`types`], [`find`], [`trial`], [`decode`] |
//! | run many jobs, and try again | [`schedule`], [`retry`] |
//! | tell somebody how a run has ended | [`notify`] |
//!
//! # Example
//! Replaces a table of the target by the source's, in one transaction:
//! ```no_run
//! use replica_core::catalog::Article;
//! use replica_core::config::Config;
//! use replica_core::copy::{self, CopyOptions, TableJob, Verify};
//! use replica_core::error::Result;
//!
//! async fn replace(table: &str) -> Result<()> {
//!     let config = Config::load(None)?;
//!     let job = TableJob {
//!         tool: "my-tool",
//!         source: config.source()?.clone(),
//!         target: config.target()?.clone(),
//!         table: table.parse()?,
//!         article: Article::default(),
//!         days: None,
//!         options: CopyOptions::default(),
//!         verify: Verify::Hash,
//!         planned: None,
//!     };
//!     let copied = copy::table(&job, &mut |so_far| println!("{} rows", so_far.rows)).await?;
//!     println!("{} in {:?}", copied.fingerprint, copied.elapsed);
//!     Ok(())
//! }
//! ```
#![warn(missing_docs, unreachable_pub)]

pub mod boundaries;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod config;
pub mod copy;
pub mod decode;
pub mod error;
pub mod find;
pub mod http;
pub mod lane;
pub mod ledger;
pub mod notify;
pub mod report;
pub mod retry;
pub mod schedule;
pub mod schema;
pub mod session;
pub mod status;
pub mod tds;
pub mod trial;
pub mod types;
pub mod verify;
pub mod window;

mod authorities;
mod compare;
mod entra;
mod exit;
mod identity;
mod link;
mod load;
mod plan;
mod predicate;
mod read;
mod refusal;
mod rows;
mod shape;
mod signal;
mod staging;

#[cfg(test)]
mod fake;
