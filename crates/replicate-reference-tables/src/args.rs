//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{self, Selection, Tool};
use replica_core::config::Allowance;
use replica_core::copy::Verify;
use replica_core::error::{Error, Result};
use replica_core::exit::Code;
use replica_core::report::Format;
use replica_core::window::Range;

use crate::run;

/// Replaces whole tables of the target by the source's, each in one transaction: readers see the old rows or the
/// new ones, and a failure leaves the old ones.
#[derive(FromArgs, ArgsInfo, Debug, Default)]
#[argh(
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run holds this table; 130/143 stopped by a signal."
)]
pub struct Args {
    /// tables as name, schema.name or [schema].[name]; - reads names from stdin, one a line
    #[argh(positional, arg_name = "TABLE")]
    tables: Vec<String>,
    /// the tables that the configuration lists (reference_tables)
    #[argh(switch)]
    all: bool,
    /// replace the whole table: the default
    #[argh(switch)]
    full_table: bool,
    /// how a whole table is moved: stream (default), or parquet, through a file
    #[argh(option, arg_name = "mode")]
    full_table_mode: Option<String>,
    /// with parquet: the folder for the files (default: the current one)
    #[argh(option, arg_name = "dir")]
    parquet_dir: Option<PathBuf>,
    /// with parquet: leave the files there, as schema.table.parquet
    #[argh(switch)]
    keep_parquet: bool,
    /// with parquet: load such files from this folder; no source is connected to
    #[argh(option, arg_name = "dir")]
    from: Option<PathBuf>,
    /// tables at once, largest first (default 2)
    #[argh(option, arg_name = "n")]
    max_workers: Option<usize>,
    /// rows in one bulk message (default: by the target's shape)
    #[argh(option, arg_name = "rows")]
    chunk_size: Option<u64>,
    /// accepted for the sake of scripts; a whole table is always one transaction
    #[argh(option, arg_name = "rows")]
    commit_interval: Option<u64>,
    /// say what would be done, and do nothing
    #[argh(switch)]
    explain: bool,
    /// the same as --explain
    #[argh(switch)]
    dry_run: bool,
    /// re-read the target before the commit: none, count or hash (default none)
    #[argh(option, arg_name = "what")]
    verify: Option<String>,
    /// leave out source columns that the target lacks
    #[argh(switch)]
    ignore_extra_columns: bool,
    /// fill target columns that the source lacks with NULL or their default, whatever they hold
    #[argh(switch)]
    fill_missing_columns: bool,
    /// let tables become smaller, by any share of rows or by so many percent (default 50, and never to none)
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
    /// replace only the days from this one, as 2024-01-31
    #[argh(option, arg_name = "day")]
    start_date: Option<String>,
    /// to this one, included
    #[argh(option, arg_name = "day")]
    end_date: Option<String>,
    /// by this column (default: date_filter_columns in replica.toml, or the only one with dates)
    #[argh(option, arg_name = "column")]
    date_column: Option<String>,
    /// look for values that would not fit before anything is written
    #[argh(switch)]
    preflight: bool,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    pub way: Way,
    pub max_workers: usize,
    pub chunk_size: Option<u64>,
    pub commit_interval: Option<u64>,
    pub explain: bool,
    pub preflight: bool,
    pub verify: Verify,
    pub ignore_extra_columns: bool,
    pub allowance: Allowance,
    pub check_constraints: bool,
    pub fire_triggers: bool,
    pub config: Option<PathBuf>,
    pub format: Format,
    /// Only these days.
    pub range: Option<Range>,
    pub date_column: Option<String>,
}

/// How the rows come from the source.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    Stream,
    /// Through files in this folder.
    ThroughParquet {
        folder: PathBuf,
        keep: bool,
    },
    /// Out of the files in this folder.
    FromParquet(PathBuf),
}

/// Two writers keep source and target busy; more contend on one server (docs/LOADING.md, "Sizes of messages and
/// transactions").
const DEFAULT_WORKERS: usize = 2;

impl Tool for Args {
    const NAME: &'static str = "replicate-reference-tables";
    const OLD_NAMES: &'static [&'static str] = &["export_and_load_replica"];
    type Options = Options;

    fn resolve(self, stdin: bool) -> Result<Options> {
        let range = self.range()?;
        let way = self.way()?;
        if self.preflight && matches!(way, Way::FromParquet(_)) {
            return Err(Error::usage("--preflight asks the source's server, and --from has none"));
        }
        let selection = Selection { named: self.tables, stdin, all: self.all };
        Ok(Options {
            selection: selection.required(
                "Name tables, - to read them from stdin, or --all for those of the configuration",
            )?,
            way,
            max_workers: cli::workers(self.max_workers, DEFAULT_WORKERS)?,
            chunk_size: cli::at_least_one_row("--chunk-size", self.chunk_size)?,
            commit_interval: cli::at_least_one_row("--commit-interval", self.commit_interval)?,
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
            range,
            date_column: self.date_column,
        })
    }

    fn run(options: Options) -> Result<Code> {
        run::run(&options)
    }
}

impl Args {
    fn range(&self) -> Result<Option<Range>> {
        let range = Range::typed(self.start_date.as_deref(), self.end_date.as_deref())?;
        match range {
            None if self.date_column.is_some() => {
                Err(Error::usage("--date-column needs --start-date and --end-date"))
            }
            Some(_) if self.full_table => Err(Error::usage("--full-table and dates exclude each other")),
            Some(_) if self.full_table_mode.as_deref() == Some("parquet") => {
                Err(Error::usage("--full-table-mode parquet and dates exclude each other")
                    .remedy("Days are always streamed"))
            }
            range => Ok(range),
        }
    }

    fn way(&self) -> Result<Way> {
        match (self.full_table_mode.as_deref(), &self.from) {
            (Some("parquet"), None) => Ok(Way::ThroughParquet {
                folder: self.parquet_dir.clone().unwrap_or_else(|| ".".into()),
                keep: self.keep_parquet,
            }),
            (Some("parquet"), Some(_)) if self.parquet_dir.is_some() || self.keep_parquet => {
                Err(Error::usage(
                    "--parquet-dir and --keep-parquet are for files to be written, and --from reads them",
                )
                .remedy("Leave out either"))
            }
            (Some("parquet"), Some(folder)) => Ok(Way::FromParquet(folder.clone())),
            (None | Some("stream"), from) => {
                if from.is_some() || self.parquet_dir.is_some() || self.keep_parquet {
                    return Err(Error::usage("--parquet-dir, --keep-parquet and --from are for files")
                        .remedy("Add --full-table-mode parquet"));
                }
                Ok(Way::Stream)
            }
            (Some(other), _) => Err(Error::usage(format!("--full-table-mode {other} is unknown"))
                .remedy("It is stream or parquet")),
        }
    }
}

#[cfg(test)]
mod tests {
    use replica_core::cli::{Parsed, parse};
    use replica_testkit::{options, refusal};

    use super::*;

    fn printed(word: &str) -> String {
        match parse::<Args>("tool", [word.to_owned()]) {
            Ok(Parsed::Print(text)) => text,
            other => panic!("{word}: {other:?}"),
        }
    }

    #[test]
    fn options_come_with_a_space_or_an_equals_sign() {
        let spaced = options::<Args>(
            "dbo.t --max-workers 3 --chunk-size 7 --verify hash --config a=b.toml --output json",
        );
        assert_eq!(
            spaced,
            options::<Args>(
                "--max-workers=3 --chunk-size=7 --verify=hash --config=a=b.toml --output=json dbo.t"
            )
        );
        assert_eq!((spaced.max_workers, spaced.chunk_size, spaced.verify), (3, Some(7), Verify::Hash));
        assert_eq!(spaced.config, Some("a=b.toml".into()));
    }

    #[test]
    fn tables_come_from_arguments_stdin_or_the_configuration() {
        let o = options::<Args>("a - [b=c].[d]");
        assert!(o.selection.stdin && !o.selection.all);
        assert_eq!(o.selection.named, ["a", "[b=c].[d]"]);
        assert!(options::<Args>("--all").selection.all);
        assert!(options::<Args>("-- --odd=name").selection.named == ["--odd=name"]);
        assert!(refusal::<Args>("").contains("--all"));
    }

    #[test]
    fn a_preflight_needs_a_server() {
        assert!(options::<Args>("t --preflight").preflight);
        assert!(refusal::<Args>("t --preflight --from x").contains("--from"));
    }

    #[test]
    fn the_default_may_be_named() {
        assert!(options::<Args>("t --full-table --full-table-mode stream").chunk_size.is_none());
    }

    #[test]
    fn days_come_with_both_ends() {
        let o = options::<Args>("t --start-date 2024-01-01 --end-date 2024-01-31 --date-column d");
        assert_eq!(o.range.unwrap().whole().to_string(), "2024-01");
        assert_eq!(o.date_column.as_deref(), Some("d"));
        for line in [
            "t --start-date 2024-01-01",
            "t --end-date=2024-01-31",
            "t --date-column d",
            "t --full-table --start-date 2024-01-01 --end-date 2024-01-31",
            "t --full-table-mode parquet --start-date 2024-01-01 --end-date 2024-01-31",
        ] {
            refusal::<Args>(line);
        }
    }

    #[test]
    fn files_are_on_the_way_or_where_it_begins() {
        assert_eq!(options::<Args>("t").way, Way::Stream);
        let through = |folder: &str, keep| Way::ThroughParquet { folder: folder.into(), keep };
        assert_eq!(options::<Args>("t --full-table-mode parquet").way, through(".", false));
        assert_eq!(
            options::<Args>("t --full-table-mode parquet --parquet-dir x --keep-parquet").way,
            through("x", true)
        );
        assert_eq!(options::<Args>("t --full-table-mode parquet --from x").way, Way::FromParquet("x".into()));
        assert!(
            refusal::<Args>("t --full-table-mode parquet --from x --keep-parquet")
                .contains("Leave out either")
        );
        for line in ["t --from x", "t --keep-parquet", "t --full-table-mode stream --parquet-dir x"] {
            assert!(refusal::<Args>(line).contains("--full-table-mode parquet"), "{line}");
        }
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for line in [
            "t --max-workers 0",
            "t --max-workers 65",
            "t --max-workers many",
            "t --chunk-size 0",
            "t --commit-interval 0",
            "t --verify all",
            "t --output xml",
            "t --full-table-mode csv",
            "t --no-such-option",
            "t --config",
            "t --all=yes=no --max-workers",
        ] {
            refusal::<Args>(line);
        }
    }

    #[test]
    fn help_and_version_succeed() {
        let help = printed("--help");
        assert!(help.contains("--max-workers") && help.contains("130/143") && help.contains("--preflight"));
        assert_eq!(printed("--version"), format!("tool {}\n", env!("CARGO_PKG_VERSION")));
    }
}
