//! The old name of replicate-monthly-parallel-streaming.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<replicate_monthly_parallel_streaming::Args>()
}
