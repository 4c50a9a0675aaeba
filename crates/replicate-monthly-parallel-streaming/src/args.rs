//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{self, Selection, Tool};
use replica_core::config::Allowance;
use replica_core::copy::Verify;
use replica_core::copy::windows::IndexScope;
use replica_core::error::{Error, Result};
use replica_core::exit::Code;
use replica_core::ledger::ResumeMode;
use replica_core::report::Format;
use replica_core::shape::Tablock;
use replica_core::window::{Range, Unit};

use crate::run;

/// Replaces the months (or weeks, or days) of a date-based table by the source's, several at once. Every window is
/// deleted and loaded again, so that a run can be repeated; a ledger in the target says which are complete.
#[derive(FromArgs, ArgsInfo, Debug, Default)]
#[argh(
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run holds this table; 130/143 stopped by a signal, after cleaning up."
)]
pub struct Args {
    /// table as name, schema.name or [schema].[name]; - reads names from stdin, one a line
    #[argh(positional, arg_name = "TABLE")]
    tables: Vec<String>,
    /// the first day, as 2024-01-31
    #[argh(option, arg_name = "day")]
    start_date: Option<String>,
    /// the last day, included
    #[argh(option, arg_name = "day")]
    end_date: Option<String>,
    /// the column that windows are cut by (default: date_filter_columns in replica.toml, or the only one with dates)
    #[argh(option, arg_name = "column")]
    date_column: Option<String>,
    /// month, week (from Monday) or day (default month)
    #[argh(option, arg_name = "unit")]
    window: Option<String>,
    /// windows at once, largest first (default 2)
    #[argh(option, arg_name = "n")]
    max_workers: Option<usize>,
    /// rows in one bulk message (default: by the target's shape)
    #[argh(option, arg_name = "rows")]
    chunk_size: Option<u64>,
    /// rows in one transaction (default: by the target's shape)
    #[argh(option, arg_name = "rows")]
    commit_interval: Option<u64>,
    /// skip windows that are complete in the ledger, were loaded in the same way, and whose rows are still there (by their
    /// number; with --verify hash, all of them)
    #[argh(switch)]
    resume: bool,
    /// forget what the ledger says of this table
    #[argh(switch)]
    restart: bool,
    /// divide the windows among all hosts that are started with the same command
    #[argh(switch)]
    shared: bool,
    /// do not disable any index
    #[argh(switch)]
    keep_indexes: bool,
    /// disable indexes once a run, or once a month with one worker: run or month (default run)
    #[argh(option, arg_name = "scope")]
    index_scope: Option<String>,
    /// rebuild the indexes that a run which crashed has left disabled, and do nothing else
    #[argh(switch)]
    repair_indexes: bool,
    /// lock the table for each load: auto, always or never (default auto: where loads can share the lock)
    #[argh(option, arg_name = "when")]
    tablock: Option<String>,
    /// attempts after the first, of each window (default 5)
    #[argh(option, arg_name = "n")]
    max_retries: Option<u32>,
    /// say what would be done, and do nothing
    #[argh(switch)]
    explain: bool,
    /// the same as --explain
    #[argh(switch)]
    dry_run: bool,
    /// look for values that would not fit before anything is written
    #[argh(switch)]
    preflight: bool,
    /// re-read each window after its commit: none, count or hash (default none)
    #[argh(option, arg_name = "what")]
    verify: Option<String>,
    /// leave out source columns that the target lacks
    #[argh(switch)]
    ignore_extra_columns: bool,
    /// fill target columns that the source lacks with NULL or their default, whatever they hold
    #[argh(switch)]
    fill_missing_columns: bool,
    /// let windows become smaller, by any share of rows or by so many percent (default 50, and never to none)
    #[argh(option, arg_name = "[percent]")]
    allow_shrink: Option<String>,
    /// both logins see all rows, whatever security policies there are
    #[argh(switch)]
    allow_row_filters: bool,
    /// check the target's constraints while loading, and keep them trusted
    #[argh(switch)]
    check_constraints: bool,
    /// let the target's triggers fire
    #[argh(switch)]
    fire_triggers: bool,
    /// read this file instead of replica.toml in the current folder
    #[argh(option, arg_name = "file")]
    config: Option<PathBuf>,
    /// result lines on stdout: text (default on a terminal), tsv (default in a pipe) or json
    #[argh(option, arg_name = "format")]
    output: Option<String>,
    /// print the version
    #[argh(switch)]
    #[expect(dead_code, reason = "answered before the rest is looked at")]
    version: bool,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    /// `None`: only to repair indexes.
    pub range: Option<Range>,
    pub unit: Unit,
    pub date_column: Option<String>,
    pub max_workers: usize,
    pub chunk_size: Option<u64>,
    pub commit_interval: Option<u64>,
    pub resume: ResumeMode,
    pub shared: bool,
    pub keep_indexes: bool,
    pub index_scope: IndexScope,
    pub tablock: Tablock,
    pub max_retries: u32,
    pub explain: bool,
    pub preflight: bool,
    pub verify: Verify,
    pub ignore_extra_columns: bool,
    pub allowance: Allowance,
    pub check_constraints: bool,
    pub fire_triggers: bool,
    pub config: Option<PathBuf>,
    pub format: Format,
}

/// Two writers keep source and target busy; more contend on one rowstore (docs/LOADING.md, "Sizes of messages and
/// transactions").
const DEFAULT_WORKERS: usize = 2;
const DEFAULT_RETRIES: u32 = 5;
const MOST_RETRIES: u32 = 100;

impl Tool for Args {
    const NAME: &'static str = "replicate-monthly-parallel-streaming";
    const OLD_NAMES: &'static [&'static str] = &["replicate_monthly_parallel"];
    type Options = Options;

    fn resolve(self, stdin: bool) -> Result<Options> {
        let range = match Range::typed(self.start_date.as_deref(), self.end_date.as_deref())? {
            None if !self.repair_indexes => {
                return Err(Error::usage("no dates are given").remedy(
                    "Say --start-date 2024-01-01 --end-date 2024-12-31, or copy the whole table with replicate-reference-tables",
                ));
            }
            range => range.filter(|_| !self.repair_indexes),
        };
        let index_scope = match self.index_scope.as_deref() {
            None | Some("run") => IndexScope::Run,
            Some("month") => IndexScope::Window,
            Some(other) => {
                return Err(
                    Error::usage(format!("--index-scope {other} is unknown")).remedy("It is run or month")
                );
            }
        };
        let max_workers = cli::workers(self.max_workers, DEFAULT_WORKERS)?;
        let (one_worker, not_alone) = (max_workers == 1, self.shared);
        if index_scope == IndexScope::Window && (not_alone || !one_worker && self.max_workers.is_some()) {
            return Err(Error::usage(
                "--index-scope month works on the whole table around each month, so only one worker can",
            )
            .remedy("Say --max-workers 1 without --shared, or leave --index-scope out"));
        }
        let selection = Selection { named: self.tables, stdin, all: false };
        Ok(Options {
            selection: selection.required("Name a table, or - to read names from stdin")?,
            range,
            unit: self.window.as_deref().map_or(Ok(Unit::default()), str::parse)?,
            date_column: self.date_column,
            max_workers: if index_scope == IndexScope::Window { 1 } else { max_workers },
            chunk_size: cli::at_least_one_row("--chunk-size", self.chunk_size)?,
            commit_interval: cli::at_least_one_row("--commit-interval", self.commit_interval)?,
            resume: match (self.resume, self.restart) {
                (true, true) => {
                    return Err(Error::usage("--resume and --restart exclude each other"));
                }
                (true, false) => ResumeMode::Resume,
                (false, true) => ResumeMode::Restart,
                (false, false) => ResumeMode::Replace,
            },
            shared: self.shared,
            keep_indexes: self.keep_indexes,
            index_scope,
            tablock: match self.tablock.as_deref() {
                None | Some("auto") => Tablock::Auto,
                Some("always") => Tablock::Always,
                Some("never") => Tablock::Never,
                Some(other) => {
                    return Err(Error::usage(format!("--tablock {other} is unknown"))
                        .remedy("It is auto, always or never"));
                }
            },
            max_retries: self.max_retries.unwrap_or(DEFAULT_RETRIES).min(MOST_RETRIES),
            explain: self.explain || self.dry_run,
            preflight: self.preflight,
            verify: cli::verify(self.verify.as_deref())?,
            ignore_extra_columns: self.ignore_extra_columns,
            allowance: Allowance {
                fill_missing_columns: self.fill_missing_columns,
                shrink: cli::shrink(self.allow_shrink.as_deref())?,
                row_filters: self.allow_row_filters,
            },
            check_constraints: self.check_constraints,
            fire_triggers: self.fire_triggers,
            config: self.config,
            format: cli::format(self.output.as_deref())?,
        })
    }

    fn run(options: Options) -> Result<Code> {
        run::run(&options)
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn the_old_command_line() {
        let o = options::<Args>("APP_4_SALES --start-date 2024-01-01 --end-date=2024-12-31 --max-workers=4");
        assert_eq!((o.selection.named.as_slice(), o.max_workers), (&["APP_4_SALES".to_owned()][..], 4));
        assert_eq!(o.range.unwrap().windows(o.unit).unwrap().len(), 12);
        assert_eq!(
            (o.resume, o.tablock, o.index_scope),
            (ResumeMode::Replace, Tablock::Auto, IndexScope::Run)
        );
        assert_eq!(o.max_retries, 5);
    }

    #[test]
    fn dates_are_needed_but_to_repair_indexes() {
        assert!(refusal::<Args>("t").contains("--start-date"));
        assert_eq!(options::<Args>("t --repair-indexes").range, None);
        refusal::<Args>("--start-date 2024-01-01 --end-date 2024-01-02");
    }

    #[test]
    fn months_of_index_work_are_for_one_worker() {
        let line = "t --start-date 2024-01-01 --end-date 2024-01-02 --index-scope month";
        let o = options::<Args>(line);
        assert_eq!((o.index_scope, o.max_workers), (IndexScope::Window, 1));
        refusal::<Args>(&format!("{line} --max-workers 2"));
        refusal::<Args>(&format!("{line} --shared"));
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for words in [
            "--window year",
            "--tablock maybe",
            "--index-scope week",
            "--resume --restart",
            "--max-workers 0",
            "--chunk-size 0",
            "--commit-interval 0",
            "--verify all",
            "--output xml",
        ] {
            refusal::<Args>(&format!("t --start-date 2024-01-01 --end-date 2024-01-02 {words}"));
        }
    }
}
