//! find-string-overflows, spelled with underscores.
fn main() -> std::process::ExitCode {
    replica_core::cli::main_under_old_name::<replica_finder::Args<{ replica_finder::STRINGS }>>(
        "find_string_overflows",
    )
}
