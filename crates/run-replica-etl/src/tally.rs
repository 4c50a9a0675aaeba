//! How a run goes: a line on stdout, an entry in its record, figures for Prometheus, and the exit code.
use std::time::{Duration, Instant};

use replica_core::catalog::TableName;
use replica_core::cli::Code;
use replica_core::config::Config;
use replica_core::error::{Error, Result};
use replica_core::report::figures::RunFigures;
use replica_core::report::metrics::{self, Metric, SampledTables};
use replica_core::report::run_log::{Entry, RunLog, outcome_of};
use replica_core::report::{self, Record, RecordValue, Reporter, human_duration, tables_failed};

use crate::args::Options;
use crate::day::Asked;
use crate::refresh::{FinishedPart, Refreshed};
use crate::steps::Step;

pub struct Tally {
    reporter: Reporter,
    book: RunLog,
    figures: RunFigures,
    /// Every table of the configuration, as the figures name them; `None` before a server was asked.
    listed: Option<Vec<String>>,
    started: Instant,
    rows: u64,
    bytes: u64,
    retries: u32,
    tables: usize,
    failures: Vec<(String, Code)>,
}

impl Tally {
    /// # Errors
    /// Of kind `Usage`: there can be no file of figures.
    pub fn new(options: &Options, config: &Config, reporter: Reporter, book: RunLog) -> Result<Self> {
        let figures = RunFigures::open(options.prometheus.clone(), &config.etl, book.run().kind)?;
        Ok(Self {
            reporter,
            book,
            figures,
            listed: None,
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            retries: 0,
            tables: 0,
            failures: Vec::new(),
        })
    }

    /// The tables of the configuration are known.
    pub fn know(&mut self, listed: &[TableName]) {
        self.listed = Some(listed.iter().map(ToString::to_string).collect());
    }

    /// A step has ended, well or not. Where a signal came first, what it had done by then counts.
    ///
    /// # Errors
    /// Nobody can be told: stdout or the record cannot be written.
    pub fn add(&mut self, step: &Step, done: Vec<FinishedPart>) -> Result<()> {
        self.tables += 1;
        self.measure(step, &done);
        let done: Vec<FinishedPart> = done.into_iter().filter(|part| !part.is_stopped()).collect();
        let code = Code::of_all(
            done.iter().map(|part| part.result.as_ref().map_or_else(Error::exit_code, |_| Code::Ok)),
        );
        if code != Code::Ok {
            self.failures.push((step.label(), code));
        }
        done.iter().try_for_each(|part| self.tell(&step.label(), part))
    }

    fn measure(&mut self, step: &Step, done: &[FinishedPart]) {
        let outcomes = || done.iter().filter_map(|part| part.result.as_ref().ok());
        let well = outcomes().count() == done.len();
        let rows: u64 = outcomes().map(Refreshed::rows).sum();
        let retries: u32 = done.iter().map(|part| part.effort.retries).sum();
        let seconds: Duration = done.iter().map(|part| part.elapsed).sum();
        self.rows += rows;
        self.bytes += outcomes().filter_map(Refreshed::loaded).map(|outcome| outcome.bytes).sum::<u64>();
        self.retries += retries;
        let retried = [(Metric::TableRetries, f64::from(retries))];
        let loaded = well.then_some((Metric::TableRows, rows as f64));
        let carried = outcomes().filter_map(Refreshed::carried).flat_map(metrics::of_changes);
        let more = retried.into_iter().chain(loaded).chain(carried);
        self.figures.table((&step.table, &step.article), well, seconds, more);
    }

    fn tell(&mut self, table: &str, part: &FinishedPart) -> Result<()> {
        let window = part.window.clone().map_or(RecordValue::Missing, RecordValue::Text);
        let record = Record::new().with("table", RecordValue::Text(table.to_owned())).with("window", window);
        let line = match &part.result {
            Ok(Refreshed::Loaded(outcome)) => report::outcome(record, &Ok(*outcome), part.elapsed),
            Ok(Refreshed::Carried(applied)) => report::carried(record, applied, part.elapsed),
            Err(error) => report::failed(record, error, Some(part.elapsed)),
        };
        self.reporter.ended(&line, &part.result)?;
        let refreshed = part.result.as_ref().ok();
        let loaded = refreshed.and_then(Refreshed::loaded);
        self.book.write(&Entry {
            table: Some(table.to_owned()),
            window: part.window.clone(),
            outcome: if refreshed.is_some() { "ok" } else { "failed" },
            rows: refreshed.map(Refreshed::rows),
            bytes: loaded.map(|outcome| outcome.bytes),
            seconds: part.elapsed,
            phases: part.effort.phases.clone(),
            retries: part.effort.retries,
            hash: loaded.map(|outcome| outcome.fingerprint.to_string()),
            error: part.result.as_ref().err().map(ToString::to_string),
            changes: refreshed.and_then(Refreshed::carried).map(Into::into),
        })
    }

    /// Rows and bytes so far.
    pub fn loaded(&self) -> (u64, u64) {
        (self.rows, self.bytes)
    }

    /// Attempts after the first, of all tables.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// The tables that failed, if any.
    pub fn failure(&self) -> Option<Error> {
        let failed: Vec<_> = self.failures.iter().map(|(table, _)| table.as_str()).collect();
        tables_failed(&failed, self.tables)
    }

    pub fn verdict(&self) -> Code {
        let well = std::iter::repeat_n(Code::Ok, self.tables - self.failures.len());
        Code::of_all(self.failures.iter().map(|(_, code)| *code).chain(well))
    }

    /// The run has ended, well or not.
    ///
    /// # Errors
    /// Those of the run; the record or the figures cannot be written.
    pub fn end(mut self, result: Result<Code>) -> Result<Code> {
        let outcome = outcome_of(&result);
        let elapsed = self.started.elapsed();
        if result.is_ok() {
            self.summary(elapsed);
        }
        let recorded = self.book.write(&Entry {
            outcome,
            rows: Some(self.rows),
            bytes: Some(self.bytes),
            seconds: elapsed,
            retries: self.retries,
            error: result.as_ref().err().map(ToString::to_string),
            ..Entry::default()
        });
        // The run that is at work will tell its own figures.
        let measured = if outcome == "busy" { Ok(()) } else { self.export(outcome == "ok", elapsed) };
        result.and_then(|code| recorded.and(measured).map(|()| code))
    }

    fn summary(&self, elapsed: Duration) {
        let all = self.tables;
        let failed = self.failures.len();
        let took = human_duration(elapsed);
        if failed == 0 {
            log::info!("{all} of {all} tables refreshed for {} in {took}", self.book.run().day);
            return;
        }
        let names = self.failures.iter().map(|(table, _)| table.as_str()).collect::<Vec<_>>().join(", ");
        let done = all - failed;
        // That other runs hold tables is no problem.
        let overlap = self.failures.iter().all(|(_, code)| *code == Code::Busy);
        let level = if overlap { log::Level::Info } else { log::Level::Error };
        log::log!(
            level,
            "{done} of {all} tables refreshed for {} in {took}; failed: {names}",
            self.book.run().day
        );
    }

    fn export(&mut self, well: bool, elapsed: Duration) -> Result<()> {
        let listed = self.listed.as_deref().map(|tables| SampledTables { kinds: &Asked::KINDS, tables });
        self.figures.write(well, elapsed, listed)
    }
}
