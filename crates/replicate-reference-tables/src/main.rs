use replica_core::cli::{self, Tool};
use replicate_reference_tables::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>(Args::NAME)
}
