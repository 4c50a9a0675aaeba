//! `[etl]`: how run-replica-etl runs. docs/ETL.md shows one.
use std::path::PathBuf;

use serde::Deserialize;

use super::{Apply, Publish, Shrink};

/// What is done about tables that differ from the source's, before any is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SchemaCheck {
    /// They are not compared: a copy's own refusals tell.
    None,
    /// Differences are warned of.
    #[default]
    Report,
    /// Those that can be mended without loss and without a rewrite are mended, as by `sync-replica-schema --apply-safe`.
    Safe,
}

/// An option on the command line wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Etl {
    /// Streams at once: a stream is one connection to the source and one to the target.
    pub max_workers: Option<usize>,
    /// Days before the day that are replaced with it, since rows come late.
    pub look_back_days: u16,
    /// Whose calendar says what today is; the machine's own without it.
    pub time_zone: Option<String>,
    /// What is read back before each commit: `none`, `count`, `hash`.
    pub verify: Option<String>,
    /// How much smaller tables and days may become.
    pub allow_shrink: Option<Shrink>,
    /// Whether the target's tables are compared with the source's first.
    pub schema: SchemaCheck,
    /// How tables and days are brought in step.
    pub apply: Option<Apply>,
    /// How new rows of tables and days become visible.
    pub publish: Option<Publish>,
    /// Where each run leaves its record.
    pub record_dir: Option<PathBuf>,
    /// What Prometheus' node exporter reads.
    pub prometheus_file: Option<PathBuf>,
}
