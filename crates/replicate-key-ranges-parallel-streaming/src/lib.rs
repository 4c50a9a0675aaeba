//! Replaces a big table of the replica by its source's, range by range of its key and several at once. The command line is
//! the interface; see docs/COMMANDS.md.
mod args;

pub use args::Args;
