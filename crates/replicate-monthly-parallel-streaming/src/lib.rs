//! Replaces the months of a big date-based table of the replica by those of its source, several at once. The command
//! line is the interface; see docs/COMMANDS.md.
mod args;

pub use args::Args;
