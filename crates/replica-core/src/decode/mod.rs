//! The one place where values are decoded: for files of another format, and for people who ask what a row holds.
//! The copy itself decodes nothing.
//!
//! Rows come in bulk form, as [`RowScanner`](crate::tds::row::RowScanner) writes them in blocks. [`RowReader`] gives
//! whole rows, [`PieceReader`] values of any size in bounded memory; a column's [`ValueKind`] says what its bytes mean.
//! Nothing here does I/O, and no bytes make it panic.
mod calendar;
mod charset;
mod comparison;
mod difference;
mod display;
mod kind;
mod pieces;
mod rows;
mod transcode;
mod value;

pub use calendar::{DAYS_TO_1970, civil};
pub use charset::Charset;
pub use comparison::{ValueComparison, WhichSide};
pub use difference::{Difference, difference};
pub use kind::ValueKind;
pub use pieces::{Piece, PieceData, PieceReader};
pub use rows::{Row, RowReader};
pub use transcode::{TextDecoder, TextEncoder};
pub use value::{Decimal, Moment, Text, Time, Value};

#[cfg(test)]
mod tests;
