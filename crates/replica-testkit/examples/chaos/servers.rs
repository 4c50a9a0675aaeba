//! The two servers, as processes that can be killed.
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use replica_testkit::Client;
use tempfile::TempDir;

const PASSWORD: &str = "Chaos-4711";
/// The tools' sessions are known by it.
pub const PROGRAM: &str = "chaos";

/// A sandbox that keeps its data, and its port.
pub struct TroubledServer {
    program: PathBuf,
    data: TempDir,
    process: Option<Child>,
    port: u16,
    /// How far its clock is put forward.
    ahead: u32,
}

impl TroubledServer {
    pub fn start(program: &Path) -> io::Result<Self> {
        let data = TempDir::new()?;
        let mut sandbox = Self { program: program.to_owned(), data, process: None, port: 0, ahead: 0 };
        sandbox.run()?;
        Ok(sandbox)
    }

    fn run(&mut self) -> io::Result<()> {
        let mut process = Command::new(&self.program)
            .args(["--listen", &format!("127.0.0.1:{}", self.port), "--database", "replica", "--data-dir"])
            .arg(self.data.path())
            .env("REPLICA_SANDBOX_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut address)?;
        }
        let port = address.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        self.port = port.ok_or_else(|| io::Error::other("the sandbox did not start"))?;
        self.process = Some(process);
        Ok(())
    }

    /// As a power cut would end it, and up again.
    pub fn kill(&mut self) -> io::Result<()> {
        self.end();
        self.run()?;
        self.set_clock();
        Ok(())
    }

    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself; then there is nothing to stop.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// ADO.NET, without the application's name.
    pub fn connection(&self) -> String {
        format!(
            "Server=127.0.0.1,{};Database=replica;User Id=sa;Password={PASSWORD};TrustServerCertificate=true",
            self.port
        )
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.connection())
    }

    /// Whatever leases there are, they are over.
    pub fn jump(&mut self) {
        self.ahead += 90;
        self.set_clock();
    }

    fn set_clock(&self) {
        if self.ahead > 0 {
            self.client().run(&format!("EXEC sp_sandbox_clock {}", self.ahead));
        }
    }
}

impl Drop for TroubledServer {
    fn drop(&mut self) {
        self.end();
    }
}
