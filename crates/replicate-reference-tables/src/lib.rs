//! Replaces whole tables of a replica by those of its source. The command line is the interface; see docs/COMMANDS.md.
mod args;
mod run;
mod tables;

use std::io::Write;
use std::process::ExitCode;

use args::Parsed;
use replica_core::error::{Error, Result};
use replica_core::exit::Code;

/// The tool's name.
pub const NAME: &str = "replicate-reference-tables";

/// Runs the tool under a name: its own, or an older one.
pub fn main(name: &str) -> ExitCode {
    match run(name) {
        Ok(code) => code.into(),
        Err(error) => {
            eprintln!("{name}: {error}");
            error.exit_code().into()
        }
    }
}

/// Runs the tool under a name that it had before, and says so, unless `REPLICA_NO_DEPRECATION=1`.
pub fn main_under_old_name(name: &str) -> ExitCode {
    if std::env::var_os("REPLICA_NO_DEPRECATION").is_none_or(|value| value != "1") {
        eprintln!(
            "{name} is now {NAME}; the old name still works (REPLICA_NO_DEPRECATION=1 hides this line)"
        );
    }
    main(name)
}

fn run(name: &str) -> Result<Code> {
    let args = std::env::args_os().skip(1).map(|arg| {
        arg.into_string().map_err(|arg| Error::usage(format!("{} is not UTF-8", arg.to_string_lossy())))
    });
    match args::parse(name, args.collect::<Result<Vec<_>>>()?)? {
        Parsed::Run(options) => run::run(&options),
        Parsed::Print(text) => {
            // A reader that closed the pipe has seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(Code::Ok)
        }
    }
}
