//! The data lane: rows of one server on their way to another, as the wire has them.
//!
//! [`Rows`] reads a SELECT in blocks of rows in the form of a bulk load, and [`stream`] writes such blocks with INSERT
//! BULK; no value is decoded in between. The crate's example `copy_table` does that and nothing else.
//! What is copied, in which transactions, and with which locks is for the caller to say: [`copy`](crate::copy) does for
//! the tools.
pub use crate::load::{Load, LoadColumn, LoadOutcome, Progress, stream};
pub use crate::read::{Rows, count, fingerprint, number, numbers};
pub use crate::rows::RowSource;
