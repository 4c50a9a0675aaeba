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

    /// What to tell the shell of several tables or windows, of which some failed with these codes: the code that all
    /// failures share, or the general one.
    pub fn of_failures(failures: impl IntoIterator<Item = Self>) -> Self {
        let mut failures = failures.into_iter();
        match failures.next() {
            None => Self::Ok,
            Some(first) if failures.all(|code| code == first) => first,
            Some(_) => Self::Failed,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_share_a_code_or_have_the_general_one() {
        assert_eq!(Code::of_failures([]), Code::Ok);
        assert_eq!(Code::of_failures([Code::Busy, Code::Busy]), Code::Busy);
        assert_eq!(Code::of_failures([Code::Busy, Code::Connect]), Code::Failed);
    }
}
