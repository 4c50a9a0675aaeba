//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{self, Selection, Tool};
use replica_core::config::Allowance;
use replica_core::error::{Error, Result};
use replica_core::exit::Code;
use replica_core::report::Format;
use replica_core::verify::AsOf;
use replica_core::window::{Range, Unit, Window};

use crate::run;

/// Compares tables of the target with the source's, every byte of every row, and says which rows differ.
/// Writes nothing without --repair.
#[derive(FromArgs, ArgsInfo, Debug, Default)]
#[argh(
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 equal; 1 different, or something failed; 2 bad usage or configuration;
  3 cannot connect or log in; 130/143 stopped by a signal."
)]
pub struct Args {
    /// tables as name, schema.name or [schema].[name]; - reads names from stdin, one a line
    #[argh(positional, arg_name = "TABLE")]
    tables: Vec<String>,
    /// the tables that the configuration lists (reference_tables)
    #[argh(switch)]
    all: bool,
    /// first day to compare (default: whole tables)
    #[argh(option, arg_name = "day")]
    start_date: Option<String>,
    /// last day to compare
    #[argh(option, arg_name = "day")]
    end_date: Option<String>,
    /// length of a window: month, week or day (default month)
    #[argh(option, arg_name = "unit")]
    window: Option<String>,
    /// the column that windows are cut by (default: that of the configuration, or the only one with dates)
    #[argh(option, arg_name = "column")]
    date_column: Option<String>,
    /// windows at once, each on a connection to either side (default 2)
    #[argh(option, arg_name = "n")]
    max_workers: Option<usize>,
    /// read no faster than this, all connections together
    #[argh(option, arg_name = "mb")]
    max_mb_per_second: Option<f64>,
    /// print so many rows of each window that differ: key, columns, both values (default 0)
    #[argh(option, arg_name = "n", default = "0")]
    show_rows: usize,
    /// when the copy was made, as [COLUMN=]VALUE: rows of the source with a later time, or a greater rowversion, count as
    /// newer, not as different
    #[argh(option, arg_name = "as-of")]
    as_of: Option<String>,
    /// compare the target with the hashes that the copy has recorded in its ledger, without reading the source's rows
    #[argh(switch)]
    against_ledger: bool,
    /// load the windows that differ again, as the monthly copy does (whole tables in one transaction), and compare
    /// them once more
    #[argh(switch)]
    repair: bool,
    /// also write an HTML page: a calendar of the windows, the rows that differ, the last runs
    #[argh(option, arg_name = "file")]
    report: Option<PathBuf>,
    /// leave out source columns that the target lacks
    #[argh(switch)]
    ignore_extra_columns: bool,
    /// columns that one side alone has count as a difference
    #[argh(switch)]
    strict_columns: bool,
    /// with --repair: fill target columns that the source lacks with NULL or their default, whatever they hold
    #[argh(switch)]
    fill_missing_columns: bool,
    /// with --repair: let tables and windows become smaller, by any share of rows or by so many percent (default 50, and
    /// never to none)
    #[argh(option, arg_name = "[percent]")]
    allow_shrink: Option<String>,
    /// both logins see all rows, whatever security policies there are
    #[argh(switch)]
    allow_row_filters: bool,
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
    /// `None`: whole tables.
    pub windows: Option<Vec<Window>>,
    pub date_column: Option<String>,
    pub max_workers: usize,
    pub bytes_per_second: Option<u64>,
    pub show_rows: usize,
    pub as_of: Option<AsOf>,
    pub against_ledger: bool,
    pub repair: bool,
    pub report: Option<PathBuf>,
    pub ignore_extra_columns: bool,
    pub strict_columns: bool,
    pub allowance: Allowance,
    pub config: Option<PathBuf>,
    pub format: Format,
}

impl Options {
    /// Rows that differ to keep of each window.
    pub fn kept_rows(&self) -> usize {
        let reported = if self.report.is_some() { REPORTED_ROWS } else { 0 };
        self.show_rows.max(reported)
    }
}

/// Each reads both sides.
const DEFAULT_WORKERS: usize = 2;
/// Rows that differ that a report has of each window, at least.
const REPORTED_ROWS: usize = 100;
/// Rows that differ are kept until their window is done.
const MOST_SHOWN: usize = 10_000;

impl Tool for Args {
    const NAME: &'static str = "verify-replica";
    type Options = Options;

    fn resolve(self, stdin: bool) -> Result<Options> {
        let selection = Selection { named: self.tables, stdin, all: self.all };
        let range = Range::typed(self.start_date.as_deref(), self.end_date.as_deref())?;
        let unit = self.window.as_deref().map(str::parse::<Unit>).transpose()?;
        if range.is_none() && unit.is_some() {
            return Err(Error::usage("--window needs --start-date and --end-date"));
        }
        if self.show_rows > MOST_SHOWN {
            return Err(Error::usage(format!("--show-rows is a number of rows, at most {MOST_SHOWN}")));
        }
        if self.against_ledger && (self.show_rows > 0 || self.as_of.is_some()) {
            return Err(Error::usage("--against-ledger goes with neither --show-rows nor --as-of")
                .remedy("The ledger knows the rows' number and hash, not the rows"));
        }
        if !self.repair && (self.fill_missing_columns || self.allow_shrink.is_some()) {
            return Err(Error::usage("--fill-missing-columns and --allow-shrink go with --repair"));
        }
        Ok(Options {
            selection: selection.required(
                "Name tables, - to read them from stdin, or --all for those of the configuration",
            )?,
            windows: range.map(|range| range.windows(unit.unwrap_or_default())).transpose()?,
            date_column: self.date_column,
            max_workers: cli::workers(self.max_workers, DEFAULT_WORKERS)?,
            bytes_per_second: self.max_mb_per_second.map(bytes_per_second).transpose()?,
            show_rows: self.show_rows,
            as_of: self.as_of.as_deref().map(str::parse).transpose()?,
            against_ledger: self.against_ledger,
            repair: self.repair,
            report: self.report.map(|file| cli::writable("--report", file)).transpose()?,
            ignore_extra_columns: self.ignore_extra_columns,
            strict_columns: self.strict_columns,
            allowance: Allowance {
                fill_missing_columns: self.fill_missing_columns,
                shrink: cli::shrink(self.allow_shrink.as_deref())?,
                row_filters: self.allow_row_filters,
            },
            config: self.config,
            format: cli::format(self.output.as_deref())?,
        })
    }

    fn run(options: Options) -> Result<Code> {
        run::run(&options)
    }
}

fn bytes_per_second(megabytes: f64) -> Result<u64> {
    let bytes = megabytes * 1e6;
    if (1.0..1e15).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(Error::usage("--max-mb-per-second is a number of megabytes above 0"))
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn dates_make_windows() {
        assert_eq!(options::<Args>("t").windows, None);
        let count = |line: &str| options::<Args>(line).windows.map(|windows| windows.len());
        assert_eq!(count("t --start-date 2024-01-15 --end-date=2024-03-01"), Some(3));
        assert_eq!(count("t --start-date 2024-01-01 --end-date 2024-01-31 --window day"), Some(31));
    }

    #[test]
    fn limits_are_resolved() {
        let o = options::<Args>(
            "t --max-mb-per-second 2.5 --show-rows 5 --max-workers 3 --as-of made=2024-01-31",
        );
        assert_eq!((o.bytes_per_second, o.show_rows, o.max_workers), (Some(2_500_000), 5, 3));
        assert_eq!(o.as_of.and_then(|as_of| as_of.column).as_deref(), Some("made"));
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for line in [
            "",
            "t --start-date 2024-01-01",
            "t --window day",
            "t --start-date 2024-01-01 --end-date 2024-01-31 --window year",
            "t --max-workers 0",
            "t --max-mb-per-second 0",
            "t --max-mb-per-second NaN",
            "t --show-rows 99999",
            "t --as-of then",
            "t --as-of 2024-02-30",
            "t --against-ledger --show-rows 1",
            "t --report /no/such/folder/r.html",
            "t --output xml",
            "t --allow-shrink",
            "t --repair --allow-shrink 101",
            "t --fill-missing-columns",
        ] {
            refusal::<Args>(line);
        }
    }
}
