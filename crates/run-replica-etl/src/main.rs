use replica_core::cli;
use run_replica_etl::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
