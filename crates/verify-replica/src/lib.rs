//! Proves that a replica is equal, row for row, or says where it is not. The command line is the interface; see
//! docs/COMMANDS.md.
mod args;
mod finished;
mod jobs;
mod line;
mod ranges;
mod repair;
mod report;
mod run;

pub use args::Args;
