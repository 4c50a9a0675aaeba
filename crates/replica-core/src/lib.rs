//! What two tools of the replica share.
pub mod applock;
pub mod catalog;
pub mod cli;
mod compare;
pub mod config;
pub mod copy;
pub mod decode;
pub mod error;
pub mod exit;
pub mod find;
mod identity;
pub mod indexes;
pub mod ledger;
pub mod link;
pub mod load;
pub mod order;
pub mod output;
pub mod plan;
pub mod pool;
mod predicate;
pub mod read;
pub mod refusal;
pub mod report;
pub mod retry;
pub mod rows;
pub mod schedule;
pub mod session;
pub mod shape;
pub mod signal;
pub mod staging;
pub mod tds;
pub mod trial;
pub mod types;
pub mod verify;
pub mod window;

#[cfg(test)]
mod fake;
