//! The old name of replicate-monthly-parallel-streaming.
fn main() -> std::process::ExitCode {
    replica_core::cli::main_under_old_name::<replicate_monthly_parallel_streaming::Args>(
        "replicate_monthly_parallel",
    )
}
