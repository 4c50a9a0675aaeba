//! What two tools of the replica share.
pub mod catalog;
pub mod tds;
