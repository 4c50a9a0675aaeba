//! Replaces whole tables of a replica by those of its source. The command line is the interface; see docs/COMMANDS.md.
mod args;
mod passes;
mod plan;
mod run;

pub use args::Args;
