use debug_single_row_insert::Args;
use replica_core::cli::{self, Tool};

fn main() -> std::process::ExitCode {
    cli::main::<Args>(Args::NAME)
}
