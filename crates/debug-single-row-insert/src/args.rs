//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::catalog::TableName;
use replica_core::cli::{Code, Common, ReshapingArgs, Tool};
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};
use replica_core::trial::Which;

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        reshaping: ReshapingArgs,
        common: Common,
    }
}

/// Shows one row of the source column by column, loads it into the target as the copy would, and rolls that back. Where
/// the target refuses it, tries the columns apart and says which of them are to blame.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "debug-single-row-insert dbo.Orders --key 1004",
    example = "debug-single-row-insert dbo.Orders --where \"quantity > 32767\"",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Lines: table, column, type at the source, value, type at the target, verdict; the last, without a column, is the row's.
Exit codes: 0 accepted; 1 refused, or the trial could not be made; 2 bad usage or configuration;
  3 cannot connect or log in; 130/143 stopped by a signal."
)]
struct Own {
    /// the table as name, schema.name or [schema].[name]; then the other values of --key
    #[argh(positional, arg_name = "TABLE")]
    words: Vec<String>,
    /// the values of the source's key, in its order
    #[argh(option, arg_name = "value")]
    key: Vec<String>,
    /// a predicate in T-SQL on the source's columns; the first row that it is true for
    #[argh(option, long = "where", arg_name = "sql")]
    predicate: Option<String>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub table: TableName,
    pub which: Which,
    pub reshaping: ReshapingArgs,
    pub config: Option<PathBuf>,
}

impl Tool for Args {
    const NAME: &'static str = "debug-single-row-insert";
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, _stdin: bool) -> Result<Options> {
        let own = self.own;
        let mut words = own.words.into_iter();
        let Some(table) = words.next() else { return Err(Error::usage("no table is named")) };
        let table: TableName = table.parse()?;
        let values: Vec<String> = own.key.into_iter().chain(words).collect();
        let which = match (own.predicate, values) {
            (Some(predicate), values) if values.is_empty() => Which::Where(predicate),
            (None, values) if !values.is_empty() => Which::Key(values),
            (None, _) => {
                return Err(Error::usage("no row is named").remedy("Name it with --key or with --where"));
            }
            (Some(_), _) => return Err(Error::usage("a row is named by --key or by --where, not by both")),
        };
        Ok(Options { table, which, reshaping: self.reshaping, config: self.common.config })
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
    fn a_key_may_have_several_values() {
        let key = |values: &[&str]| Which::Key(values.iter().map(|value| (*value).to_owned()).collect());
        assert_eq!(options::<Args>("dbo.t --key -5 2024-01-31").which, key(&["-5", "2024-01-31"]));
        assert_eq!(options::<Args>("dbo.t --key=-5 --key -6").which, key(&["-5", "-6"]));
        assert_eq!(options::<Args>("t --where a=1").which, Which::Where("a=1".into()));
    }

    #[test]
    fn a_row_is_named_once() {
        for line in ["t", "", "t --key 1 --where a=1", "t 1 --where a=1", "a.b.c --key 1"] {
            refusal::<Args>(line);
        }
    }
}
