//! run-replica-etl, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<run_replica_etl::Args>()
}
