use replica_core::cli::{self, Tool};
use verify_replica::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>(Args::NAME)
}
