//! How a run goes: a line on stdout, an entry in its record, figures for Prometheus, and the exit code.
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use replica_core::config::Config;
use replica_core::error::{Error, Kind, Result};
use replica_core::exit::Code;
use replica_core::report::{Format, Record, Value, human_duration};

use crate::args::Options;
use crate::metrics::{self, Metric, Sample};
use crate::record::{Book, Entry};
use crate::refresh::Done;
use crate::steps::Step;

pub struct Tally {
    format: Format,
    quiet: bool,
    book: Book,
    prometheus: Option<PathBuf>,
    /// Every table of the configuration, as the figures name them.
    listed: Vec<String>,
    started: Instant,
    rows: u64,
    bytes: u64,
    retries: u32,
    tables: usize,
    failures: Vec<(String, Code)>,
    samples: Vec<Sample>,
}

impl Tally {
    pub fn new(options: &Options, config: &Config, book: Book) -> Self {
        let listed = config.reference_tables.iter().chain(&config.date_tables);
        let listed = listed.filter_map(|name| name.parse::<replica_core::catalog::TableName>().ok());
        Self {
            format: options.format,
            quiet: options.quiet,
            book,
            prometheus: options.prometheus.clone().or_else(|| config.etl.prometheus_file.clone()),
            listed: listed.map(|name| name.to_string()).collect(),
            started: Instant::now(),
            rows: 0,
            bytes: 0,
            retries: 0,
            tables: 0,
            failures: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// A step has ended, well or not.
    ///
    /// # Errors
    /// Nobody can be told: stdout or the record cannot be written.
    pub fn add(&mut self, step: &Step, done: Vec<Done>) -> Result<()> {
        let table = step.table.to_string();
        self.tables += 1;
        let failures = done.iter().filter_map(|part| part.result.as_ref().err()).map(Error::exit_code);
        let failures: Vec<Code> = failures.collect();
        if let Some(failed) = Some(Code::of_failures(failures)).filter(|code| *code != Code::Ok) {
            self.failures.push((table.clone(), failed));
        }
        self.measure(&table, &done);
        for part in &done {
            self.tell(&table, part)?;
        }
        Ok(())
    }

    fn measure(&mut self, table: &str, done: &[Done]) {
        let copied = || done.iter().filter_map(|part| part.result.as_ref().ok());
        let well = copied().count() == done.len();
        let rows: u64 = copied().map(|copied| copied.fingerprint.rows).sum();
        let retries: u32 = done.iter().map(|part| part.retries).sum();
        let seconds: Duration = done.iter().map(|part| part.elapsed).sum();
        self.rows += rows;
        self.bytes += copied().map(|copied| copied.bytes).sum::<u64>();
        self.retries += retries;
        let mut sample = |metric, value| {
            let kind = self.book.run().kind;
            self.samples.push(Sample { metric, kind, table: Some(table.to_owned()), value });
        };
        sample(Metric::TableSuccess, f64::from(u8::from(well)));
        sample(Metric::TableSeconds, seconds.as_secs_f64());
        sample(Metric::TableRetries, retries.into());
        if well {
            sample(Metric::TableLastSuccess, now());
            sample(Metric::TableRows, rows as f64);
        }
    }

    fn tell(&mut self, table: &str, part: &Done) -> Result<()> {
        if let Err(error) = &part.result {
            log::error!("{error}");
        }
        if part.result.is_err() || !self.quiet {
            line(table, part).write(self.format, io::stdout().lock())?;
        }
        let copied = part.result.as_ref().ok();
        self.book.write(&Entry {
            table: Some(table.to_owned()),
            window: part.window.clone(),
            outcome: if copied.is_some() { "ok" } else { "failed" },
            rows: copied.map(|copied| copied.fingerprint.rows),
            bytes: copied.map(|copied| copied.bytes),
            seconds: part.elapsed,
            phases: copied.map(|copied| copied.phases.clone()).unwrap_or_default(),
            retries: part.retries,
            hash: copied.map(|copied| copied.fingerprint.to_string()),
            error: part.result.as_ref().err().map(ToString::to_string),
        })
    }

    pub fn verdict(&self) -> Code {
        Code::of_failures(self.failures.iter().map(|(_, code)| *code))
    }

    /// The run has ended, well or not.
    ///
    /// # Errors
    /// Those of the run; the record or the figures cannot be written.
    pub fn end(mut self, result: Result<Code>) -> Result<Code> {
        let outcome = match &result {
            Ok(Code::Ok) => "ok",
            Ok(_) => "failed",
            Err(error) => match error.kind() {
                Kind::Busy => "busy",
                Kind::Interrupted => "interrupted",
                Kind::Terminated => "terminated",
                _ => "failed",
            },
        };
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
        let (all, failed, took) = (self.tables, self.failures.len(), human_duration(elapsed));
        if failed == 0 {
            log::info!("{all} of {all} tables refreshed for {} in {took}", self.book.run().day);
            return;
        }
        let names = self.failures.iter().map(|(table, _)| table.as_str()).collect::<Vec<_>>().join(", ");
        let done = all - failed;
        log::error!(
            "{done} of {all} tables refreshed for {} in {took}; failed: {names}",
            self.book.run().day
        );
    }

    fn export(&mut self, well: bool, elapsed: Duration) -> Result<()> {
        let Some(file) = &self.prometheus else { return Ok(()) };
        let kind = self.book.run().kind;
        for (metric, value) in [
            (Metric::RunSuccess, f64::from(u8::from(well))),
            (Metric::RunEnd, now()),
            (Metric::RunSeconds, elapsed.as_secs_f64()),
        ] {
            self.samples.push(Sample { metric, kind, table: None, value });
        }
        metrics::write(file, &self.samples, &self.listed)
    }
}

/// Seconds since 1970, as Prometheus counts time.
fn now() -> f64 {
    Timestamp::now().as_second() as f64
}

fn line(table: &str, part: &Done) -> Record {
    let window = part.window.clone().map_or(Value::Missing, Value::Text);
    let record = Record::new().with("table", Value::Text(table.to_owned())).with("window", window);
    match &part.result {
        Ok(copied) => {
            let rows = copied.fingerprint.rows;
            record
                .with("outcome", Value::Text("ok".into()))
                .with("rows", Value::Count(rows))
                .with("bytes", Value::Bytes(copied.bytes))
                .with("seconds", Value::Seconds(part.elapsed))
                .with("rows_per_s", Value::Rate(rows as f64 / part.elapsed.as_secs_f64()))
                .with("hash", Value::Hash(copied.fingerprint.hash))
                .with("error", Value::Missing)
        }
        Err(error) => record
            .with("outcome", Value::Text("failed".into()))
            .with("rows", Value::Missing)
            .with("bytes", Value::Missing)
            .with("seconds", Value::Seconds(part.elapsed))
            .with("rows_per_s", Value::Missing)
            .with("hash", Value::Missing)
            .with("error", Value::Text(error.to_string())),
    }
}
