//! What two tools of the replica share.
pub mod tds;
