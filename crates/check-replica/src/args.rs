//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{Code, Common, Selection, Tables, Tool};
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};
use run_replica_etl::Asked;

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        common: Common,
    }
}

/// Says what would go wrong in a run, as cron would start it: configuration, machine, network, both servers, each table.
/// Without tables it looks at all of the configuration. It writes nothing, and waits for no lock.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "check-replica",
    example = "check-replica --t1 --at 02:15 --strict",
    example = "env -i HOME=$HOME /usr/bin/check-replica --config /etc/replica/replica.toml",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 nothing stands against a run; 1 errors, or with --strict warnings; 2 bad usage or configuration;
  3 cannot connect or log in; 130/143 stopped by a signal."
)]
struct Own {
    /// look at what run-replica-etl --t0 would do, and at its tables alone
    #[argh(switch)]
    t0: bool,
    /// the same of --t1. Without either: the days of --t1, and all tables of the configuration
    #[argh(switch)]
    t1: bool,
    /// end with 1 on warnings, too
    #[argh(switch)]
    strict: bool,
    /// when the run starts, as 02:15 by the servers' clocks: warns of jobs of SQL Server Agent near it
    #[argh(option, arg_name = "time", from_str_fn(time_of_day))]
    at: Option<u16>,
    /// look at this folder, too: the --parquet-dir of a copy through files
    #[argh(option, arg_name = "folder")]
    parquet_dir: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    pub asked: Asked,
    /// The tables are those of `asked`'s run.
    pub of_run: bool,
    pub strict: bool,
    /// Minutes after midnight.
    pub at: Option<u16>,
    pub parquet_dir: Option<PathBuf>,
    pub config: Option<PathBuf>,
}

impl Tool for Args {
    const NAME: &'static str = "check-replica";
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let Own { t0, t1, strict, at, parquet_dir } = self.own;
        if t0 && t1 {
            return Err(Error::usage("--t0 and --t1 exclude each other"));
        }
        let all = Selection { all: true, ..Selection::default() };
        let named = self.tables.selection(stdin);
        Ok(Options {
            of_run: named.is_err() && (t0 || t1),
            selection: named.unwrap_or(all),
            asked: if t0 { Asked::Today } else { Asked::Yesterday },
            strict,
            at,
            parquet_dir,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

fn time_of_day(text: &str) -> Result<u16, String> {
    let parse = || {
        let (hours, minutes) = text.split_once(':')?;
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    parse().ok_or_else(|| "it is a time of the day, such as 02:15".to_owned())
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn without_tables_all_are_meant() {
        assert!(options::<Args>("").selection.all);
        assert_eq!(options::<Args>("").asked, Asked::Yesterday);
        let o = options::<Args>("--t0 dbo.t --at=02:15 --strict");
        assert_eq!((o.selection.named, o.selection.all), (vec!["dbo.t".to_owned()], false));
        assert_eq!((o.asked, o.at, o.strict), (Asked::Today, Some(135), true));
        for (line, of_run) in
            [("", false), ("--t1", true), ("--t0", true), ("--t1 --all", false), ("--t0 t", false)]
        {
            assert_eq!(options::<Args>(line).of_run, of_run, "{line}");
        }
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for line in ["--t0 --t1", "--at 25:00", "--at soon", "--at 02:60", "--output xml"] {
            refusal::<Args>(line);
        }
    }
}
