//! What a round leaves behind: lines in the record of runs, and figures for Prometheus.
use std::path::PathBuf;
use std::time::{Duration, Instant};

use replica_core::cli::Code;
use replica_core::config::Config;
use replica_core::copy::changes::{Came, ChangesJob, KeptTable, TableRound};
use replica_core::error::{Error, Kind, Result};
use replica_core::report::figures::RunFigures;
use replica_core::report::metrics::{self, SampledTables};
use replica_core::report::run_log::{Entry, RunHeader, RunLog, outcome_of};
use replica_core::report::tables_failed;

use crate::args::Options;

/// As the record and the figures name such runs.
const KIND: &str = "changes";

/// The books of a process: what each of its rounds adds to them.
pub struct Books {
    record_dir: Option<PathBuf>,
    figures: RunFigures,
    /// All tables that there are to be figures of; `None`: others may be kept by others.
    listed: Option<Vec<String>>,
    round: RoundBooks,
}

/// What is known of a round so far.
struct RoundBooks {
    header: RunHeader,
    /// Opened with the first line.
    log: Option<RunLog>,
    /// It has its lines whatever becomes of it.
    all: bool,
    begun: Instant,
    codes: Vec<Code>,
    failed: Vec<String>,
    changed: u64,
    rows: u64,
}

impl RoundBooks {
    fn begin(all: bool) -> Self {
        Self {
            header: RunHeader::begin(KIND, None),
            log: None,
            all,
            begun: Instant::now(),
            codes: Vec::new(),
            failed: Vec::new(),
            changed: 0,
            rows: 0,
        }
    }
}

impl Books {
    /// # Errors
    /// Of kind `Usage`: there can be no such folder, or no such file.
    pub fn open(config: &Config, options: &Options, job: &ChangesJob) -> Result<Self> {
        let record_dir = config.etl.record_dir.clone();
        let round = RoundBooks::begin(true);
        // So that it is known before the first round.
        RunLog::open(record_dir.as_deref(), round.header.clone())?;
        let figures = RunFigures::open(options.prometheus.clone(), &config.etl, KIND)?;
        let is_all = options.selection.all && options.selection.named.is_empty();
        let listed = is_all.then(|| job.tables.iter().map(|kept| kept.table.to_string()).collect());
        Ok(Self { record_dir, figures, listed, round })
    }

    /// A round begins; `all`: it is on record even if nothing has changed.
    pub fn begin(&mut self, all: bool) {
        self.round = RoundBooks::begin(all);
        self.figures.clear();
    }

    /// A table is done with.
    ///
    /// # Errors
    /// The record cannot be written.
    pub fn add(&mut self, kept: &KeptTable, ended: &TableRound) -> Result<()> {
        let round = &mut self.round;
        let applied = ended.result.as_ref().ok();
        round.codes.push(ended.result.as_ref().map_or_else(Error::exit_code, |_| Code::Ok));
        let carried = applied.into_iter().flat_map(metrics::of_changes);
        self.figures.table((&kept.table, &kept.article), applied.is_some(), ended.elapsed, carried);
        if applied.is_none() {
            round.failed.push(kept.label());
        }
        let is_quiet = applied.is_some_and(|applied| applied.came == Came::Quiet);
        round.changed += u64::from(applied.is_some() && !is_quiet);
        round.rows += applied.map_or(0, |applied| applied.written.all());
        if is_quiet && !round.all {
            return Ok(());
        }
        self.write(&Entry {
            table: Some(kept.label()),
            outcome: if applied.is_some() { "ok" } else { "failed" },
            rows: applied.map(|applied| applied.written.all()),
            seconds: ended.elapsed,
            error: ended.result.as_ref().err().map(ToString::to_string),
            changes: applied.map(Into::into),
            ..Entry::default()
        })
    }

    /// The round is done with, well or not.
    ///
    /// # Errors
    /// The record or the figures cannot be written.
    pub fn end(&mut self, result: &Result<Code>) -> Result<()> {
        let outcome = outcome_of(result);
        let elapsed = self.elapsed();
        let recorded = if self.round.all || self.round.log.is_some() || outcome != "ok" {
            self.write(&Entry {
                outcome,
                rows: Some(self.round.rows),
                seconds: elapsed,
                error: result.as_ref().err().map(ToString::to_string),
                ..Entry::default()
            })
        } else {
            Ok(())
        };
        // Who keeps the tables tells their figures; a round that a signal has ended has none.
        let is_told = match result {
            Err(error) => !matches!(error.kind(), Kind::Busy | Kind::Interrupted | Kind::Terminated),
            Ok(code) => *code != Code::Busy,
        };
        recorded.and(if is_told { self.export(outcome == "ok", elapsed) } else { Ok(()) })
    }

    fn write(&mut self, entry: &Entry) -> Result<()> {
        let (folder, round) = (self.record_dir.as_deref(), &mut self.round);
        let log = match &mut round.log {
            Some(log) => log,
            none => none.insert(RunLog::open(folder, round.header.clone())?),
        };
        log.write(entry)
    }

    fn export(&mut self, well: bool, elapsed: Duration) -> Result<()> {
        let listed = self.listed.as_deref().map(|tables| SampledTables { kinds: &[KIND], tables });
        self.figures.write(well, elapsed, listed)
    }

    /// Since the round began.
    pub fn elapsed(&self) -> Duration {
        self.round.begun.elapsed()
    }

    /// What the round comes to.
    pub fn code(&self) -> Code {
        Code::of_all(self.round.codes.iter().copied())
    }

    /// Tables that the round has looked at.
    pub fn tables(&self) -> usize {
        self.round.codes.len()
    }

    /// Those of them that had changes, or were compared.
    pub fn changed(&self) -> u64 {
        self.round.changed
    }

    /// Rows that the round has written.
    pub fn rows(&self) -> u64 {
        self.round.rows
    }

    /// Those that failed, by their names.
    pub fn failed(&self) -> impl Iterator<Item = &str> {
        self.round.failed.iter().map(String::as_str)
    }

    /// The tables that failed, as one error.
    pub fn failure(&self) -> Option<Error> {
        tables_failed(&self.failed().collect::<Vec<_>>(), self.tables())
    }
}
