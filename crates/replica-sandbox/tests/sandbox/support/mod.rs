//! A sandbox of its own for each test: the real binary, on a port of its own.
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

pub mod raw;

/// The password of sa in these tests.
pub const PASSWORD: &str = "Sandbox-Test-1";

pub struct RunningSandbox {
    process: Child,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

impl RunningSandbox {
    pub fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let authority = folder.path().join("ca.pem");
        let authority = authority.to_str().expect("a plain name");
        Self::spawn(&[arguments, &["--write-ca", authority]].concat(), folder)
    }

    /// With a certificate from outside, or none.
    pub fn start_plain(arguments: &[&str]) -> Self {
        Self::spawn(arguments, tempfile::tempdir().expect("a temporary folder"))
    }

    fn spawn(arguments: &[&str], folder: tempfile::TempDir) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_replica-sandbox"))
            .args(arguments)
            .env("REPLICA_SANDBOX_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the sandbox says where it listens");
        let address = line.trim().parse().unwrap_or_else(|_| panic!("not an address: {line:?}"));
        Self { process, address, folder }
    }

    /// Asks it to end, as an init system does.
    pub fn terminate(mut self) -> ExitStatus {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        self.process.wait().expect("it ends")
    }

    /// The authority of the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        // It may have ended by itself, and then the test has failed already.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
