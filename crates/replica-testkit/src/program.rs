//! The real binary, in a folder of its own.
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use assert_cmd::Command;
use tempfile::TempDir;

use crate::{Pair, Troubled};

/// Longer than any test takes: a binary that hangs fails, and does not hang the tests.
const LIMIT: Duration = Duration::from_secs(120);

/// A binary and what it is run with.
pub struct Program {
    binary: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
    stdin: String,
    /// Blocks that a file may have.
    most_blocks: Option<u32>,
}

/// How a run ended.
#[derive(Debug)]
pub struct ProgramExit {
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
            most_blocks: None,
        }
    }

    /// Another tool of the workspace: its binary lies beside this one's.
    #[track_caller]
    pub fn beside(binary: impl AsRef<Path>, name: &str) -> Self {
        let binary = binary.as_ref().with_file_name(name);
        assert!(binary.exists(), "cargo build -p {name}: there is no {}", binary.display());
        Self::new(binary)
    }

    /// Copies from the pair's source to its target.
    pub fn between(self, pair: &Pair) -> Self {
        self.with("REPLICA_SOURCE", &pair.source.connection).with("REPLICA_TARGET", &pair.target.connection)
    }

    /// As [`Self::between`], where both servers are troubled at first.
    pub fn between_troubled(self, pair: &Pair) -> Option<(Self, [Troubled; 2])> {
        let (source, target) = (Troubled::before(&pair.source)?, Troubled::before(&pair.target)?);
        let program = self.with("REPLICA_SOURCE", &source.connection);
        let program = program.with("REPLICA_TARGET", &target.connection);
        Some((program, [source, target]))
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

    /// A file may have so many blocks, and to write more is an error, as on a full disk.
    pub fn with_full_disk(mut self, most_blocks: u32) -> Self {
        self.most_blocks = Some(most_blocks);
        self
    }

    /// The folder that the program runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// In its folder, with nothing of this machine's own configuration.
    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = match self.most_blocks {
            None => std::process::Command::new(&self.binary),
            Some(most) => {
                let mut shell = std::process::Command::new("sh");
                let limited = format!("trap '' XFSZ; ulimit -f {most}; exec \"$0\" \"$@\"");
                shell.arg("-c").arg(limited).arg(&self.binary);
                shell
            }
        };
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("REPLICA_SOURCE")
            .env_remove("REPLICA_TARGET")
            .env_remove("REPLICA_CONFIG")
            .env("XDG_CONFIG_HOME", self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it, for a test that has something to do meanwhile.
    pub fn start(&self, args: &[&str]) -> Running {
        let mut child = self
            .command(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().map(heard);
        let stderr = child.stderr.take().map(heard);
        Running { child, stdout, stderr, said: String::new() }
    }

    pub fn run(&self, args: &[&str]) -> ProgramExit {
        let output = Command::from_std(self.command(args))
            .write_stdin(self.stdin.as_str())
            .timeout(LIMIT)
            .output()
            .expect("the binary starts");
        ProgramExit::from(output)
    }
}

/// Lines as they come.
fn heard(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        // The test may have lost interest.
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0)
            && tell.send(String::from_utf8_lossy(&line).into_owned()).is_ok()
        {
            line.clear();
        }
    });
    told
}

/// A binary at work. It is killed with the test that gives it up.
pub struct Running {
    child: Child,
    stdout: Option<Receiver<String>>,
    stderr: Option<Receiver<String>>,
    /// What was heard on stderr so far.
    said: String,
}

impl Running {
    /// Its process, as the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name: `INT`, `TERM`, `KILL`.
    pub fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name} {pid}");
    }

    /// Has it ended by itself?
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits until it says something on stderr.
    #[track_caller]
    pub fn until_it_says(&mut self, text: &str) {
        assert!(self.says_before_it_ends(text), "{text:?} is not said\n{}", self.said);
    }

    /// Waits until it says something on stderr, or ends without.
    pub fn says_before_it_ends(&mut self, text: &str) -> bool {
        let lines = self.stderr.as_ref().expect("stderr is heard");
        while let Ok(line) = lines.recv_timeout(LIMIT) {
            self.said.push_str(&line);
            if line.contains(text) {
                return true;
            }
        }
        false
    }

    /// The most memory that it has had so far, in KiB. `None`: it has ended.
    pub fn peak_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }

    /// Waits for its end, and says what memory it has had at most, in KiB.
    pub fn finish_with_peak(mut self) -> (ProgramExit, u64) {
        let mut peak = 0;
        while !self.has_ended() {
            peak = self.peak_kib().unwrap_or(peak);
            thread::sleep(Duration::from_millis(1));
        }
        (self.finish(), peak)
    }

    /// Ends it as a power cut would; says how it would have ended if it was faster.
    pub fn kill(mut self) -> ProgramExit {
        // It may have ended already.
        let _ = self.child.kill();
        self.finish()
    }

    /// Waits for its end.
    pub fn finish(mut self) -> ProgramExit {
        let mut collect = |lines: Option<Receiver<String>>| {
            let mut text = String::new();
            let Some(lines) = lines else { return text };
            loop {
                match lines.recv_timeout(LIMIT) {
                    Ok(line) => text.push_str(&line),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return text,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        let _ = self.child.kill();
                        panic!("no end within {LIMIT:?}\n{text}");
                    }
                }
            }
        };
        let stdout = collect(self.stdout.take());
        let stderr = std::mem::take(&mut self.said) + &collect(self.stderr.take());
        let status = self.child.wait().expect("the binary ends");
        ProgramExit { code: status.code(), stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl From<Output> for ProgramExit {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl ProgramExit {
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

impl std::fmt::Display for ProgramExit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "code {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
