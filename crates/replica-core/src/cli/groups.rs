//! Groups of options that several tools have: each option's name, type, default and help, once.
//!
//! A tool puts its command line together from them with [`options!`](crate::options).
use std::collections::HashMap;
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};

use super::{Configured, Selection, values};
use crate::catalog::{Article, TableName};
use crate::config::{Allowance, Apply, Config, Feature, Publish, Shrink, TableSettings};
use crate::copy::Verify;
use crate::error::{Error, Result};
use crate::plan::CopyOptions;
use crate::report::{Format, LogFormat, Reporting};
use crate::schema::Policy;
use crate::schema::definition::same_name;
use crate::shape::LoadOptions;
use crate::window::{Range, Unit, date_left_out};

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

/// What is done about the target's triggers.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Triggers {
    /// let the target's triggers fire
    #[argh(switch)]
    pub fire_triggers: bool,
}

/// How rows are sent, and what is proved of them.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct LoadArgs {
    /// rows in one bulk message (default: by the target's shape)
    #[argh(option, long = "chunk-size", arg_name = "rows", from_str_fn(values::rows))]
    pub chunk_rows: Option<u64>,
    /// look for values that would not fit before anything is written
    #[argh(switch)]
    pub preflight: bool,
    /// re-read what was loaded, a whole table before the commit, a window after it; source: and what was read, at the
    /// source (default none)
    #[argh(option, arg_name = "none|count|hash|source", default = "Verify::Nothing")]
    pub verify: Verify,
    /// check the target's constraints while loading, and keep them trusted
    #[argh(switch)]
    check_constraints: bool,
}

crate::options! {
    /// How rows are loaded.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Loading {
        /// How they are sent.
        pub load: LoadArgs,
        triggers: Triggers,
    }
}

impl Loading {
    /// With what the configuration says of the table where the command line says nothing.
    pub fn load_options(&self, settings: &TableSettings) -> LoadOptions {
        LoadOptions {
            check_constraints: self.load.check_constraints,
            fire_triggers: self.triggers.fire_triggers,
            chunk_rows: self.load.chunk_rows.or(settings.chunk_size),
            ..LoadOptions::default()
        }
    }
}

/// By how much tables may shrink.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Shrinking {
    /// let tables and windows become smaller, by any share of rows or by so many percent (default: of the configuration,
    /// or 50, and never to none)
    #[argh(option, arg_name = "[percent]", from_str_fn(values::shrink))]
    pub allow_shrink: Option<Shrink>,
}

/// Which columns and rows may differ on the two sides.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct DifferenceArgs {
    /// leave out source columns that the target lacks
    #[argh(switch)]
    pub ignore_extra_columns: bool,
    /// fill target columns that the source lacks with NULL or their default, whatever they hold
    #[argh(switch)]
    pub fill_missing_columns: bool,
    /// both logins see all rows, whatever security policies there are
    #[argh(switch)]
    allow_row_filters: bool,
}

/// Whether rows of other tables may go.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Cascading {
    /// where only rows that differ are written: rows of other tables may go with rows that are gone at the source, where
    /// foreign keys say so
    #[argh(switch)]
    allow_cascade: bool,
}

impl Cascading {
    /// What is allowed, and this.
    pub fn over(&self, allowance: Allowance) -> Allowance {
        Allowance { cascade: self.allow_cascade || allowance.cascade, ..allowance }
    }
}

/// Which rows are written, and how.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct ApplyModeArgs {
    /// replace (default), difference (compare both sides, and write only the rows that differ), or auto (difference where
    /// foreign keys point at the table, or little changed in its last run)
    #[argh(option, arg_name = "replace|difference|auto")]
    pub apply: Option<Apply>,
    /// how new rows become visible: direct (loaded into the table itself), staged (loaded beside it, then copied over in one
    /// transaction), switch (loaded beside it, then SWITCH), or auto (default: SWITCH for windows that are partitions)
    #[argh(option, arg_name = "direct|staged|switch|auto")]
    pub publish: Option<Publish>,
}

crate::options! {
    /// How tables are brought in step, and how that becomes visible.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ApplyArgs {
        /// Which rows are written, and how.
        pub mode: ApplyModeArgs,
        cascading: Cascading,
    }
}

impl ApplyArgs {
    /// # Errors
    /// Of kind `Usage`: two ways that exclude each other.
    pub fn agreed(&self) -> Result<()> {
        let differs = !matches!(self.mode.apply, None | Some(Apply::Replace));
        match self.mode.publish {
            Some(publish) if differs && publish.is_beside() => Err(Error::usage(format!(
                "--apply difference and auto write rows one by one, and --publish {publish} replaces them"
            ))
            .remedy("Leave out either: what differs is written in one transaction anyway")),
            _ => Ok(()),
        }
    }

    /// These options, with what the command line says, and the configuration where that says nothing.
    pub fn copy_options(&self, settings: &TableSettings, options: CopyOptions) -> CopyOptions {
        CopyOptions {
            apply: self.mode.apply.or(settings.apply).unwrap_or_default(),
            publish: self.mode.publish.unwrap_or(options.publish),
            allowance: self.cascading.over(options.allowance),
            ..options
        }
    }
}

crate::options! {
    /// What a replacement may do to columns, values and rows that the source does not have.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Guard {
        /// Columns that one side alone has, and rows that logins may not see.
        pub differences: DifferenceArgs,
        /// How many rows may go.
        pub shrinking: Shrinking,
    }
}

impl Guard {
    /// With what the configuration allows, too.
    pub fn allowance(&self, settings: &TableSettings) -> Allowance {
        let typed = Allowance {
            fill_missing_columns: self.differences.fill_missing_columns,
            shrink: self.shrinking.allow_shrink,
            row_filters: self.differences.allow_row_filters,
            cascade: false,
        };
        typed.or(settings.allowance())
    }

    /// Whether source columns that the target lacks are left out.
    pub fn ignores_extra_columns(&self, settings: &TableSettings) -> bool {
        self.differences.ignore_extra_columns || settings.ignore_extra_columns
    }

    /// How a table is to be replaced: as the command line says, and the configuration where that says nothing.
    pub fn copy_options(&self, settings: &TableSettings, load: LoadOptions) -> CopyOptions {
        CopyOptions {
            ignore_extra_columns: self.ignores_extra_columns(settings),
            allowance: self.allowance(settings),
            publish: settings.publish.unwrap_or_default(),
            load,
            ..CopyOptions::default()
        }
    }
}

/// Under which name, and with which columns, a table is copied.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct ReshapingArgs {
    /// of one table: its name at the target (default: the same)
    #[argh(option, arg_name = "table")]
    target: Option<String>,
    /// of one table: leave this column out; again for another
    #[argh(option, arg_name = "column")]
    exclude_columns: Vec<String>,
    /// of one table: take an expression of the source for a column, as email=LOWER(email); again for another
    #[argh(option, arg_name = "column=sql", from_str_fn(values::assignment))]
    column: Vec<(String, String)>,
}

/// Which rows of a table are copied.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct FilterArgs {
    /// of one table: the condition in T-SQL that its rows meet at the source, as it follows WHERE
    #[argh(option, long = "where", arg_name = "sql")]
    filter: Option<String>,
}

crate::options! {
    /// What of a table is copied, and under which name.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ArticleArgs {
        reshaping: ReshapingArgs,
        filter: FilterArgs,
    }
}

impl ReshapingArgs {
    /// What the configuration says of the table, and what was typed instead. Of columns, typed is what becomes of these: a
    /// column that the configuration hides does not come to light since another one is typed.
    #[must_use]
    pub fn over(&self, mut settings: TableSettings) -> TableSettings {
        settings.target = self.target.clone().or(settings.target);
        let is_typed = |name: &str| {
            let mut typed = self.exclude_columns.iter().chain(self.column.iter().map(|(column, _)| column));
            typed.any(|column| same_name(column, name))
        };
        settings.exclude_columns.retain(|column| !is_typed(column));
        settings.columns.retain(|column, _| !is_typed(column));
        settings.exclude_columns.extend(self.exclude_columns.iter().cloned());
        settings.columns.extend(self.column.iter().cloned());
        settings
    }

    fn is_given(&self) -> bool {
        self.target.is_some() || !self.exclude_columns.is_empty() || !self.column.is_empty()
    }
}

impl ArticleArgs {
    /// What the configuration says of the table, and what was typed instead.
    #[must_use]
    pub fn over(&self, settings: TableSettings) -> TableSettings {
        let settings = self.reshaping.over(settings);
        TableSettings { filter: self.filter.filter.clone().or(settings.filter), ..settings }
    }

    /// What of each table makes its copy: as configured, and of the tables of the run as typed.
    ///
    /// # Errors
    /// Those of [`TableSettings::article`]; a column that the configuration cuts windows by, and leaves out.
    pub fn articles(
        &self,
        configured: &Configured,
        tables: &[TableName],
    ) -> Result<HashMap<TableName, Article>> {
        let mut articles = configured.articles()?;
        for table in tables {
            let settings = self.over(configured.settings(table));
            let article = settings.article().map_err(|error| error.table(table))?;
            if let Some(date) = configured.date_column(table)
                && article.excluded().iter().any(|column| column.eq_ignore_ascii_case(date))
            {
                return Err(date_left_out(table, date));
            }
            articles.insert(table.clone(), article);
        }
        Ok(articles)
    }

    /// Something is typed of the table.
    pub fn is_given(&self) -> bool {
        self.reshaping.is_given() || self.filter.filter.is_some()
    }

    /// # Errors
    /// Of kind `Usage`: something is typed of one table, and there are others.
    pub fn of_one(&self, tables: &[TableName]) -> Result<()> {
        if tables.len() > 1 && self.is_given() {
            return Err(Error::usage(
                "--target, --where, --exclude-columns and --column go with a single table",
            )
            .remedy(
                "For several, write target, where, exclude_columns and columns in [tables] of replica.toml",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group<G: FromArgs>(line: &str) -> Result<G, String> {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        G::from_args(&["tool"], &words).map_err(|exit| exit.output)
    }

    #[test]
    fn what_the_command_line_leaves_open_the_configuration_says() {
        let settings = TableSettings {
            chunk_size: Some(5),
            ignore_extra_columns: true,
            allow_shrink: Shrink::percent(80).ok(),
            ..TableSettings::default()
        };
        let loading = |line: &str| group::<Loading>(line).unwrap().load_options(&settings);
        assert_eq!(loading("").chunk_rows, Some(5));
        assert_eq!(loading("--chunk-size 7").chunk_rows, Some(7));
        let request =
            |line: &str| group::<Guard>(line).unwrap().copy_options(&settings, LoadOptions::default());
        assert!(request("").ignore_extra_columns && !request("").allowance.fill_missing_columns);
        assert_eq!(request("").allowance.shrink, Shrink::percent(80).ok());
        assert_eq!(request("--allow-shrink 90").allowance.shrink, Shrink::percent(90).ok());
        assert!(request("--fill-missing-columns").allowance.fill_missing_columns);
    }

    #[test]
    fn a_column_that_is_typed_leaves_the_others_as_they_are_configured() {
        let columns = |all: &[(&str, &str)]| {
            all.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect()
        };
        let settings = TableSettings {
            exclude_columns: vec!["hash".into(), "salt".into()],
            columns: columns(&[("email", "'e'"), ("phone", "'p'"), ("name", "'n'")]),
            ..TableSettings::default()
        };
        let typed = "--exclude-columns Phone --column EMAIL=x --column salt=s";
        let settings = group::<ReshapingArgs>(typed).unwrap().over(settings);
        assert_eq!(settings.exclude_columns, ["hash", "Phone"]);
        assert_eq!(settings.columns, columns(&[("EMAIL", "x"), ("name", "'n'"), ("salt", "s")]));
    }

    #[test]
    fn either_name_of_explain_will_do() {
        let is_asked = |line: &str| group::<Explain>(line).unwrap().is_asked();
        assert!(is_asked("--explain") && is_asked("--dry-run") && !is_asked(""));
    }
}
