use debug_single_row_insert::Args;
use replica_core::cli;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
