//! What one measurement costs its process.
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Costs of moving some rows, from the first request to the last confirmation; logins do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    pub rows: u64,
    /// Bytes received from the source, where the mode can tell; of `reload` and `changes` those sent to the target.
    pub bytes: u64,
    /// Requests that the source got, where they are counted.
    pub requests: u64,
    /// User and system time of the whole process.
    pub cpu: Duration,
    pub wall: Duration,
    /// The process' peak resident set (VmHWM) in KiB, logins included.
    pub peak_rss_kib: u64,
}

impl Figures {
    /// CPU time for one row, in seconds.
    pub fn cpu_per_row(&self) -> f64 {
        self.cpu.as_secs_f64() / self.rows as f64
    }

    /// CPU time for a GB of rows that take so many bytes, in seconds.
    pub fn cpu_per_gb(&self, bytes_per_row: f64) -> f64 {
        self.cpu_per_row() / bytes_per_row * 1e9
    }
}

/// One line: how a measuring process tells its parent.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, wall) = (self.cpu.as_nanos(), self.wall.as_nanos());
        write!(f, "{} {} {} {cpu} {wall} {}", self.rows, self.bytes, self.requests, self.peak_rss_kib)
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[rows, bytes, requests, cpu, wall, peak_rss_kib]) => {
                let [cpu, wall] = [cpu, wall].map(Duration::from_nanos);
                Ok(Self { rows, bytes, requests, cpu, wall, peak_rss_kib })
            }
            _ => Err(format!("{line:?} is no measurement")),
        }
    }
}

/// A measurement under way.
pub struct Stopwatch {
    cpu: Duration,
    wall: Instant,
}

impl Stopwatch {
    pub fn start() -> Self {
        Self { cpu: cpu_time(), wall: Instant::now() }
    }

    pub fn stop(self, rows: u64, bytes: u64) -> Result<Figures, String> {
        let cpu = cpu_time() - self.cpu;
        let wall = self.wall.elapsed();
        Ok(Figures { rows, bytes, requests: 0, cpu, wall, peak_rss_kib: peak_rss_kib()? })
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn peak_rss_kib() -> Result<u64, String> {
    let status =
        std::fs::read_to_string("/proc/self/status").map_err(|e| format!("/proc/self/status: {e}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| "/proc/self/status has no VmHWM".to_owned())
}
