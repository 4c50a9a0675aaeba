//! What is written of tables, on the command line and in the configuration, brought to the tables that are meant.
use std::collections::HashMap;
use std::pin::pin;

use futures_util::future::{Either, select};

use super::tables::{List, Written};
use crate::catalog::near::near;
use crate::catalog::{Article, ListEntry, NamedOrMatching, Names, TableName};
use crate::config::{Config, Endpoint, TableSettings};
use crate::error::{Error, Result};
use crate::session::{Role, Session};

/// The tables that a server has under the names that are written, and what the configuration says of each.
///
/// A key of `[tables]` or `[date_filter_columns]` that means no table is a slip, and would be without effect: another
/// date column would be taken, and other rows replaced. So every key has to name a table that the server has, or one
/// of the configuration's lists, which is missed when its turn comes.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    names: Names,
    /// The tables of each list, or what is wrong with it, which concerns whoever takes its tables.
    lists: HashMap<List, Result<Vec<TableName>>>,
    settings: HashMap<TableName, TableSettings>,
    date_columns: HashMap<TableName, String>,
}

impl Configured {
    /// Asks the source for the tables of a run and all that the configuration names; the target where rows come from
    /// no server.
    ///
    /// # Errors
    /// The server's; of kind `Usage`: a name that is none, a key that means no table, or the same as another.
    pub async fn ask(
        config: &Config,
        written: &[ListEntry],
        source: Option<&Endpoint>,
        target: &Endpoint,
    ) -> Result<Self> {
        let (server, role) = source.map_or((target, Role::Target), |source| (source, Role::Source));
        let mut all = written.to_vec();
        for list in List::ALL {
            all.extend(list.entries(config)?);
        }
        for key in config.tables.keys().chain(config.date_filter_columns.keys()) {
            all.push(parsed("[tables]", key)?.into());
        }
        let names = Names::ask(server, role, &all).await?;
        Self::new(config, written, names, role)
    }

    /// As [`Self::ask`], for whoever goes on to both servers: logs in at the target meanwhile.
    ///
    /// # Errors
    /// As [`Self::ask`], else those of a login at the target.
    pub async fn ask_and_meet(
        config: &Config,
        written: &[ListEntry],
        source: Option<&Endpoint>,
        target: &Endpoint,
    ) -> Result<Self> {
        let asked = pin!(Self::ask(config, written, source, target));
        if source.is_none() {
            return asked.await;
        }
        let met = pin!(async {
            Session::take(target, Role::Target).await?.give_back().await;
            Ok(())
        });
        match select(asked, met).await {
            Either::Left((asked, met)) => {
                let asked = asked?;
                let met: Result<()> = met.await;
                met.map(|()| asked)
            }
            Either::Right((met, asked)) => {
                let asked = asked.await?;
                met.map(|()| asked)
            }
        }
    }

    /// The same, of names that were asked for.
    ///
    /// # Errors
    /// As [`Self::ask`], but for the server's.
    pub fn new(config: &Config, written: &[ListEntry], names: Names, role: Role) -> Result<Self> {
        let lists = lists(config, &names)?;
        let mut run: Vec<TableName> = lists.values().flatten().flatten().cloned().collect();
        run.extend(written.iter().flat_map(|entry| meant(&names, &entry.tables)));
        if role == Role::Target {
            // The target has them under other names.
            let renamed = config.tables.iter().filter(|(_, settings)| settings.target.is_some());
            run.extend(renamed.map(|(key, _)| parsed("[tables]", key)).collect::<Result<Vec<_>>>()?);
        }
        run.sort_unstable();
        run.dedup();
        let keys = Keys { names: &names, run: &run, role };
        let settings = keys.attach("[tables]", config.tables.iter())?;
        let date_columns = keys.attach("[date_filter_columns]", config.date_filter_columns.iter())?;
        // A name that no table has replaces nothing: names of groups are asked for in every schema.
        run.retain(|table| names.has(table));
        one_source_each(&run, &settings)?;
        Ok(Self { names, lists, settings, date_columns })
    }

    /// The tables, each once, in the order in which they were written; a name that the server has no table of as it is
    /// written, to be missed when its turn comes.
    ///
    /// # Errors
    /// Of kind `Usage`: a pattern that no table is of, or nothing is left of all that is written.
    pub fn tables(&self, written: &Written) -> Result<Vec<TableName>> {
        let mut tables = Choice::new(&self.names, None);
        tables.include(&written.entries)?;
        for list in &written.lists {
            for table in self.list(*list)? {
                tables.add(table.clone());
            }
        }
        tables.without(&written.entries)
    }

    /// The tables of a list of the configuration.
    ///
    /// # Errors
    /// Of kind `Usage`, as [`Self::tables`].
    pub fn list(&self, list: List) -> Result<&[TableName]> {
        match self.lists.get(&list) {
            Some(Ok(tables)) => Ok(tables),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(&[]),
        }
    }

    /// Does a list of the configuration have the table?
    pub fn is_listed(&self, list: List, table: &TableName) -> bool {
        self.list(list).is_ok_and(|tables| tables.contains(table))
    }

    /// What a name stands for.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What the configuration says of a table.
    pub fn settings(&self, table: &TableName) -> TableSettings {
        self.settings.get(table).cloned().unwrap_or_default()
    }

    /// What of each table that the configuration has settings of makes its copy.
    ///
    /// # Errors
    /// Those of [`TableSettings::article`].
    pub fn articles(&self) -> Result<HashMap<TableName, Article>> {
        let article = |(table, settings): (&TableName, &TableSettings)| {
            Ok((table.clone(), settings.article().map_err(|error| error.table(table))?))
        };
        self.settings.iter().map(article).collect()
    }

    /// The column that the configuration cuts a table's windows by.
    pub fn date_column(&self, table: &TableName) -> Option<&str> {
        self.date_columns.get(table).map(String::as_str)
    }
}

/// Two tables that are one at the target would replace each other's rows. Names that differ in their case count as one,
/// which they are to most databases.
fn one_source_each(run: &[TableName], settings: &HashMap<TableName, TableSettings>) -> Result<()> {
    let mut sources = HashMap::<String, &TableName>::new();
    let renamed = settings.iter().filter(|(_, settings)| settings.target.is_some()).map(|(table, _)| table);
    for source in run.iter().chain(renamed) {
        let article = settings.get(source).map(TableSettings::article).transpose()?.unwrap_or_default();
        let target = article.target_of(source);
        if let Some(other) = sources.insert(target.to_string().to_lowercase(), source)
            && other != source
        {
            return Err(Error::usage(format!("{other} and {source} are both to be {target} at the target"))
                .remedy("Give one of them another target in [tables] of replica.toml"));
        }
    }
    Ok(())
}

/// The tables of each list. What one list names, no pattern of another takes.
fn lists(config: &Config, names: &Names) -> Result<HashMap<List, Result<Vec<TableName>>>> {
    let entries = |list: List| list.entries(config);
    let mut tables = HashMap::new();
    let lists =
        [(List::Reference, Some(List::Dated)), (List::Dated, Some(List::Reference)), (List::Changing, None)];
    for (list, other) in lists {
        let others = other.map(entries).transpose()?.unwrap_or_default();
        let others = others.iter().filter(|entry| !entry.excludes).filter_map(|entry| match &entry.tables {
            NamedOrMatching::Named(name) => Some(names.of(name)),
            NamedOrMatching::Matching(_) => None,
        });
        let others: Vec<_> = others.collect();
        let entries = entries(list)?;
        let chosen = || {
            let mut choice = Choice::new(names, Some((list, &others)));
            choice.include(&entries)?;
            choice.without(&entries)
        };
        tables.insert(list, if entries.is_empty() { Ok(Vec::new()) } else { chosen() });
    }
    Ok(tables)
}

/// The tables that an entry is about: one, or all of a pattern.
fn meant(names: &Names, tables: &NamedOrMatching) -> Vec<TableName> {
    match tables {
        NamedOrMatching::Named(name) => vec![names.of(name)],
        NamedOrMatching::Matching(pattern) => names.matching(pattern),
    }
}

/// Tables as a list of entries chooses them.
struct Choice<'a> {
    names: &'a Names,
    /// The list of the configuration, and the tables that its patterns are not to take.
    list: Option<(List, &'a [TableName])>,
    tables: Vec<TableName>,
}

impl<'a> Choice<'a> {
    fn new(names: &'a Names, list: Option<(List, &'a [TableName])>) -> Self {
        Self { names, list, tables: Vec::new() }
    }

    fn add(&mut self, table: TableName) {
        if !self.tables.contains(&table) {
            self.tables.push(table);
        }
    }

    /// # Errors
    /// A pattern that no table is of.
    fn include(&mut self, entries: &[ListEntry]) -> Result<()> {
        let mut named = Vec::new();
        for entry in entries.iter().filter(|entry| !entry.excludes) {
            let found = meant(self.names, &entry.tables);
            match &entry.tables {
                NamedOrMatching::Named(_) => {
                    for table in found {
                        if named.contains(&table) {
                            log::warn!("{table}: named twice, and taken once");
                        }
                        named.push(table.clone());
                        self.add(table);
                    }
                }
                NamedOrMatching::Matching(pattern) => {
                    if found.is_empty() {
                        let place = self.list.map_or(String::new(), |(list, _)| format!("{}: ", list.key()));
                        return Err(Error::usage(format!("{place}no table is of the pattern {pattern}")).remedy(
                            "Correct it, or take it out; views and histories of tables are only taken by their names",
                        ));
                    }
                    let others = self.list.map_or(&[][..], |(_, others)| others);
                    found
                        .into_iter()
                        .filter(|table| !others.contains(table))
                        .for_each(|table| self.add(table));
                }
            }
        }
        Ok(())
    }

    /// What is left when all that the entries exclude is taken out.
    ///
    /// # Errors
    /// Nothing is.
    fn without(mut self, entries: &[ListEntry]) -> Result<Vec<TableName>> {
        for entry in entries.iter().filter(|entry| entry.excludes) {
            match &entry.tables {
                NamedOrMatching::Named(name) => {
                    if self.names.get(name).is_none() {
                        log::warn!("!{name} leaves nothing out: there is no such table");
                    }
                    let table = self.names.of(name);
                    self.tables.retain(|other| *other != table);
                }
                NamedOrMatching::Matching(pattern) => {
                    let names = self.names;
                    self.tables.retain(|table| !names.is_of(table, pattern));
                }
            }
        }
        if self.tables.is_empty() {
            let place = self.list.map_or("the tables", |(list, _)| list.key());
            return Err(Error::usage(format!(
                "{place}: nothing is left, since all that is named is left out, too"
            ))
            .remedy("Take out an entry that begins with !"));
        }
        if entries.iter().any(|entry| matches!(entry.tables, NamedOrMatching::Matching(_))) {
            let names = self.tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let place = self.list.map_or("the tables", |(list, _)| list.key());
            log::info!("{place}: {} by their patterns: {names}", self.tables.len());
        }
        Ok(self.tables)
    }
}

fn parsed(place: &str, text: &str) -> Result<TableName> {
    text.parse().map_err(|error| Error::usage(format!("{place}: {error}")))
}

/// The keys of a section, and the tables that they may mean.
struct Keys<'a> {
    names: &'a Names,
    /// Those of the run and of the configuration's lists.
    run: &'a [TableName],
    role: Role,
}

impl Keys<'_> {
    fn attach<'a, V: Clone + 'a>(
        &self,
        section: &str,
        keys: impl Iterator<Item = (&'a String, &'a V)>,
    ) -> Result<HashMap<TableName, V>> {
        let mut attached = HashMap::new();
        let mut written = HashMap::<TableName, &str>::new();
        for (key, value) in keys {
            let table = self.table(section, key)?;
            if let Some(other) = written.insert(table.clone(), key) {
                return Err(Error::usage(format!("{section}: {other} and {key} are one table, {table}"))
                    .remedy("Keep one of the two keys"));
            }
            attached.insert(table, value.clone());
        }
        Ok(attached)
    }

    fn table(&self, section: &str, key: &str) -> Result<TableName> {
        let name = parsed(section, key)?;
        let role = self.role;
        let Some(table) = self.names.get(&name).or_else(|| self.run.iter().find(|table| **table == name))
        else {
            let error = Error::usage(format!(
                "{section} {key}: the {role} has no such table, or its login may not see it"
            ));
            return Err(match near(&name, self.run)[..] {
                [] => error.remedy("Correct the key, or take it out"),
                ref found => {
                    let found = found.iter().map(ToString::to_string).collect::<Vec<_>>();
                    error.remedy(format!("Did you mean {}?", found.join(" or ")))
                }
            });
        };
        if name.schema.is_some() || self.run.contains(table) {
            return Ok(table.clone());
        }
        let is_alike = |other: &&TableName| other.name.to_lowercase() == table.name.to_lowercase();
        match self.run.iter().find(is_alike) {
            None => Ok(table.clone()),
            Some(other) => Err(Error::usage(format!(
                "{section} {key}: that is {table} to the {role}'s login, not {other}"
            ))
            .remedy(format!("Write the schema: \"{other}\", or \"{table}\" if that is what is meant"))),
        }
    }
}

#[cfg(test)]
mod tests;
