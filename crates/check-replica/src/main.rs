use check_replica::Args;
use replica_core::cli;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
