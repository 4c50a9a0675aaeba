//! Finds text and bytes that do not fit the target's columns, or lose characters there.
use replica_core::cli;
use replica_finder::{Args, STRINGS};

fn main() -> std::process::ExitCode {
    cli::main::<Args<STRINGS>>()
}
