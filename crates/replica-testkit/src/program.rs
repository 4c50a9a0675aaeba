//! The real binary, in a folder of its own.
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use assert_cmd::Command;
use tempfile::TempDir;

use crate::Pair;

/// Longer than any test takes: a binary that hangs fails, and does not hang the tests.
const LIMIT: Duration = Duration::from_secs(120);

/// A binary and what it is run with.
pub struct Program {
    binary: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
    stdin: String,
}

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// `None`: ended by a signal, or by the time limit.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    /// A binary by its path: `env!("CARGO_BIN_EXE_name")`.
    pub fn new(binary: impl AsRef<Path>) -> Self {
        Self {
            binary: binary.as_ref().to_owned(),
            folder: TempDir::new().expect("a temporary folder"),
            environment: Vec::new(),
            stdin: String::new(),
        }
    }

    /// Copies from the pair's source to its target.
    pub fn between(self, pair: &Pair) -> Self {
        self.with("REPLICA_SOURCE", &pair.source.connection).with("REPLICA_TARGET", &pair.target.connection)
    }

    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.to_owned(), value.to_owned()));
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Puts a file into the folder that the program runs in.
    pub fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.folder.path().join(name), text).expect("the temporary folder takes files");
        self
    }

    /// The folder that the program runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it, for a test that has something to do meanwhile.
    pub fn start(&self, args: &[&str]) -> Running {
        let child = std::process::Command::new(&self.binary)
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("REPLICA_SOURCE")
            .env_remove("REPLICA_TARGET")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        Running(child)
    }

    pub fn run(&self, args: &[&str]) -> Run {
        let output = Command::new(&self.binary)
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("REPLICA_SOURCE")
            .env_remove("REPLICA_TARGET")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .write_stdin(self.stdin.as_str())
            .timeout(LIMIT)
            .output()
            .expect("the binary starts");
        Run::from(output)
    }
}

/// A binary at work.
pub struct Running(Child);

impl Running {
    /// Sends it a signal by name: `INT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name} {pid}");
    }

    /// Waits for its end.
    pub fn finish(self) -> Run {
        let pid = self.0.id().to_string();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(self.0.wait_with_output()));
        match told.recv_timeout(LIMIT) {
            Ok(output) => Run::from(output.expect("the binary ends")),
            Err(_) => {
                // It may have ended just now.
                let _ = std::process::Command::new("kill").args(["-s", "KILL", &pid]).status();
                panic!("no end within {LIMIT:?}");
            }
        }
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Run {
    /// Panics with everything the program said unless it ended with this code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code\n{self}");
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "{text:?} is not said\n{self}");
        self
    }

    /// The columns of each line on stdout (TSV).
    pub fn lines(&self) -> Vec<Vec<&str>> {
        self.stdout.lines().map(|line| line.split('\t').collect()).collect()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
