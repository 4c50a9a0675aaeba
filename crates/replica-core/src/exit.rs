//! The exit codes, written once. docs/COMMANDS.md shows the same table to users.
use std::process::ExitCode;

/// What a tool tells the shell when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// All done, or nothing found.
    Ok,
    /// Something failed or was found; the lines on stdout say what.
    Failed,
    /// Bad usage or configuration: nothing was tried.
    Usage,
    /// Cannot connect or log in.
    Connect,
    /// Another run holds this table.
    Busy,
    /// Stopped by SIGINT (Ctrl-C), after cleaning up.
    Interrupted,
    /// Stopped by SIGTERM, after cleaning up.
    Terminated,
}

impl Code {
    /// The number as the shell sees it. Signals follow the shell's own 128 + signal number.
    pub fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Connect => 3,
            Self::Busy => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}
