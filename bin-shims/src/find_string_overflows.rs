//! find-string-overflows, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main::<replica_finder::Args<{ replica_finder::STRINGS }>>()
}
