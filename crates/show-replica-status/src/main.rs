use replica_core::cli;
use show_replica_status::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
