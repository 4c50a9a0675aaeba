//! What a tool tells, and where: one place decides, for all tools.
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use log::Level;

use super::subject::telling;
use super::{
    ExplainLine, Format, Out, ProgressBars, Record, RecordValue, Timing, logging, one_line, stdout, text,
};
use crate::error::{Error, Result};

/// What the command line says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reporting {
    /// Of result lines: `--output`.
    pub format: Format,
    /// The first line of TSV names the columns: `--header`.
    pub header: bool,
    /// Nothing but problems: `--quiet`.
    pub quiet: bool,
    /// Of the log: `--log-format`.
    pub log: LogFormat,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line, for those who ship logs.
    Json,
}

impl FromStr for LogFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(Error::usage("it is text or json")),
        }
    }
}

/// Tells what a tool does: result lines on stdout; the log, timing and progress on stderr. Clones are one.
///
/// With `--quiet` it tells of problems alone. That another run holds a table is none: whoever starts runs that may
/// overlap expects it.
#[derive(Clone)]
pub struct Reporter {
    reporting: Reporting,
    progress: ProgressBars,
    /// The columns have been named.
    headed: Arc<AtomicBool>,
    /// Lines for people, who see them sorted at the end: until then the log and the bars tell how it goes.
    lines: Arc<Mutex<Vec<Record>>>,
    /// What went wrong, for whoever is told when the run ends; the first lines of it.
    failures: Arc<Mutex<Vec<Record>>>,
    /// Of the run as a whole.
    timing: Arc<Mutex<Timing>>,
}

/// What the `[TIMING]` line of a whole run is about.
const RUN: &str = "run";

/// Lines that are kept of what went wrong.
const MOST_FAILURES: usize = 100;

impl Reporter {
    /// Sets the log up; call it once, at the start.
    pub fn start(reporting: Reporting) -> Self {
        let progress = if reporting.quiet { ProgressBars::hidden() } else { ProgressBars::on_stderr() };
        logging::init(&progress, if reporting.quiet { "warn" } else { "info" }, reporting.log);
        Self {
            reporting,
            progress,
            headed: Arc::default(),
            lines: Arc::default(),
            failures: Arc::default(),
            timing: Arc::new(Mutex::new(Timing::begin(RUN))),
        }
    }

    /// Of result lines.
    pub fn format(&self) -> Format {
        self.reporting.format
    }

    /// Is nothing but problems wanted?
    pub fn is_quiet(&self) -> bool {
        self.reporting.quiet
    }

    /// Ends a phase of the run, which began when the one before ended: what all tables wait for, and all that is done with
    /// them. Their own phases are on their own lines.
    pub fn phase(&self, name: &'static str) {
        self.timing.lock().unwrap_or_else(PoisonError::into_inner).phase(name);
    }

    /// Adds a phase that was measured elsewhere, after the last one.
    pub(crate) fn spent(&self, name: &'static str, took: Duration) {
        self.timing.lock().unwrap_or_else(PoisonError::into_inner).add(name, took);
    }

    /// The run is over: says how long its phases took, which are all of its time. Nothing where it has none.
    pub(crate) fn tell_timing(&self) {
        let timing = self.timing.lock().unwrap_or_else(PoisonError::into_inner);
        if !timing.phases().is_empty() {
            timing.log();
        }
    }

    /// Bars of what goes on.
    pub fn progress(&self) -> &ProgressBars {
        &self.progress
    }

    /// A line that says that all is well.
    ///
    /// # Errors
    /// Those of stdout: a closed pipe, above all.
    pub fn result(&self, record: &Record) -> io::Result<()> {
        if self.reporting.quiet { Ok(()) } else { self.problem(record) }
    }

    /// A line that says what is wrong.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn problem(&self, record: &Record) -> io::Result<()> {
        let format = self.reporting.format;
        if format == Format::Text {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
            return Ok(());
        }
        self.write(|out| {
            if format == Format::Tsv && self.reporting.header && !self.headed.swap(true, Ordering::Relaxed) {
                writeln!(out, "{}", record.names())?;
            }
            writeln!(out, "{}", record.line(format))
        })
    }

    /// A table or a window has failed, or could not be started: its line, and the error in the log.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn failed(&self, record: &Record, error: &Error) -> io::Result<()> {
        if !error.is_overlap() {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if failures.len() < MOST_FAILURES {
                failures.push(record.clone());
            }
        }
        if self.is_wanted(error) {
            match record.subject() {
                Some(subject) => telling(subject, || log::error!("{error}")),
                None => log::error!("{error}"),
            }
            self.problem(record)?;
        }
        Ok(())
    }

    /// The lines of what has failed since they were last taken, as JSON has them.
    pub(crate) fn take_failures(&self) -> Vec<serde_json::Value> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = std::mem::take(&mut *failures);
        failures.iter().filter_map(|record| serde_json::from_str(&record.line(Format::Json)).ok()).collect()
    }

    /// A table or a window has ended, well or not.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn ended<T>(&self, record: &Record, result: &Result<T>) -> io::Result<()> {
        match result {
            Ok(_) => self.result(record),
            Err(error) => self.failed(record, error),
        }
    }

    /// Is anybody to hear of this error?
    fn is_wanted(&self, error: &Error) -> bool {
        !(self.reporting.quiet && error.is_overlap())
    }

    /// What would be done with a table. Only JSON has the codes.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn explain(&self, table: &str, lines: impl IntoIterator<Item = ExplainLine>) -> io::Result<()> {
        let mut lines: Vec<ExplainLine> = lines.into_iter().collect();
        if self.reporting.quiet {
            lines.retain(ExplainLine::is_problem);
            if lines.is_empty() {
                return Ok(());
            }
        }
        let format = self.reporting.format;
        if format == Format::Text {
            return self.write(|out| {
                writeln!(out, "{table}")?;
                lines
                    .iter()
                    .try_for_each(|line| writeln!(out, "  {:<9} {}", line.topic, one_line(&line.text)))
            });
        }
        lines.into_iter().try_for_each(|ExplainLine { topic, code, text }| {
            let record = Record::new()
                .with("table", RecordValue::Text(table.to_owned()))
                .with("topic", RecordValue::Text(topic.into()))
                .with("text", RecordValue::Text(text));
            self.problem(&record.with_code(format, code))
        })
    }

    /// The run, or a round of it, has ended, well or not: shows people the lines.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn end(&self) -> io::Result<()> {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        let coloured = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        self.write(|out| out.write_all(text::table(&lines, coloured).as_bytes()))
    }

    /// Writes to stdout what is no line: a script, or text for people.
    ///
    /// # Errors
    /// As [`Self::result`].
    pub fn write(&self, write: impl FnOnce(&mut Out) -> io::Result<()>) -> io::Result<()> {
        self.progress.suspended(|| {
            let mut out = stdout();
            write(&mut out)?;
            out.flush()
        })
    }
}

impl LogFormat {
    /// A line on stderr, whatever `RUST_LOG` says.
    pub(crate) fn line(self, level: Level, program: &str, text: &str) {
        let line = match self {
            Self::Text => text.to_owned(),
            Self::Json => logging::json(level, program, text),
        };
        // Nobody is left to be told that nobody listens: a pipe that was closed, a full disk. The exit code is.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}
