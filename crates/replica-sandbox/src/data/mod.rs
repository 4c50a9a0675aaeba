//! Rows to try things with: the flights of New York 2013, and a made-up table of 184 columns.
//!
//! Tables are made by their DDL and filled by bulk load, through the engine's ordinary interface.
mod load;
pub mod nycflights13;
pub mod sales;
mod table;
#[cfg(test)]
mod tests;

pub use load::{DataError, load};
pub use table::{ColumnSpec, TableSpec};
