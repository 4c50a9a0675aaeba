//! Carries over what changed at the source since the last run. The command line is the interface; see docs/COMMANDS.md.
mod args;
mod books;
mod line;
mod rounds;
mod run;

pub use args::Args;
