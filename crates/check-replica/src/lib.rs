//! Says what would go wrong in a run, as cron would start it. The command line is the interface; see docs/COMMANDS.md.
mod args;
mod folder;
mod machine;
mod run;
mod tell;

pub use args::Args;
