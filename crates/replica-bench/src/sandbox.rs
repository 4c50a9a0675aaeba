//! One sandbox that replays and discards.
use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use replica_core::config::Endpoint;
use replica_core::session::{Role, Session};

use crate::args::Args;
use crate::measure::{EQUAL, SOURCE, TARGET, connection_string};

pub const USER: &str = "sa";
/// Guards nothing: the sandbox listens on this machine only, for the time of the run.
pub const PASSWORD: &str = "Replica-Bench-1";

/// A program that was built beside this one.
pub fn beside(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// The sandbox's.
pub fn program(args: &Args) -> Result<PathBuf, Box<dyn Error>> {
    args.sandbox.clone().map_or_else(|| beside("replica-sandbox"), Ok)
}

/// A running sandbox; it ends with this value.
pub struct SandboxProcess {
    process: Child,
    /// host:port.
    pub address: String,
}

impl SandboxProcess {
    /// Starts it with the three databases, and with what `arguments` add.
    pub fn start(program: &Path, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(program)
            .args(["--encrypt", "on", "--database", SOURCE, "--database", TARGET, "--database", EQUAL])
            .args(arguments)
            .env("REPLICA_SANDBOX_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let mut address = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout).read_line(&mut address)?;
        }
        match address.trim() {
            "" => Err("the sandbox did not start".into()),
            address => Ok(Self { process, address: address.to_owned() }),
        }
    }

    /// As the system knows it.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// The statements that make a data set's tables.
    pub fn ddl(program: &Path, data: &str) -> Result<Vec<String>, Box<dyn Error>> {
        let output = Command::new(program).args(["--print-ddl", data]).stderr(Stdio::inherit()).output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text.split(";\n").map(str::trim).filter(|sql| !sql.is_empty()).map(str::to_owned).collect())
    }

    /// Runs batches in one of the databases.
    pub fn execute(&self, database: &str, batches: &[String]) -> Result<(), Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let endpoint = Endpoint::from_connection_string(&connection_string(&self.address, database))?;
            let mut session = Session::connect(&endpoint, Role::Source).await?;
            for batch in batches {
                session.execute(batch).await?;
            }
            Ok(())
        })
    }
}

impl Drop for SandboxProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
