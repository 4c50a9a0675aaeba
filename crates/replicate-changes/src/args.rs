//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{
    Cascading, Code, Common, Explain, Guard, Selection, Tables, Tool, Triggers, Workers, values,
};
use replica_core::copy::changes::{Deletes, MethodAsked, OnReset};
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        workers: Workers,
        explain: Explain,
        guard: Guard,
        cascading: Cascading,
        triggers: Triggers,
        common: Common,
    }
}

/// Carries over what changed at the source since the last run: rows that were inserted, updated or deleted, and nothing else.
/// A table's first run compares both sides.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "replicate-changes --all",
    example = "replicate-changes --all --every 1m",
    example = "replicate-changes dbo.Flights --explain",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value. --all takes change_tables of replica.toml.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another process keeps a table; 130/143 stopped by a signal."
)]
struct Own {
    /// go on, a round as often as this (30s, 5m, 1h), until a signal comes; without it one round
    #[argh(option, arg_name = "time", from_str_fn(values::interval))]
    every: Option<Duration>,
    /// how changes are found: change-tracking, rowversion, or auto (default: the one on record, or what the table has)
    #[argh(option, arg_name = "auto|change-tracking|rowversion", default = "MethodAsked::default()")]
    method: MethodAsked,
    /// with rowversion: look for rows that are gone in every-run (default), daily or never
    #[argh(option, arg_name = "every-run|daily|never", default = "Deletes::default()")]
    deletes: Deletes,
    /// when the changes since the last run cannot be had any more: compare (default), or fail
    #[argh(option, arg_name = "compare|fail", default = "OnReset::default()")]
    on_reset: OnReset,
    /// write figures for Prometheus' node exporter to this file after each round (default: of the configuration)
    #[argh(option, arg_name = "file")]
    prometheus: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    pub every: Option<Duration>,
    pub method: MethodAsked,
    pub deletes: Deletes,
    pub on_reset: OnReset,
    pub prometheus: Option<PathBuf>,
    pub cascading: Cascading,
    pub triggers: Triggers,
    pub max_workers: usize,
    pub explain: bool,
    pub guard: Guard,
    pub config: Option<PathBuf>,
}

impl Tool for Args {
    const NAME: &'static str = "replicate-changes";
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let explain = self.explain.is_asked();
        if explain && self.own.every.is_some() {
            return Err(Error::usage("--explain says what one round would do: leave out --every"));
        }
        Ok(Options {
            selection: self.tables.selection(stdin)?,
            every: self.own.every,
            method: self.own.method,
            deletes: self.own.deletes,
            on_reset: self.own.on_reset,
            prometheus: self.own.prometheus,
            cascading: self.cascading,
            triggers: self.triggers,
            max_workers: self.workers.most(),
            explain,
            guard: self.guard,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

#[cfg(test)]
mod tests {
    use replica_core::ledger::Method;
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn options_have_their_defaults() {
        let o = options::<Args>("dbo.t -");
        assert_eq!(
            (o.every, o.method.0, o.deletes, o.on_reset),
            (None, None, Deletes::EveryRun, OnReset::Compare)
        );
        let o = options::<Args>("--all --every=5m --method rowversion --deletes daily --on-reset fail");
        assert_eq!((o.every, o.method.0), (Some(Duration::from_secs(300)), Some(Method::RowVersion)));
        assert_eq!((o.deletes, o.on_reset), (Deletes::Daily, OnReset::Fail));
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for line in [
            "",
            "t --every 5",
            "t --method cdc",
            "t --deletes weekly",
            "t --on-reset reload",
            "t --explain --every 1m",
        ] {
            refusal::<Args>(line);
        }
    }
}
