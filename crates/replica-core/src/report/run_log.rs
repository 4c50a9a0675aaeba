//! The record of each run: a line of JSON for each table or day of a table, and one for the run.
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;

use super::output;
use crate::copy::changes::AppliedChanges;
use crate::error::{Error, Kind, Result};
use crate::exit::Code;

/// A file of lines, one file for the days on which runs begin (UTC). Without a folder it goes nowhere.
pub struct RunLog {
    file: Option<File>,
    run: RunHeader,
}

/// What every line says of its run.
#[derive(Clone, Debug, Serialize)]
pub struct RunHeader {
    /// When it began, in UTC, which is its name, too.
    pub run: String,
    /// `t0`, `t1`, `as-of` of run-replica-etl, `changes` of replicate-changes.
    pub kind: &'static str,
    /// The day that it is for.
    pub day: String,
}

/// One line, beside what is known of the run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Entry {
    /// `null`: the run as a whole.
    pub table: Option<String>,
    /// `null`: the whole table.
    pub window: Option<String>,
    /// `ok`, `failed`; of a run also `busy`, `interrupted`, `terminated`.
    pub outcome: &'static str,
    /// Rows that were loaded, or written.
    pub rows: Option<u64>,
    /// As the source sent them.
    pub bytes: Option<u64>,
    /// How long it took.
    #[serde(serialize_with = "seconds")]
    pub seconds: Duration,
    /// What of that went where, by the names of `[TIMING]`.
    #[serde(serialize_with = "phases")]
    pub phases: Vec<(&'static str, Duration)>,
    /// Attempts after the first.
    pub retries: u32,
    /// Of all rows that were loaded.
    pub hash: Option<String>,
    /// What went wrong.
    pub error: Option<String>,
    /// Where changes were carried over: which, and up to which version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangesEntry>,
}

/// What was carried over to a table.
#[derive(Clone, Debug, Serialize)]
pub struct ChangesEntry {
    came: String,
    method: &'static str,
    inserted: u64,
    updated: u64,
    deleted: u64,
    version: i64,
    as_of: String,
    #[serde(serialize_with = "seconds")]
    lag: Duration,
    deletes_sought: bool,
}

impl From<&AppliedChanges> for ChangesEntry {
    fn from(applied: &AppliedChanges) -> Self {
        Self {
            came: applied.came.to_string(),
            method: applied.method.name(),
            inserted: applied.written.inserted,
            updated: applied.written.updated,
            deleted: applied.written.deleted,
            version: applied.version,
            as_of: applied.as_of.clone(),
            lag: applied.lag,
            deletes_sought: applied.deletes,
        }
    }
}

/// How a run ended, as its entry names it.
pub fn outcome_of(result: &Result<Code>) -> &'static str {
    match result {
        Ok(Code::Ok) => "ok",
        Ok(_) => "failed",
        Err(error) => match error.kind() {
            Kind::Busy => "busy",
            Kind::Interrupted => "interrupted",
            Kind::Terminated => "terminated",
            _ => "failed",
        },
    }
}

#[derive(Serialize)]
struct RunLogLine<'a> {
    #[serde(flatten)]
    run: &'a RunHeader,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Milliseconds are as fine as anybody wants it.
fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*duration))
}

fn phases<S: Serializer>(phases: &[(&str, Duration)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(phases.iter().map(|(name, took)| (name, rounded(*took))))
}

fn rounded(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

impl RunHeader {
    /// A run that begins now; it is for this day, or for today in UTC.
    pub fn begin(kind: &'static str, day: Option<time::Date>) -> Self {
        let now = OffsetDateTime::now_utc();
        let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let run = now.format(form).unwrap_or_default();
        Self { run, kind, day: day.unwrap_or(now.date()).to_string() }
    }
}

impl RunLog {
    /// Opens the file of the run's day in the folder.
    ///
    /// # Errors
    /// Of kind `Usage`: the folder cannot be made or written to.
    pub fn open(folder: Option<&Path>, run: RunHeader) -> Result<Self> {
        let file = match folder {
            Some(folder) => {
                let date = run.run.split('T').next().unwrap_or_default();
                let path = folder.join(format!("replica-{date}.jsonl"));
                let file = std::fs::create_dir_all(folder).and_then(|()| output::append(&path));
                Some(file.map_err(|error| {
                    Error::usage(format!("record_dir of [etl]: {}: {error}", path.display()))
                })?)
            }
            None => None,
        };
        Ok(Self { file, run })
    }

    /// The run whose record it is.
    pub fn run(&self) -> &RunHeader {
        &self.run
    }

    /// Writes a line, in one go: whoever follows the file sees whole lines.
    ///
    /// # Errors
    /// The file system's.
    pub fn write(&mut self, entry: &Entry) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = serde_json::to_string(&RunLogLine { run: &self.run, entry });
        let line = line.map_err(|error| Error::io(error.to_string()))?;
        file.write_all(format!("{line}\n").as_bytes())
            .map_err(|error| Error::io(format!("the run's record: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn a_line_is_an_object_with_everything() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunHeader {
            run: "2024-03-02T05:15:00Z".into(),
            kind: "t1",
            day: date!(2024 - 03 - 01).to_string(),
        };
        let mut book = RunLog::open(Some(&folder.path().join("runs")), run.clone()).unwrap();
        let entry = Entry {
            table: Some("dbo.\"t".into()),
            window: Some("2024-03-01".into()),
            outcome: "ok",
            rows: Some(7),
            bytes: Some(70),
            seconds: Duration::from_micros(1_234_567),
            phases: vec![("DELETE", Duration::from_millis(200)), ("INSERT", Duration::from_secs(1))],
            retries: 1,
            hash: Some("00ff".into()),
            error: None,
            changes: None,
        };
        book.write(&entry).unwrap();
        // Another run of the same day goes on in the same file.
        let mut later = RunLog::open(Some(&folder.path().join("runs")), run).unwrap();
        later.write(&Entry { outcome: "failed", error: Some("no".into()), ..Entry::default() }).unwrap();
        let text = std::fs::read_to_string(folder.path().join("runs/replica-2024-03-02.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            lines,
            [
                serde_json::json!({
                    "run": "2024-03-02T05:15:00Z", "kind": "t1", "day": "2024-03-01", "table": "dbo.\"t",
                    "window": "2024-03-01", "outcome": "ok", "rows": 7, "bytes": 70, "seconds": 1.234,
                    "phases": {"DELETE": 0.2, "INSERT": 1.0}, "retries": 1, "hash": "00ff", "error": null
                }),
                serde_json::json!({
                    "run": "2024-03-02T05:15:00Z", "kind": "t1", "day": "2024-03-01", "table": null,
                    "window": null, "outcome": "failed", "rows": null, "bytes": null, "seconds": 0.0,
                    "phases": {}, "retries": 0, "hash": null, "error": "no"
                }),
            ]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_is_told_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RunLog::open(Some(&file.join("runs")), RunHeader::begin("t0", None)).err().unwrap();
        assert_eq!(error.exit_code().number(), 2);
        assert!(error.to_string().contains("record_dir"), "{error}");
        RunLog::open(None, RunHeader::begin("t0", None)).unwrap().write(&Entry::default()).unwrap();
    }
}
