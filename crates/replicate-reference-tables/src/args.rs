//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{
    ApplyArgs, ArticleArgs, Code, Common, CreationArgs, DayRangeArgs, Guard, Loading, ReplacingArgs,
    Selection, Tables, Tool, values,
};
use replica_core::config::{Apply, Publish};
use replica_core::copy::Verify;
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};
use replica_core::window::Range;

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        days: DayRangeArgs,
        replacing: ReplacingArgs,
        common: Common,
    }
}

/// Replaces whole tables of the target by the source's, each in one transaction: readers see the old rows or the
/// new ones, and a failure leaves the old ones. With dates, replaces the rows of these days only.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "replicate-reference-tables --explain dbo.Airlines",
    example = "replicate-reference-tables --verify hash dbo.Airlines dbo.Airports",
    example = "replicate-reference-tables --all --create --quiet",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run holds this table; 130/143 stopped by a signal."
)]
struct Own {
    /// replace the whole table: the default
    #[argh(switch)]
    full_table: bool,
    /// how a whole table is moved: stream (default), or parquet, through a file
    #[argh(option, arg_name = "stream|parquet")]
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
    /// accepted for the sake of scripts; a whole table is always one transaction
    #[argh(option, arg_name = "rows", from_str_fn(values::rows))]
    commit_interval: Option<u64>,
    /// streams at once of each table, loaded beside the target by ranges of its key and published at once (without
    /// --publish: staged)
    #[argh(option, arg_name = "n", from_str_fn(values::workers))]
    streams: Option<usize>,
    /// drop the tables that runs which are dead have left beside the target's, and do nothing else
    #[argh(switch)]
    clean_up: bool,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    pub way: Way,
    pub max_workers: usize,
    pub commit_interval: Option<u64>,
    /// Streams at once of each table.
    pub streams: Option<usize>,
    /// What dead runs have left is dropped, and nothing else is done.
    pub clean_up: bool,
    pub explain: bool,
    pub creation: CreationArgs,
    pub loading: Loading,
    pub guard: Guard,
    pub article: ArticleArgs,
    pub apply: ApplyArgs,
    pub config: Option<PathBuf>,
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

impl Tool for Args {
    const NAME: &'static str = "replicate-reference-tables";
    const FEATURES: &'static [&'static str] = &["parquet"];
    const OLD_NAMES: &'static [&'static str] = &["export_and_load_replica"];
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let ReplacingArgs { workers, explain, creation, loading, guard, article, mut apply } = self.replacing;
        if self.own.streams.is_some() {
            apply.mode.publish = Some(meeting_place(apply.mode.publish)?);
        }
        let range = range(&self.own, &self.days)?;
        let way = self.own.way()?;
        if self.own.streams.is_some() && (way != Way::Stream || range.is_some()) {
            return Err(Error::usage("--streams divide whole tables that are read from a server")
                .remedy("Leave out --streams, or dates and --full-table-mode parquet"));
        }
        if self.own.streams.is_some() && loading.load.verify == Verify::Source {
            return Err(Error::usage(
                "--verify source reads a table in one piece twice, and --streams divide it",
            )
            .remedy("Leave out --streams, or say --verify hash"));
        }
        if loading.load.preflight && matches!(way, Way::FromParquet(_)) {
            return Err(Error::usage("--preflight asks the source's server, and --from has none"));
        }
        if creation.create && matches!(way, Way::FromParquet(_)) {
            return Err(Error::usage("--create asks the source's server, and --from has none"));
        }
        let compares = !matches!(apply.mode.apply, None | Some(Apply::Replace));
        if compares && way != Way::Stream {
            return Err(Error::usage(
                "--apply difference and auto compare two servers, and parquet has files",
            )
            .remedy("Leave out --full-table-mode parquet, or say --apply replace"));
        }
        apply.agreed()?;
        Ok(Options {
            selection: if self.own.clean_up { Selection::default() } else { self.tables.selection(stdin)? },
            way,
            streams: self.own.streams,
            clean_up: self.own.clean_up,
            max_workers: workers.most(),
            commit_interval: self.own.commit_interval,
            explain: explain.is_asked(),
            creation,
            loading,
            guard,
            article,
            apply,
            config: self.common.config,
            range,
            date_column: self.days.date_column,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

/// Several streams meet in a table beside the target.
fn meeting_place(publish: Option<Publish>) -> Result<Publish> {
    match publish {
        None | Some(Publish::Auto) => Ok(Publish::Staged),
        Some(Publish::Direct) => {
            Err(Error::usage("--streams load a table beside the target, and --publish direct has none")
                .remedy("Say --publish staged or switch, or leave out either"))
        }
        Some(publish) => Ok(publish),
    }
}

fn range(own: &Own, days: &DayRangeArgs) -> Result<Option<Range>> {
    match days.range()? {
        None if days.date_column.is_some() => {
            Err(Error::usage("--date-column needs --start-date and --end-date"))
        }
        Some(_) if own.full_table => Err(Error::usage("--full-table and dates exclude each other")),
        Some(_) if own.full_table_mode.as_deref() == Some("parquet") => {
            Err(Error::usage("--full-table-mode parquet and dates exclude each other")
                .remedy("Days are always streamed"))
        }
        range => Ok(range),
    }
}

impl Own {
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
    use replica_core::cli::Parsed;
    use replica_core::cli::parse;
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
        assert_eq!(spaced.max_workers, 3);
        assert_eq!((spaced.loading.load.chunk_rows, spaced.loading.load.verify), (Some(7), Verify::Hash));
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
        assert!(options::<Args>("t --preflight").loading.load.preflight);
        assert!(refusal::<Args>("t --preflight --from x").contains("--from"));
    }

    #[test]
    fn the_default_may_be_named() {
        assert!(options::<Args>("t --full-table --full-table-mode stream").loading.load.chunk_rows.is_none());
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
        let version = printed("--version");
        assert!(version.starts_with(&format!("tool {}\ncommit: ", env!("CARGO_PKG_VERSION"))), "{version}");
        assert!(
            version.contains("\ntarget: ") && version.contains("\nfeatures: rustls, parquet"),
            "{version}"
        );
    }
}
