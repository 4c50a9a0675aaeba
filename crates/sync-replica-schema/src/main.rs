use replica_core::cli;
use sync_replica_schema::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
