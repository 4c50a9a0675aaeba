//! The log on stderr: `RUST_LOG` decides what is shown; otherwise `info`, or the level of the tool's choice.
use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

use super::ProgressBars;

/// The target of lines whose form is promised to pipelines: they go out without a prefix.
pub(super) const BARE: &str = "replica_core::timing";

/// Sets the log up; call it once, at the start. Lines are written while `progress` stands aside.
pub fn init(progress: &ProgressBars) {
    init_from(progress, "info");
}

/// As [`init`], from this level on.
pub fn init_from(progress: &ProgressBars, level: &str) {
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
        .format(|out, record| match record.target() {
            BARE => writeln!(out, "{}", record.args()),
            _ => {
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
