mod args;
mod start;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: args::Args = argh::from_env();
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn,rustls=error")).init();
    match start::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
