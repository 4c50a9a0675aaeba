use replica_core::cli::{self, Tool};
use run_replica_etl::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>(Args::NAME)
}
