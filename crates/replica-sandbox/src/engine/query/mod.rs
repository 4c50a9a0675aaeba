//! Runs queries: binds them, takes their locks, and reads their rows.
mod ask;
pub mod memory;
pub mod read;
mod replay;
pub mod select;

pub use ask::{ask, describe, described};
