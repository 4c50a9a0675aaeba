//! One line on stdout for each table, window or finding.
use std::io::{self, IsTerminal};
use std::str::FromStr;
use std::time::Duration;

use super::one_line::one_line;
use super::subject::LogSubject;
use crate::error::Error;
use crate::window::Window;

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// Values in a fixed order, separated by tabs, for `cut` and `awk`.
    Tsv,
    /// One object a line.
    Json,
}

impl Format {
    /// The default: text on a terminal, TSV in a pipe.
    pub fn for_stdout() -> Self {
        if io::stdout().is_terminal() { Self::Text } else { Self::Tsv }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "text" => Ok(Self::Text),
            "tsv" => Ok(Self::Tsv),
            "json" => Ok(Self::Json),
            _ => Err(Error::usage("it is text, tsv or json")),
        }
    }
}

/// A value, by what it is a measure of.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordValue {
    /// Anything else; control characters are escaped where it is shown.
    Text(String),
    /// A number of things: people read it with thousands apart.
    Count(u64),
    /// People read it in kB, MB and so on.
    Bytes(u64),
    /// Programs read seconds with a fraction, people hours and minutes.
    Seconds(Duration),
    /// Per second. Infinite or undefined, as when no time passed, it shows as missing.
    Rate(f64),
    /// A row hash summed over a table or window.
    Hash(u128),
    /// A number that tells one from another, and is no measure.
    Number(i64),
    /// Not known, or not asked for.
    Missing,
}

/// A line: named values in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    values: Vec<(&'static str, RecordValue)>,
    details: Vec<String>,
    ordered: bool,
    /// The place of its range of keys among the others, which its name does not tell.
    number: Option<u32>,
}

impl Record {
    /// An empty line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value.
    pub fn with(mut self, name: &'static str, value: RecordValue) -> Self {
        let value = match value {
            RecordValue::Rate(rate) if !rate.is_finite() => RecordValue::Missing,
            value => value,
        };
        self.values.push((name, value));
        self
    }

    /// Adds the window that the line is about. People see ranges of a key in the order of the key.
    pub fn with_window(self, window: Option<&Window>) -> Self {
        let number = window.and_then(Window::keys).map(|range| range.number);
        let name = window.map_or(RecordValue::Missing, |window| RecordValue::Text(window.to_string()));
        Self { number, ..self.with("window", name) }
    }

    /// Adds lines that people see below it.
    pub fn with_details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Its place among the others means something: people see it where it was written, before those that are sorted.
    pub fn in_order(self) -> Self {
        Self { ordered: true, ..self }
    }

    /// Adds what programs tell a sentence of `--explain` by. JSON alone has it.
    pub fn with_code(self, format: Format, code: Option<&'static str>) -> Self {
        match format {
            Format::Json => {
                self.with("code", code.map_or(RecordValue::Missing, |code| RecordValue::Text(code.into())))
            }
            Format::Text | Format::Tsv => self,
        }
    }

    /// The table and the window that the line is about, if it is about one.
    pub(super) fn subject(&self) -> Option<LogSubject> {
        let text = |wanted: &str| {
            self.value(wanted).and_then(|value| match value {
                RecordValue::Text(text) => Some(text.clone()),
                _ => None,
            })
        };
        Some(LogSubject { table: text("table")?, window: text("window") })
    }

    /// By name, in their order.
    pub(super) fn values(&self) -> impl Iterator<Item = &(&'static str, RecordValue)> {
        self.values.iter()
    }

    pub(super) fn value(&self, wanted: &str) -> Option<&RecordValue> {
        self.values.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value)
    }

    pub(super) fn details(&self) -> impl Iterator<Item = &String> {
        self.details.iter()
    }

    /// What people find it by, among those that are sorted.
    pub(super) fn place(&self) -> Option<(String, Option<u32>, Option<String>)> {
        let subject = self.subject().filter(|_| !self.ordered)?;
        Some((subject.table, self.number, subject.window))
    }

    /// The values' names as a line of TSV.
    pub(super) fn names(&self) -> String {
        self.values.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("\t")
    }

    /// The line as programs read it.
    pub(super) fn line(&self, format: Format) -> String {
        match format {
            Format::Tsv | Format::Text => {
                self.values.iter().map(|(_, value)| tsv(value)).collect::<Vec<_>>().join("\t")
            }
            Format::Json => {
                let members = self.values.iter().map(|(name, value)| format!("\"{name}\":{}", json(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn tsv(value: &RecordValue) -> String {
    match value {
        RecordValue::Text(text) => one_line(text),
        RecordValue::Count(number) | RecordValue::Bytes(number) => number.to_string(),
        RecordValue::Number(number) => number.to_string(),
        RecordValue::Seconds(duration) => format!("{:.3}", duration.as_secs_f64()),
        RecordValue::Rate(rate) => format!("{rate:.0}"),
        RecordValue::Hash(hash) => format!("{hash:032x}"),
        RecordValue::Missing => String::new(),
    }
}

fn json(value: &RecordValue) -> String {
    match value {
        RecordValue::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
        RecordValue::Hash(_) => format!("\"{}\"", tsv(value)),
        RecordValue::Missing => "null".to_owned(),
        RecordValue::Count(_)
        | RecordValue::Bytes(_)
        | RecordValue::Number(_)
        | RecordValue::Seconds(_)
        | RecordValue::Rate(_) => tsv(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_programs() {
        let record = Record::new()
            .with("table", RecordValue::Text("dbo.A\tB\"".into()))
            .with("status", RecordValue::Text("ok".into()))
            .with("rows", RecordValue::Count(336_776))
            .with("bytes", RecordValue::Bytes(36_100_000))
            .with("seconds", RecordValue::Seconds(Duration::from_millis(1_300)))
            .with("rows_per_s", RecordValue::Rate(259_058.4))
            .with("hash", RecordValue::Hash(0xAB))
            .with("error", RecordValue::Missing);
        let hash = "000000000000000000000000000000ab";
        assert_eq!(
            record.line(Format::Tsv),
            format!("dbo.A B\"\tok\t336776\t36100000\t1.300\t259058\t{hash}\t")
        );
        assert_eq!(
            record.line(Format::Json),
            format!(
                "{{\"table\":\"dbo.A\\tB\\\"\",\"status\":\"ok\",\"rows\":336776,\"bytes\":36100000,\
                 \"seconds\":1.300,\"rows_per_s\":259058,\"hash\":\"{hash}\",\"error\":null}}"
            )
        );
    }

    #[test]
    fn formats_have_names() {
        assert_eq!("json".parse::<Format>().unwrap(), Format::Json);
        assert!("xml".parse::<Format>().unwrap_err().to_string().contains("text, tsv or json"));
    }
}
