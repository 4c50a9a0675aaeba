use replica_core::cli;
use replicate_reference_tables::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
