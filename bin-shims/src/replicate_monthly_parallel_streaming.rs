//! replicate-monthly-parallel-streaming, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<replicate_monthly_parallel_streaming::Args>()
}
