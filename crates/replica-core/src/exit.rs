//! The exit codes, written once. docs/COMMANDS.md shows the same table to users.
use std::process::ExitCode;

/// What a tool tells the shell when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// All done, or nothing found.
    Ok,
    /// Something failed or was found; the lines on stdout say what.
    Failed,
    /// Bad usage or configuration: nothing was touched.
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
    /// All of them, by their numbers.
    pub const ALL: [Self; 7] =
        [Self::Ok, Self::Failed, Self::Usage, Self::Connect, Self::Busy, Self::Interrupted, Self::Terminated];

    /// What it says, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all done, or nothing found",
            Self::Failed => "something failed or was found; the lines on stdout say what",
            Self::Usage => "bad usage or configuration; nothing was touched",
            Self::Connect => "cannot connect or log in, after two minutes of trying if that can help",
            Self::Busy => "another run holds this table",
            Self::Interrupted => "stopped by SIGINT, after cleaning up",
            Self::Terminated => "stopped by SIGTERM, after cleaning up",
        }
    }

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

    /// What to tell the shell of several tables or windows, given the code of each: the code that all failures share,
    /// or the general one. `Usage` promises that nothing was touched, so it stands only where nothing went well.
    pub fn of_all(codes: impl IntoIterator<Item = Self>) -> Self {
        let (well, failures): (Vec<Self>, Vec<Self>) = codes.into_iter().partition(|code| *code == Self::Ok);
        match failures[..] {
            [] => Self::Ok,
            [Self::Usage, ..] if !well.is_empty() => Self::Failed,
            [first, ref others @ ..] if others.iter().all(|code| *code == first) => first,
            _ => Self::Failed,
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
        assert_eq!(Code::of_all([]), Code::Ok);
        assert_eq!(Code::of_all([Code::Ok, Code::Ok]), Code::Ok);
        assert_eq!(Code::of_all([Code::Busy, Code::Busy]), Code::Busy);
        assert_eq!(Code::of_all([Code::Busy, Code::Connect]), Code::Failed);
        assert_eq!(Code::of_all([Code::Ok, Code::Connect]), Code::Connect);
    }

    #[test]
    fn usage_promises_that_nothing_was_touched() {
        assert_eq!(Code::of_all([Code::Usage, Code::Usage]), Code::Usage);
        assert_eq!(Code::of_all([Code::Usage, Code::Ok]), Code::Failed);
        assert_eq!(Code::of_all([Code::Ok, Code::Usage, Code::Usage]), Code::Failed);
    }
}
