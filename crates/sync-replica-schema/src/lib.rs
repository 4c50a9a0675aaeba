//! Makes a replica's tables like their source's, and shows where they differ. The command line is the interface; see
//! docs/COMMANDS.md and docs/SCHEMA.md.
mod args;
mod init;
mod line;
mod run;

pub use args::Args;
