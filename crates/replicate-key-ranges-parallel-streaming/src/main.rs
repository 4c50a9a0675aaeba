use replica_core::cli;
use replicate_key_ranges_parallel_streaming::Args;

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}
