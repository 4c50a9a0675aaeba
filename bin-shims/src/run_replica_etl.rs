//! run-replica-etl, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main_under_old_name::<run_replica_etl::Args>("run_replica_etl")
}
