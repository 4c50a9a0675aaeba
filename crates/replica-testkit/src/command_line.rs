//! What a tool makes of a command line, for the tests of its arguments.
use std::fmt::Debug;

use replica_core::cli::{Parsed, Tool, parse};
use replica_core::error::{Error, Result};

/// The options that a line comes to, cut into words at its blanks.
#[track_caller]
pub fn options<T: Tool>(line: &str) -> T::Options {
    parsed::<T>(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// Why a line is refused as bad usage.
#[track_caller]
pub fn refusal<T: Tool<Options: Debug>>(line: &str) -> String {
    let error: Error = parsed::<T>(line).expect_err(line);
    assert_eq!(error.exit_code().number(), 2, "{line}: {error}");
    error.to_string()
}

fn parsed<T: Tool>(line: &str) -> Result<T::Options> {
    match parse::<T>(T::NAME, line.split_whitespace().map(str::to_owned))? {
        Parsed::Run(options, _) => Ok(options),
        Parsed::Print(text) => panic!("{line} prints:\n{text}"),
    }
}
