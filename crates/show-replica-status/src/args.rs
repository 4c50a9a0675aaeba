//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{Code, Common, NamedTables, Selection, Tool, values};
use replica_core::error::Result;
use replica_core::report::{Format, Reporter, Reporting};

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: NamedTables,
        common: Common,
    }
}

/// Shows what runs on the replica now, what ended and how, how fresh its tables are, and which indexes are disabled. Without
/// names it shows all tables that are on record. Writes nothing, takes no lock that a load waits for, and waits for none.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "show-replica-status",
    example = "show-replica-status dbo.Sales --watch 5",
    example = "show-replica-status --json",
    note = "Connections: REPLICA_TARGET (an ADO.NET string), or [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 healthy, or nothing has run here; 1 a run that died, windows that were given up, or a table whose last run
  failed; 2 bad usage or configuration; 3 cannot connect or log in; 130/143 stopped by a signal."
)]
struct Own {
    /// look again every so many seconds (default 2): full-screen on a terminal, until q or Ctrl-C
    #[argh(option, arg_name = "[seconds]", from_str_fn(seconds))]
    watch: Option<Duration>,
    /// also write an HTML page, which needs no network: each time, with --watch
    #[argh(option, arg_name = "file")]
    html: Option<PathBuf>,
    /// the same as --output json
    #[argh(switch)]
    json: bool,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    /// `None`: once.
    pub every: Option<Duration>,
    pub html: Option<PathBuf>,
    pub config: Option<PathBuf>,
}

const USUAL: Duration = Duration::from_secs(2);
const LONGEST: u64 = 86_400;

fn seconds(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Ok(USUAL);
    }
    let seconds = text.parse().ok().filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| format!("it is a number of seconds from 1 to {LONGEST}, or left out"))
}

impl Tool for Args {
    const NAME: &'static str = "show-replica-status";
    type Options = Options;

    fn reporting(&self) -> Reporting {
        let reporting = self.common.reporting();
        if self.own.json { Reporting { format: Format::Json, ..reporting } } else { reporting }
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        Ok(Options {
            selection: self.tables.selection(stdin),
            every: self.own.watch,
            html: self.own.html.map(|file| values::writable("--html", file)).transpose()?,
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
    fn a_look_is_taken_once_or_again_and_again() {
        assert_eq!(options::<Args>("").every, None);
        for (line, seconds, tables) in
            [("--watch", 2, 0), ("--watch 5 t", 5, 1), ("t --watch=60", 60, 1), ("--watch t", 2, 1)]
        {
            let options = options::<Args>(line);
            assert_eq!(options.every, Some(Duration::from_secs(seconds)), "{line}");
            assert_eq!(options.selection.named.len(), tables, "{line}");
        }
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for line in [
            "--html /no/such/folder/s.html",
            "--watch=0",
            "--watch=x",
            "--watch 0.5",
            "--html=",
            "--watch=100000",
            "--output xml",
            "--all",
        ] {
            refusal::<Args>(line);
        }
    }
}
