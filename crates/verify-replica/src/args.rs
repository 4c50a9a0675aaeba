//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{
    self, ArticleArgs, Code, Common, DayRangeArgs, Guard, Selection, Tables, Tool, WindowLength, Workers,
};
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};
use replica_core::verify::AsOf;
use replica_core::window::Window;

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        days: DayRangeArgs,
        length: WindowLength,
        workers: Workers,
        guard: Guard,
        article: ArticleArgs,
        common: Common,
    }
}

/// Compares tables of the target with the source's, every byte of every row, and says which rows differ: whole tables,
/// or the rows of some days, window by window. Writes nothing without --repair.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "verify-replica dbo.Airlines",
    example = "verify-replica dbo.Flights --start-date 2024-01-01 --end-date 2024-12-31 --show-rows 5",
    example = "verify-replica --all --quiet --repair --report /srv/www/replica.html",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 equal; 1 different, or something failed; 2 bad usage or configuration;
  3 cannot connect or log in; 130/143 stopped by a signal."
)]
struct Own {
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
    /// compare with what the version promises that replicate-changes has applied last: rows that the source changed after it
    /// count as newer, not as different
    #[argh(switch)]
    as_of_ledger: bool,
    /// compare the target with the hashes that the copy has recorded in its ledger, without reading the source's rows
    #[argh(switch)]
    against_ledger: bool,
    /// compare by the ranges of a key that the ledger has, window by window
    #[argh(switch)]
    key_ranges: bool,
    /// bring in step what differs, and compare it once more: rows (the default) writes only the rows that differ where a key
    /// tells them apart; windows loads all rows of the windows again; --fill-missing-columns and --allow-shrink say how
    #[argh(option, arg_name = "[rows|windows]", from_str_fn(repair))]
    repair: Option<RepairMode>,
    /// also write an HTML page: a calendar of the windows, the rows that differ, the last runs
    #[argh(option, arg_name = "file")]
    report: Option<PathBuf>,
    /// columns that one side alone has count as a difference
    #[argh(switch)]
    strict_columns: bool,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    /// `None`: whole tables, and with `--all` the windows on record of those that are replaced by days.
    pub windows: Option<Vec<Window>>,
    pub date_column: Option<String>,
    pub max_workers: usize,
    pub bytes_per_second: Option<u64>,
    pub show_rows: usize,
    pub as_of: Option<AsOf>,
    pub as_of_ledger: bool,
    pub against_ledger: bool,
    /// By the ranges of a key that the ledger has.
    pub key_ranges: bool,
    /// `None`: nothing is written.
    pub repair: Option<RepairMode>,
    pub report: Option<PathBuf>,
    pub strict_columns: bool,
    pub guard: Guard,
    pub article: ArticleArgs,
    pub config: Option<PathBuf>,
}

/// How what differs is brought in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairMode {
    /// Only the rows that differ are written, where that can be.
    Rows,
    /// All rows of the windows that differ are loaded again.
    Windows,
}

fn repair(text: &str) -> Result<RepairMode, String> {
    match text {
        "" | "rows" => Ok(RepairMode::Rows),
        "windows" => Ok(RepairMode::Windows),
        _ => Err("it is rows, windows, or left out for rows".to_owned()),
    }
}

impl Options {
    /// Rows that differ to keep of each window.
    pub fn kept_rows(&self) -> usize {
        let reported = if self.report.is_some() { REPORTED_ROWS } else { 0 };
        self.show_rows.max(reported)
    }
}

/// Rows that differ that a report has of each window, at least.
const REPORTED_ROWS: usize = 100;
/// Rows that differ are kept until their window is done.
const MOST_SHOWN: usize = 10_000;

impl Tool for Args {
    const NAME: &'static str = "verify-replica";
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let (own, guard) = (self.own, self.guard);
        let range = self.days.range()?;
        if range.is_none() && self.length.unit.is_some() {
            return Err(Error::usage("--window needs --start-date and --end-date"));
        }
        if own.key_ranges && (range.is_some() || self.days.date_column.is_some()) {
            return Err(Error::usage("--key-ranges goes with no days"));
        }
        if own.show_rows > MOST_SHOWN {
            return Err(Error::usage(format!("--show-rows is a number of rows, at most {MOST_SHOWN}")));
        }
        if own.against_ledger && (own.show_rows > 0 || own.as_of.is_some()) {
            return Err(Error::usage("--against-ledger goes with neither --show-rows nor --as-of")
                .remedy("The ledger knows the rows' number and hash, not the rows"));
        }
        if own.as_of_ledger && (own.against_ledger || own.as_of.is_some()) {
            return Err(Error::usage("--as-of-ledger goes with neither --as-of nor --against-ledger")
                .remedy("It takes the version that the ledger has of each table"));
        }
        if own.repair.is_none()
            && (guard.differences.fill_missing_columns || guard.shrinking.allow_shrink.is_some())
        {
            return Err(Error::usage("--fill-missing-columns and --allow-shrink go with --repair"));
        }
        Ok(Options {
            selection: self.tables.selection(stdin)?,
            windows: range.map(|range| range.windows(self.length.unit.unwrap_or_default())).transpose()?,
            date_column: self.days.date_column,
            max_workers: self.workers.most(),
            bytes_per_second: own.max_mb_per_second.map(bytes_per_second).transpose()?,
            show_rows: own.show_rows,
            as_of: own.as_of.as_deref().map(str::parse).transpose()?,
            as_of_ledger: own.as_of_ledger,
            against_ledger: own.against_ledger,
            key_ranges: own.key_ranges,
            repair: own.repair,
            report: own.report.map(|file| cli::values::writable("--report", file)).transpose()?,
            strict_columns: own.strict_columns,
            guard,
            article: self.article,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
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
    fn a_repair_is_of_rows_unless_windows_are_asked_for() {
        for (line, how) in [
            ("t", None),
            ("--repair t", Some(RepairMode::Rows)),
            ("t --repair rows", Some(RepairMode::Rows)),
            ("--repair windows t", Some(RepairMode::Windows)),
            ("t --repair=windows", Some(RepairMode::Windows)),
        ] {
            let options = options::<Args>(line);
            assert_eq!((options.repair, options.selection.named.len()), (how, 1), "{line}");
        }
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
            "t --as-of-ledger --against-ledger",
            "t --as-of-ledger --as-of 2024-01-31",
            "t --report /no/such/folder/r.html",
            "t --output xml",
            "t --allow-shrink",
            "t --repair --allow-shrink 101",
            "t --repair=some",
            "t --fill-missing-columns",
            "t --key-ranges --start-date 2024-01-01 --end-date 2024-01-31",
        ] {
            refusal::<Args>(line);
        }
    }
}
