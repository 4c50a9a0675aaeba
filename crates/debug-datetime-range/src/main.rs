//! Finds dates and times that the target's columns cannot hold, or would round.
use replica_core::cli;
use replica_finder::{Args, DATES};

fn main() -> std::process::ExitCode {
    cli::main::<Args<DATES>>()
}
