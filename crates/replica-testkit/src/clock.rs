//! Programs whose own clock is wrong.
use std::path::Path;

use crate::Program;

/// Where Debian and its relatives have libfaketime.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/// The library that makes a clock wrong, where there is one. The command `faketime` is not used: it fails where a killed
/// process has left a semaphore, and a later one has its number.
pub fn faketime() -> Option<&'static str> {
    LIBRARIES.into_iter().find(|library| Path::new(library).exists())
}

/// The environment of a program whose clock is wrong by so much, as `+20m` or `-3h`.
pub fn by_clock<'a>(library: &'a str, wrong: &'a str) -> [(&'static str, &'a str); 3] {
    [("LD_PRELOAD", library), ("FAKETIME", wrong), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
}

impl Program {
    /// By a clock that is wrong by so much.
    pub fn by_clock(self, library: &str, wrong: &str) -> Self {
        by_clock(library, wrong).into_iter().fold(self, |program, (name, value)| program.with(name, value))
    }
}
