use replica_core::cli;
use verify_replica::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
