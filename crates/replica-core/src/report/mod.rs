//! What the tools tell people and pipelines: result lines on stdout; logs, timing and progress on stderr.
mod duration;
pub mod figures;
mod logging;
pub mod metrics;
mod one_line;
mod out;
mod outcome;
pub mod output;
mod progress;
mod record;
mod reporting;
pub mod run_log;
mod subject;
mod text;
mod timing;

pub use duration::{human_bytes, human_count, human_duration, number_of};
pub use one_line::one_line;
pub use out::{Out, stdout};
pub use outcome::{ExplainLine, carried, failed, outcome, skipped, tables_failed};
pub use progress::{Bar, ProgressBars};
pub use record::{Format, Record, RecordValue};
pub use reporting::{LogFormat, Reporter, Reporting};
pub use subject::about;
pub use timing::{CATALOG, CONNECT, LOST, Timing};
