//! The old name of replicate-reference-tables.
fn main() -> std::process::ExitCode {
    replicate_reference_tables::main_under_old_name("replicate_reference_tables")
}
