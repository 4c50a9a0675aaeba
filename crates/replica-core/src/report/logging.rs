//! The log on stderr: `RUST_LOG` decides what is shown; otherwise the level of the tool's choice.
use std::fmt::Write as _;
use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;

use super::subject::{LogSubject, subject};
use super::{LogFormat, ProgressBars};

/// The target of lines whose form is promised to pipelines: they go out without a prefix.
pub(super) const BARE: &str = "replica_core::timing";

/// Sets the log up, from this level on. Lines are written while `progress` stands aside.
pub(super) fn init(progress: &ProgressBars, level: &str, format: LogFormat) {
    let mut builder = env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(level));
    let wanted = std::env::var(env_logger::DEFAULT_FILTER_ENV).unwrap_or_default();
    // Empty, it would hide all but errors.
    if wanted.trim().is_empty() {
        builder.parse_filters(level);
    }
    // It warns of encryption that it does not do because the link does, and logs errors that come back anyway.
    if !wanted.contains("tiberius") {
        builder.filter_module("tiberius", LevelFilter::Off);
    }
    let logger = builder
        .format(move |out, record| match (format, record.target()) {
            (LogFormat::Json, target) => {
                writeln!(out, "{}", json(record.level(), target, &record.args().to_string()))
            }
            (LogFormat::Text, BARE) => writeln!(out, "{}", record.args()),
            (LogFormat::Text, _) => {
                let time = out.timestamp_seconds();
                let level = record.level();
                let style = out.default_level_style(level);
                writeln!(out, "{time} {style}{level:<5}{style:#} {}", record.args())
            }
        })
        .build();
    let filter = logger.filter();
    // A second call, in a test, finds a log in place; one is as good as the other.
    if log::set_boxed_logger(Box::new(AsideProgress { logger, progress: progress.clone() })).is_ok() {
        log::set_max_level(filter);
    }
}

/// A line as an object, with what the work at hand is about.
pub(super) fn json(level: Level, target: &str, message: &str) -> String {
    json_at(OffsetDateTime::now_utc(), level, target, subject().as_ref(), message)
}

fn json_at(
    time: OffsetDateTime,
    level: Level,
    target: &str,
    subject: Option<&LogSubject>,
    message: &str,
) -> String {
    let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    // It fails for years of more than four digits.
    let time = time.format(form).unwrap_or_default();
    let members = [
        ("time", Some(time.as_str())),
        ("level", Some(level.as_str())),
        ("target", Some(target)),
        ("table", subject.map(|subject| subject.table.as_str())),
        ("window", subject.and_then(|subject| subject.window.as_deref())),
        ("message", Some(message)),
    ];
    let mut line = String::new();
    for (name, value) in members.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        let comma = if line.is_empty() { '{' } else { ',' };
        let _ = write!(line, "{comma}\"{name}\":{}", Value::from(value));
    }
    line + "}"
}

/// A line written over a bar would be torn by the bar's next redraw.
struct AsideProgress {
    logger: env_logger::Logger,
    progress: ProgressBars,
}

impl Log for AsideProgress {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.logger.matches(record) {
            self.progress.suspended(|| self.logger.log(record));
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn an_object_on_one_line() {
        let at = datetime!(2024-01-31 06:00:00.0125 UTC);
        let subject = LogSubject { table: "dbo.\"a\"".into(), window: Some("2024-01".into()) };
        assert_eq!(
            json_at(at, Level::Warn, "replica_core::copy", Some(&subject), "two\nlines"),
            "{\"time\":\"2024-01-31T06:00:00.012Z\",\"level\":\"WARN\",\"target\":\"replica_core::copy\",\
             \"table\":\"dbo.\\\"a\\\"\",\"window\":\"2024-01\",\"message\":\"two\\nlines\"}"
        );
        let line = json_at(at, Level::Info, "t", None, "m");
        assert!(!line.contains("table") && !line.contains("window"), "{line}");
    }
}
