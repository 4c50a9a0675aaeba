//! debug-single-row-insert, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main_under_old_name::<debug_single_row_insert::Args>("debug_single_row_insert")
}
