//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{Code, Common, Explain, Shrinking, Tool, values};
use replica_core::config::Shrink;
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};
use replica_core::window;

use crate::day::Asked;
use crate::run;
use crate::steps::PROGRAM;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        shrinking: Shrinking,
        explain: Explain,
        common: Common,
    }
}

/// Refreshes the replica for a day, as replica.toml lists it: every reference table, then that day of every date-based
/// table, parents before children. One table's failure does not stop the others.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "run-replica-etl --t0",
    example = "run-replica-etl --t1 --look-back 3 --quiet",
    example = "run-replica-etl --as-of 2024-01-31 --only dbo.Flights dbo.Weather",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run is at work; 130/143 stopped by a signal."
)]
struct Own {
    /// more tables or groups for --only
    #[argh(positional, arg_name = "TABLE")]
    tables: Vec<String>,
    /// refresh today
    #[argh(switch)]
    t0: bool,
    /// refresh yesterday, which is complete by now
    #[argh(switch)]
    t1: bool,
    /// refresh this day
    #[argh(option, arg_name = "date")]
    as_of: Option<String>,
    /// these tables or groups of the configuration, and no others
    #[argh(option, arg_name = "table")]
    only: Vec<String>,
    /// days before the day that are refreshed, too, since rows come late (default: of the configuration)
    #[argh(option, arg_name = "days")]
    look_back: Option<u16>,
    /// streams at once; each is a connection to the source and one to the target (default: of the configuration, or 2)
    #[argh(option, arg_name = "n", from_str_fn(values::workers))]
    max_workers: Option<usize>,
    /// write figures for Prometheus' node exporter to this file (default: of the configuration)
    #[argh(option, arg_name = "file")]
    prometheus: Option<PathBuf>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub asked: Asked,
    pub only: Vec<String>,
    pub look_back: Option<u16>,
    pub allow_shrink: Option<Shrink>,
    pub max_workers: Option<usize>,
    pub explain: bool,
    pub prometheus: Option<PathBuf>,
    pub config: Option<PathBuf>,
}

impl Tool for Args {
    const NAME: &'static str = PROGRAM;
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let own = self.own;
        let asked = own.asked()?;
        if stdin {
            return Err(Error::usage("tables are not read from stdin").remedy("Name them after --only"));
        }
        if own.only.is_empty() && !own.tables.is_empty() {
            return Err(Error::usage(format!("{} is no option", own.tables.join(" ")))
                .remedy("The tables are those of the configuration; --only TABLE... takes some of them"));
        }
        Ok(Options {
            asked,
            only: [own.only, own.tables].concat(),
            look_back: own.look_back,
            allow_shrink: self.shrinking.allow_shrink,
            max_workers: own.max_workers,
            explain: self.explain.is_asked(),
            prometheus: own.prometheus,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

impl Own {
    fn asked(&self) -> Result<Asked> {
        match (self.t0, self.t1, &self.as_of) {
            (true, false, None) => Ok(Asked::Today),
            (false, true, None) => Ok(Asked::Yesterday),
            (false, false, Some(day)) => Ok(Asked::On(window::date("--as-of", day)?)),
            (false, false, None) => Err(Error::usage("no day is named")
                .remedy("Say --t0 for today, --t1 for yesterday, or --as-of 2024-01-31")),
            _ => Err(Error::usage("--t0, --t1 and --as-of exclude each other")),
        }
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};
    use time::macros::date;

    use super::*;

    #[test]
    fn the_day_is_named_in_one_of_three_ways() {
        assert_eq!(options::<Args>("--t0").asked, Asked::Today);
        assert_eq!(options::<Args>("--t1").asked, Asked::Yesterday);
        assert_eq!(options::<Args>("--as-of=2024-02-29").asked, Asked::On(date!(2024 - 02 - 29)));
        assert_eq!(options::<Args>("--as 20240229").asked, Asked::On(date!(2024 - 02 - 29)));
    }

    #[test]
    fn only_takes_one_or_several() {
        assert_eq!(options::<Args>("--t0 --only a b --quiet c").only, ["a", "b", "c"]);
        assert_eq!(options::<Args>("--t0 --only a --only=b").only, ["a", "b"]);
        assert!(options::<Args>("--t0 --dry-run").explain && options::<Args>("--t0 --explain").explain);
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for (line, reason) in [
            ("", "--t1"),
            ("--t0 --t1", "exclude"),
            ("--t1 --as-of 2024-01-01", "exclude"),
            ("--as-of yesterday", "--as-of yesterday is no date"),
            ("--t0 dbo.t", "--only"),
            ("--t0 --only a -", "stdin"),
            ("--t0 --look-back -1", "look-back"),
            ("--t0 --output xml", "xml"),
            ("--t", "--t0 or --t1"),
        ] {
            let refusal = refusal::<Args>(line);
            assert!(refusal.contains(reason), "{line}: {refusal}");
        }
    }
}
