//! verify-replica, spelled with an underscore.
fn main() -> std::process::ExitCode {
    replica_core::cli::main_under_old_name::<verify_replica::Args>("verify_replica")
}
