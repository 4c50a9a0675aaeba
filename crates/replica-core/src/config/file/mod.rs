//! `replica.toml`, and how it goes together with the environment.
//! docs/CONNECTING.md shows one.
pub(super) mod endpoint;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::location::{self, ConfigFolder, FILE_NAME, PLACES};
use super::{Allowance, Apply, Endpoint, Etl, Notify, Publish, SchemaSettings, Shrink, read_small_text};
use crate::catalog::{Article, TableName};
use crate::error::{Error, Result};
use endpoint::RawEndpoint;

/// Everything that is configured outside the command line.
#[derive(Clone, Debug, Default)]
pub struct Config {
    file: Option<PathBuf>,
    source: Option<Endpoint>,
    target: Option<Endpoint>,
    /// The tables that `--all` copies, and every run of run-replica-etl, as written.
    pub reference_tables: Vec<String>,
    /// The tables that run-replica-etl replaces by days, as written.
    pub date_tables: Vec<String>,
    /// The tables whose changes replicate-changes carries over, as written.
    pub change_tables: Vec<String>,
    /// Tables of these lists by a name for several.
    pub groups: BTreeMap<String, Vec<String>>,
    /// What run-replica-etl alone reads.
    pub etl: Etl,
    /// Who is told when a run ends.
    pub notify: Notify,
    /// How the replica's tables are made.
    pub schema: SchemaSettings,
    /// Settings by table name, as written.
    pub tables: BTreeMap<String, TableSettings>,
    /// The column that a table's date windows are cut by, by table name as written.
    pub date_filter_columns: BTreeMap<String, String>,
}

/// What may be set for one table. An option on the command line wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TableSettings {
    /// Rows in one bulk message.
    pub chunk_size: Option<u64>,
    /// Rows in one transaction.
    pub commit_interval: Option<u64>,
    /// Leave out source columns that the target lacks.
    #[serde(default)]
    pub ignore_extra_columns: bool,
    /// Fill target columns that the source lacks with NULL or their default, whatever they hold.
    #[serde(default)]
    pub fill_missing_columns: bool,
    /// How much smaller it, or a window of it, may become.
    pub allow_shrink: Option<Shrink>,
    /// Both logins see all of its rows, whatever security policies there are.
    #[serde(default)]
    pub allow_row_filters: bool,
    /// How it, or a window of it, is brought in step.
    pub apply: Option<Apply>,
    /// How its new rows, or those of a window of it, become visible.
    pub publish: Option<Publish>,
    /// Rows of other tables may go or change with rows that are gone at the source.
    #[serde(default)]
    pub allow_cascade: bool,
    /// Windows of this table that run-replica-etl replaces at once.
    pub max_workers: Option<usize>,
    /// Days before the day that run-replica-etl replaces with it.
    pub look_back_days: Option<u16>,
    /// Its name at the target.
    pub target: Option<String>,
    /// The condition that its rows meet, as it follows WHERE.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Columns that are not copied.
    #[serde(default)]
    pub exclude_columns: Vec<String>,
    /// Expressions of the source, by the column that takes them.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

impl TableSettings {
    /// What of the table is copied, and under which name.
    ///
    /// # Errors
    /// Of kind `Usage`: no table name; those of [`Article::new`].
    pub fn article(&self) -> Result<Article> {
        let target =
            self.target.as_ref().map(|name| name.parse().map_err(|error| Error::usage(format!("{error}"))));
        Article::new(
            target.transpose()?,
            self.filter.clone(),
            self.exclude_columns.clone(),
            self.columns.clone(),
        )
    }

    /// What is written about rows and values that a replacement may lose.
    pub fn allowance(&self) -> Allowance {
        Allowance {
            fill_missing_columns: self.fill_missing_columns,
            shrink: self.allow_shrink,
            row_filters: self.allow_row_filters,
            cascade: self.allow_cascade,
        }
    }
}

impl Config {
    /// Reads `file`, or the one that is found where none is named, and the environment.
    /// `REPLICA_SOURCE` and `REPLICA_TARGET` win over the file.
    ///
    /// # Errors
    /// An unreadable file; an unknown key or bad value, with its line.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        Self::read(file, location::find(file, |name| std::env::var_os(name)))
    }

    /// The file in which a first configuration goes: `named`, or the one that `REPLICA_CONFIG` names, or `replica.toml` in
    /// the current folder; and what is configured before it is there.
    ///
    /// # Errors
    /// Of kind `Usage`: there is such a file. Those of [`Self::load`], of another one that is found.
    pub fn before(named: Option<&Path>) -> Result<(PathBuf, Self)> {
        let environment = |name: &str| std::env::var_os(name);
        let file = location::named(named, environment).unwrap_or_else(|| FILE_NAME.into());
        if file.symlink_metadata().is_ok() {
            return Err(Error::usage(format!("{} is there already", file.display()))
                .remedy("Name another file with --config, or move that one away"));
        }
        Ok((file, Self::read(None, location::found(environment))?))
    }

    fn read(file: Option<&Path>, path: Option<PathBuf>) -> Result<Self> {
        let environment = |name: &str| std::env::var(name).ok();
        let mut config = match &path {
            Some(path) => {
                // Nobody named it, and it is out of sight.
                if file.is_none() && path.is_absolute() {
                    log::info!("the configuration is {}", path.display());
                }
                let within = |error: Error| error.within(path.display());
                Self::parse(&read(path)?, &ConfigFolder::of(path)?, &environment).map_err(within)?
            }
            None => Self::default(),
        };
        config.file = path;
        for (name, side) in [("REPLICA_SOURCE", &mut config.source), ("REPLICA_TARGET", &mut config.target)] {
            if let Some(text) = environment(name).filter(|text| !text.trim().is_empty()) {
                *side = Some(Endpoint::from_connection_string(&text).map_err(|e| e.within(name))?);
            }
        }
        for (name, side) in [("source", &config.source), ("target", &config.target)] {
            if let Some(ignored) = side.as_ref().map(|side| &side.without_effect).filter(|it| !it.is_empty())
            {
                log::warn!(
                    "{name}: these keywords of the connection string have no effect: {}",
                    ignored.join(", ")
                );
            }
        }
        Ok(config)
    }

    /// The file that was read, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Where rows come from.
    ///
    /// # Errors
    /// No source is configured.
    pub fn source(&self) -> Result<&Endpoint> {
        self.source.as_ref().ok_or_else(|| not_configured("source", "REPLICA_SOURCE"))
    }

    /// Where rows go to.
    ///
    /// # Errors
    /// No target is configured.
    pub fn target(&self) -> Result<&Endpoint> {
        self.target.as_ref().ok_or_else(|| not_configured("target", "REPLICA_TARGET"))
    }

    fn parse(text: &str, folder: &ConfigFolder, environment: &Environment<'_>) -> Result<Self> {
        let raw: RawConfig = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            // Only the message: the error's own Display repeats the line, which may hold a password.
            Error::usage(format!("{place}{}", error.message()))
        })?;
        let side = |name: &str, raw: Option<RawEndpoint>| match raw {
            Some(raw) => raw.resolve(name, folder, environment).map(Some).map_err(|e| e.within(name)),
            None => Ok(None),
        };
        let mut notify = raw.notify;
        for (key, path) in [("url_file", &mut notify.url_file), ("token_file", &mut notify.token_file)] {
            *path = path.take().map(|path| folder.resolve(&format!("[notify] {key}"), &path));
        }
        let mut etl = raw.etl;
        for (key, path) in
            [("record_dir", &mut etl.record_dir), ("prometheus_file", &mut etl.prometheus_file)]
        {
            *path = path.take().map(|path| folder.resolve(&format!("[etl] {key}"), &path));
        }
        Self {
            file: None,
            source: side("[source]", raw.source)?,
            target: side("[target]", raw.target)?,
            reference_tables: raw.reference_tables,
            date_tables: raw.date_tables,
            change_tables: raw.change_tables,
            groups: raw.groups,
            etl,
            notify,
            schema: raw.schema,
            tables: raw.tables,
            date_filter_columns: raw.date_filter_columns,
        }
        .validated()
    }

    /// Checks what no single value can say.
    fn validated(self) -> Result<Self> {
        for name in self.tables.keys().chain(self.date_filter_columns.keys()) {
            name.parse::<TableName>()?;
        }
        for (name, settings) in &self.tables {
            if [settings.chunk_size, settings.commit_interval].contains(&Some(0)) {
                return Err(Error::usage(format!(
                    "[tables] {name}: chunk_size and commit_interval are numbers of rows, at least 1"
                )));
            }
            settings.article().map_err(|error| error.within(format!("[tables] {name}")))?;
        }
        Ok(self)
    }
}

/// The tables that a configuration names, and its groups, as far as it can be read; no patterns.
pub(crate) fn listed(file: Option<&Path>) -> BTreeSet<String> {
    let path = location::find(file, |name| std::env::var_os(name));
    let text = path.and_then(|path| read(&path).ok()).unwrap_or_default();
    let Ok(raw) = toml::from_str::<RawConfig>(&text) else { return BTreeSet::new() };
    let lists = raw.reference_tables.into_iter().chain(raw.date_tables).chain(raw.groups.into_keys());
    let names = lists.chain(raw.tables.into_keys()).chain(raw.date_filter_columns.into_keys());
    names.filter(|name| !name.contains(['*', '?', '!', '\n'])).collect()
}

/// What a variable holds.
type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn not_configured(side: &str, variable: &str) -> Error {
    Error::usage(format!("No {side} is configured")).remedy(format!(
        "Set {variable} to a connection string (Server=host,1433;Database=db;User Id=u;Password=p), \
         or write [{side}] in {FILE_NAME}, {PLACES}."
    ))
}

fn read(path: &Path) -> Result<String> {
    let text = std::fs::File::open(path).and_then(read_small_text);
    text.map_err(|e| {
        Error::usage(format!("Cannot read {}: {e}", path.display()))
            .remedy("Correct --config or REPLICA_CONFIG, or let this user read the file")
    })
}

/// The configuration of the replica tools.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    /// Where rows come from; REPLICA_SOURCE wins.
    source: Option<RawEndpoint>,
    /// Where rows go to; REPLICA_TARGET wins.
    target: Option<RawEndpoint>,
    /// Tables that are replaced as a whole: names, patterns ('dbo.*'), exclusions ('!dbo.tmp_*').
    #[serde(default)]
    reference_tables: Vec<String>,
    /// Tables that run-replica-etl replaces by days.
    #[serde(default)]
    date_tables: Vec<String>,
    /// Tables whose changes replicate-changes carries over, and run-replica-etl --t0.
    #[serde(default)]
    change_tables: Vec<String>,
    /// Tables of these lists by a name for several, for --only.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    /// How run-replica-etl runs.
    #[serde(default)]
    etl: Etl,
    /// Who is told when a run ends.
    #[serde(default)]
    notify: Notify,
    /// How the replica's tables are made.
    #[serde(default)]
    schema: SchemaSettings,
    /// Settings of one table, by its name.
    #[serde(default)]
    tables: BTreeMap<String, TableSettings>,
    /// The column that says to which day a row belongs, by the table's name.
    #[serde(default)]
    date_filter_columns: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests;
