//! How many system calls carry the rows.
use std::error::Error;
use std::path::Path;
use std::process::Command;

use super::{Bench, measured, meets};
use crate::args::Mode;
use crate::case::Case;

/// Of the lane with TLS on both sides over those of the lane without.
const MOST_ENCRYPTED_OVER_LANE: f64 = 2.0;
const RECEIVE: [&str; 3] = ["recvfrom", "read", "readv"];
const SEND: [&str; 4] = ["sendto", "sendmsg", "write", "writev"];

impl Bench {
    /// Counts them with strace, if it is there: one that is counted takes longer than it does otherwise.
    pub(super) fn system_calls(&self, case: &Case, folder: &Path) -> Result<bool, Box<dyn Error>> {
        if Command::new("strace").arg("--version").output().is_err() {
            println!("syscalls {} not counted: strace is not installed", case.name);
            return Ok(true);
        }
        let select = self.select(case)?;
        self.replay(case, case.rows.fast / 4)?;
        let counts = folder.join("counts");
        let count = |mode: Mode| -> Result<[u64; 2], Box<dyn Error>> {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(&counts).arg(std::env::current_exe()?);
            let figures = measured(strace.args(self.arguments(mode, case, &select)))?;
            let calls = std::fs::read_to_string(&counts)?;
            let [received, sent] = [total(&calls, &RECEIVE), total(&calls, &SEND)];
            let gb = figures.bytes as f64 / 1e9;
            println!("syscalls {} {} gb {gb:.2} received {received} sent {sent}", case.name, mode.name());
            Ok([received, sent])
        };
        let (plain, encrypted) = (count(Mode::Lane)?, count(Mode::Encrypted)?);
        let over_plain =
            plain.iter().zip(encrypted).map(|(plain, encrypted)| encrypted as f64 / *plain as f64);
        let worst = over_plain.fold(0.0, f64::max);
        Ok(meets(case.name, "syscalls_encrypted_over_lane", worst <= MOST_ENCRYPTED_OVER_LANE, worst))
    }
}

/// Of strace's table, whose lines are `CALLS NAME`.
fn total(table: &str, names: &[&str]) -> u64 {
    let line = |line: &str| {
        let (calls, name) = line.trim().split_once(char::is_whitespace)?;
        names.contains(&name.trim()).then(|| calls.parse::<u64>().ok())?
    };
    table.lines().filter_map(line).sum()
}
