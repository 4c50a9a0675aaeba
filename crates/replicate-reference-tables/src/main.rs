fn main() -> std::process::ExitCode {
    replicate_reference_tables::main(replicate_reference_tables::NAME)
}
