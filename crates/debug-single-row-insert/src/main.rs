//! Tries one row of the source on the target, and says which columns it is refused for. Nothing stays behind.
mod args;
mod run;

use replica_core::cli::{self, Tool};

fn main() -> std::process::ExitCode {
    cli::main::<args::Args>(args::Args::NAME)
}
