//! The old name of replicate-reference-tables.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<replicate_reference_tables::Args>()
}
