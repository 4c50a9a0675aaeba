//! Prints by how much the data lane beats a typed copy, next to a plain byte relay.
mod args;
mod case;
mod cores;
mod far;
mod figures;
mod growth;
mod measure;
mod run;
mod sandbox;
mod sink;

use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: args::Args = argh::from_env();
    let result = match &args.measure {
        Some(measure) => measure::run(measure).map(|figures| {
            println!("{figures}");
            true
        }),
        None => match args.latency {
            Some(milliseconds) => far::run(&args, Duration::from_millis(milliseconds)),
            None if args.growth => growth::run(&args),
            None => run::run(&args),
        },
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("replica-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
