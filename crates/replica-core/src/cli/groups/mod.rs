//! Groups of options that several tools have: each option's name, type, default and help, once.
//!
//! A tool puts its command line together from them with [`options!`](crate::options).
mod article;
mod replacing;

use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};

use super::{Selection, values};
use crate::config::{Config, Feature};
use crate::error::{Error, Result};
use crate::report::{Format, LogFormat, Reporting};
use crate::schema::Policy;
use crate::window::{Range, Unit};
pub use article::{ArticleArgs, FilterArgs, ReshapingArgs};
pub use replacing::{
    ApplyArgs, ApplyModeArgs, Cascading, DifferenceArgs, Guard, LoadArgs, Loading, ReplacingArgs, Shrinking,
    Triggers,
};

/// What every tool has.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Common {
    /// read this file, and look for no replica.toml
    #[argh(option, arg_name = "file")]
    pub config: Option<PathBuf>,
    /// result lines on stdout (default: text on a terminal, tsv in a pipe)
    #[argh(option, long = "output", arg_name = "text|tsv|json", default = "Format::for_stdout()")]
    format: Format,
    /// the first line of tsv names the columns
    #[argh(switch)]
    header: bool,
    /// say nothing but what went wrong
    #[argh(switch)]
    quiet: bool,
    /// the log on stderr; json is an object a line (default text)
    #[argh(option, long = "log-format", arg_name = "text|json", default = "LogFormat::Text")]
    log: LogFormat,
    /// print the version
    #[argh(switch)]
    version: bool,
}

impl Common {
    /// What is told, and in which form.
    pub fn reporting(&self) -> Reporting {
        Reporting { format: self.format, header: self.header, quiet: self.quiet, log: self.log }
    }
}

/// Tables by their names.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct NamedTables {
    /// tables as name, schema.name or [schema].[name], or quoted patterns: 'dbo.*', 'sales.fact_?', '!dbo.tmp_*' to leave
    /// tables out; - reads them from stdin, one a line
    #[argh(positional, arg_name = "TABLE")]
    tables: Vec<String>,
}

impl NamedTables {
    /// `stdin`: a lone `-` was among the arguments. Nothing may be named.
    pub fn selection(self, stdin: bool) -> Selection {
        Selection { named: self.tables, stdin, all: false }
    }
}

/// All tables of the configuration.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct ListedTables {
    /// the tables that the configuration lists and that suit this tool
    #[argh(switch)]
    all: bool,
}

crate::options! {
    /// Tables by their names, or all that the configuration lists.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Tables {
        named: NamedTables,
        listed: ListedTables,
    }
}

impl Tables {
    /// `stdin`: a lone `-` was among the arguments.
    ///
    /// # Errors
    /// Of kind `Usage`: no table is named, and not all are asked for.
    pub fn selection(self, stdin: bool) -> Result<Selection> {
        Selection { named: self.named.tables, stdin, all: self.listed.all }
            .required("Name tables, - to read them from stdin, or --all for those of the configuration")
    }
}

/// The rows of some days.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct DayRangeArgs {
    /// first day of the rows, as 2024-01-31
    #[argh(option, arg_name = "day")]
    start_date: Option<String>,
    /// last day of the rows, included
    #[argh(option, arg_name = "day")]
    end_date: Option<String>,
    /// the column that the days are in (default: date_filter_columns in replica.toml, or the only one with dates)
    #[argh(option, arg_name = "column")]
    pub date_column: Option<String>,
}

impl DayRangeArgs {
    /// The days; `None` where none are asked for.
    ///
    /// # Errors
    /// Of kind `Usage`: one end without the other, no such days.
    pub fn range(&self) -> Result<Option<Range>> {
        Range::typed(self.start_date.as_deref(), self.end_date.as_deref())
    }
}

/// How long a window is.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct WindowLength {
    /// length of a window: month, week (from Monday) or day (default month)
    #[argh(option, long = "window", arg_name = "month|week|day")]
    pub unit: Option<Unit>,
}

/// Tables that the target lacks.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct CreationArgs {
    /// make tables that the target lacks like the source's, before the load, and their indexes and checks after it
    #[argh(switch)]
    pub create: bool,
    /// with --create: foreign keys, too
    #[argh(switch)]
    pub foreign_keys: bool,
}

impl CreationArgs {
    /// What the tables are to be; `None` where none are to be made.
    ///
    /// # Errors
    /// Of kind `Usage`: `--foreign-keys` without `--create`; what `[schema]` of the configuration contradicts itself in.
    pub fn policy(&self, config: &Config) -> Result<Option<Policy>> {
        if !self.create {
            return if self.foreign_keys {
                Err(Error::usage("--foreign-keys goes with --create"))
            } else {
                Ok(None)
            };
        }
        let mut settings = config.schema.clone();
        if self.foreign_keys {
            settings.keep.insert(Feature::ForeignKeys);
            settings.without.remove(&Feature::ForeignKeys);
        }
        Policy::of(&settings).map(Some)
    }
}

/// How many tables or windows are worked on at once.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Workers {
    /// tables or windows at once, each on a connection to either side (default 2)
    #[argh(option, long = "max-workers", arg_name = "n", from_str_fn(values::workers))]
    pub most: Option<usize>,
}

impl Workers {
    /// Two writers keep source and target busy; more contend on one server (docs/LOADING.md, "Sizes of messages and
    /// transactions").
    pub const DEFAULT: usize = 2;

    /// As asked for, or the default.
    pub fn most(&self) -> usize {
        self.most.unwrap_or(Self::DEFAULT)
    }
}

/// Whether the tool only says what it would do.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Explain {
    /// say what would be done, in which order, and do nothing
    #[argh(switch)]
    explain: bool,
    /// the same as --explain
    #[argh(switch)]
    dry_run: bool,
}

impl Explain {
    /// By either name.
    pub fn is_asked(&self) -> bool {
        self.explain || self.dry_run
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn group<G: FromArgs>(line: &str) -> Result<G, String> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        G::from_args(&["tool"], &words).map_err(|exit| exit.output)
    }

    #[test]
    fn either_name_of_explain_will_do() {
        let is_asked = |line: &str| group::<Explain>(line).unwrap().is_asked();
        assert!(is_asked("--explain") && is_asked("--dry-run") && !is_asked(""));
    }
}
