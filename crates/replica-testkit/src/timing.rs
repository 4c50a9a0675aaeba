//! What `[TIMING]` lines say.
use std::time::{Duration, Instant};

use crate::proxy::{self, From, Harm, Proxy, Rule, utf16};
use crate::{Program, ProgramExit};

/// A line: what it is about, and how long each phase took, in seconds.
#[derive(Clone, Debug)]
pub struct TimingLine {
    pub what: String,
    pub phases: Vec<(String, f64)>,
    pub total: f64,
}

impl TimingLine {
    /// All that a run has written, in their order. Each adds up to its total.
    ///
    /// # Panics
    /// A line is none, or does not add up.
    #[track_caller]
    pub fn all(run: &ProgramExit) -> Vec<Self> {
        let lines = run.stderr.lines().filter_map(|line| line.strip_prefix("[TIMING] "));
        let lines: Vec<Self> = lines.map(Self::read).collect();
        for line in &lines {
            let sum: f64 = line.phases.iter().map(|(_, took)| took).sum();
            let rounded =
                0.05 + rounded(line.total) + line.phases.iter().map(|(_, took)| rounded(*took)).sum::<f64>();
            assert!((sum - line.total).abs() <= rounded, "{line:?}\n{run}");
        }
        lines
    }

    fn read(line: &str) -> Self {
        let (what, phases) = line.split_once(": ").expect("a subject");
        let phases = phases.split(" | ").map(|phase| phase.split_once(' ').expect("a phase and its time"));
        let mut phases: Vec<_> = phases.map(|(name, took)| (name.to_owned(), seconds(took))).collect();
        let (last, total) = phases.pop().expect("a total");
        assert_eq!(last, "TOTAL", "{line}");
        Self { what: what.to_owned(), phases, total }
    }

    /// How long a phase took; nothing where there was none.
    pub fn took(&self, phase: &str) -> f64 {
        self.phases.iter().find(|(name, _)| name == phase).map_or(0.0, |(_, took)| *took)
    }

    /// Runs a program: the time that passes is that of its line `run`, of which no more than a tenth belongs to no phase. Gives
    /// that line, and the others.
    ///
    /// # Panics
    /// It is not.
    #[track_caller]
    pub fn of_run(program: Program, args: &[&str]) -> (Self, Vec<Self>, ProgramExit) {
        let begun = Instant::now();
        let run = program.with("RUST_LOG", "").run(args).exits(0);
        let wall = begun.elapsed().as_secs_f64();
        let mut lines = Self::all(&run);
        let whole = lines.pop().expect("[TIMING]");
        assert_eq!(whole.what, "run", "{run}");
        // The program's own start is in no line.
        assert!(
            whole.total <= wall + 0.5 && wall - whole.total < 1.0 + wall / 10.0,
            "{wall} s, {whole:?}\n{run}"
        );
        assert!(whole.took("OTHER") <= whole.total / 10.0, "{whole:?}\n{run}");
        (whole, lines, run)
    }
}

/// What a duration of the lines says, in seconds.
fn seconds(text: &str) -> f64 {
    let text = text.trim_end_matches('s');
    let (whole, last) = text.rsplit_once('m').unwrap_or(("0", text));
    let number = |text: &str| text.parse::<f64>().expect("a number");
    number(whole) * 60.0 + number(last)
}

/// By how much what is written may differ from what was measured.
fn rounded(seconds: f64) -> f64 {
    if seconds < 10.0 { 0.05 } else { 0.5 }
}

/// A way to a server that thinks for so long whenever its catalog is asked for a table: each time, or so often.
///
/// # Panics
/// The system gives no port; the wait is one of minutes.
pub fn slow_catalog(connection: &str, wait: Duration, times: u32) -> (Proxy, String) {
    let asked = "SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name";
    // It begins alike, as the relay wants it.
    let wait = format!("WAITFOR DELAY '00:00:{:02}';", wait.as_secs());
    let slow = format!("SET ROWCOUNT 0;{wait}SELECT @@SERVERNAME server_name");
    let slow = format!("{slow:width$}", width = asked.len());
    let rule = Rule { from: From::Client, pattern: utf16(asked), harm: Harm::Replace(utf16(&slow)), times };
    proxy::through(connection, rule).expect("a port")
}
