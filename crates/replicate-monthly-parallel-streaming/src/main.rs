use replica_core::cli;
use replicate_monthly_parallel_streaming::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
