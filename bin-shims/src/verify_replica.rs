//! verify-replica, spelled with an underscore.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<verify_replica::Args>()
}
