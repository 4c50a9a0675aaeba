//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{ArticleArgs, Code, Common, DayRangeArgs, Selection, Tables, Tool};
use replica_core::error::Result;
use replica_core::report::{Reporter, Reporting};
use replica_core::types::mapping::Family;
use replica_core::window::Range;

use crate::run;

/// A finder, as [`Args`] is told which one it is.
pub const STRINGS: usize = 0;
pub const NUMBERS: usize = 1;
pub const DATES: usize = 2;

const FINDERS: [(&str, Family); 3] = [
    ("find-string-overflows", Family::Strings),
    ("debug-numeric-overflow", Family::Numbers),
    ("debug-datetime-range", Family::Dates),
];

replica_core::options! {
    #[derive(Debug)]
    pub struct Args<const FINDER: usize> {
        own: Own,
        tables: Tables,
        article: ArticleArgs,
        days: DayRangeArgs,
        common: Common,
    }
}

/// Finds the values of source tables that do not fit the target's columns, or would be changed on the way. Each table
/// is scanned once, on the source's server; nothing is written.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "find-string-overflows dbo.Orders --rows 3",
    example = "debug-numeric-overflow --all --output tsv --header",
    example = "debug-datetime-range dbo.Flights --start-date 2024-01-01 --end-date 2024-01-31",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Lines: table, column, type at the source, type at the target, capacity, problem, extreme, rows; with --rows also a line
  for each row, with its key and value.
Exit codes: 0 nothing found; 1 something was found, or failed; 2 bad usage or configuration;
  3 cannot connect or log in; 130/143 stopped by a signal."
)]
struct Own {
    /// name so many rows of each finding, by their key (default 0)
    #[argh(option, arg_name = "n", default = "0")]
    rows: u64,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub family: Family,
    pub selection: Selection,
    pub range: Option<Range>,
    pub date_column: Option<String>,
    pub article: ArticleArgs,
    pub rows: u64,
    pub config: Option<PathBuf>,
}

impl<const FINDER: usize> Tool for Args<FINDER> {
    const NAME: &'static str = FINDERS[FINDER].0;
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        Ok(Options {
            family: FINDERS[FINDER].1,
            selection: self.tables.selection(stdin)?,
            range: self.days.range()?,
            date_column: self.days.date_column,
            article: self.article,
            rows: self.own.rows,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn a_finder_knows_its_family() {
        let found = options::<Args<DATES>>("dbo.t - --rows=3 --start-date 2024-01-01 --end-date 2024-01-31");
        assert_eq!((found.family, found.rows, found.selection.stdin), (Family::Dates, 3, true));
        assert_eq!(found.range.unwrap().whole().to_string(), "2024-01");
        assert_eq!(Args::<STRINGS>::NAME, "find-string-overflows");
    }

    #[test]
    fn bad_usage_is_refused() {
        for line in ["", "t --rows -1", "t --start-date 2024-01-01", "t --output xml"] {
            refusal::<Args<DATES>>(line);
        }
    }
}
