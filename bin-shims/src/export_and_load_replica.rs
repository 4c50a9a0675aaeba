//! The old name of replicate-reference-tables.
fn main() -> std::process::ExitCode {
    replica_core::cli::main_under_old_name::<replicate_reference_tables::Args>("export_and_load_replica")
}
