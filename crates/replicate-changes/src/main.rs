use replica_core::cli;
use replicate_changes::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
