//! Tables in Parquet files: written from the rows of a copy, and read back into the same rows, bit for bit.
//!
//! docs/PARQUET.md says how each type is stored. What a type of Parquet holds exactly is stored in it, for everybody
//! to read. Whatever would not come back as it was is kept beside it, as its bytes: a value is restored when it is
//! written, and compared.
mod bulk_row;
mod cells;
mod exact;
mod folder;
mod gather;
mod guard;
mod leaf;
mod long;
mod long_row;
mod metadata;
mod read;
mod schema;
mod scratch;
mod seal;
mod source;
mod write;

pub use folder::Folder;
#[doc(hidden)]
pub use read::read_unproved;
pub use source::{FromParquet, ThroughParquet};

#[cfg(test)]
mod tests;
