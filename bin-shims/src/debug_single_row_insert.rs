//! debug-single-row-insert, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<debug_single_row_insert::Args>()
}
