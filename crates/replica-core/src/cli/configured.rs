//! What is written of tables, on the command line and in the configuration, brought to the tables that are meant.
use std::collections::HashMap;

use super::tables::{List, Written};
use crate::catalog::near::near;
use crate::catalog::{ListEntry, NamedOrMatching, Names, TableName};
use crate::config::{Config, Endpoint, TableSettings};
use crate::error::{Error, Result};
use crate::session::Role;

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

    /// The same, of names that were asked for.
    ///
    /// # Errors
    /// As [`Self::ask`], but for the server's.
    pub fn new(config: &Config, written: &[ListEntry], names: Names, role: Role) -> Result<Self> {
        let lists = lists(config, &names)?;
        let mut run: Vec<TableName> = lists.values().flatten().flatten().cloned().collect();
        run.extend(written.iter().flat_map(|entry| meant(&names, &entry.tables)));
        run.sort_unstable();
        run.dedup();
        let keys = Keys { names: &names, run: &run, role };
        let settings = keys.attach("[tables]", config.tables.iter())?;
        let date_columns = keys.attach("[date_filter_columns]", config.date_filter_columns.iter())?;
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

    /// The column that the configuration cuts a table's windows by.
    pub fn date_column(&self, table: &TableName) -> Option<&str> {
        self.date_columns.get(table).map(String::as_str)
    }
}

/// The tables of each list. What one list names, no pattern of another takes.
fn lists(config: &Config, names: &Names) -> Result<HashMap<List, Result<Vec<TableName>>>> {
    let entries = |list: List| list.entries(config);
    let mut tables = HashMap::new();
    for (list, other) in [(List::Reference, List::Dated), (List::Dated, List::Reference)] {
        let others = entries(other)?;
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
mod tests {
    use super::*;

    fn name(text: &str) -> TableName {
        text.parse().unwrap()
    }

    /// What a server says that compares without regard to case, and has dbo as the login's schema.
    fn names(written: &[&str], tables: &[&str]) -> Names {
        let tables: Vec<TableName> = tables.iter().map(|table| name(table)).collect();
        let find = |written: TableName| {
            let full = TableName::new(written.schema.as_deref().unwrap_or("dbo"), &written.name);
            let same =
                |table: &&TableName| table.to_string().to_lowercase() == full.to_string().to_lowercase();
            let table = tables.iter().find(same)?.clone();
            Some((written, table))
        };
        written.iter().map(|written| name(written)).filter_map(find).collect()
    }

    fn entries(texts: &[&str]) -> Vec<ListEntry> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn tables(known: &Configured, written: &[&str]) -> Result<Vec<String>> {
        let tables = known.tables(&Written { entries: entries(written), lists: Vec::new() })?;
        Ok(tables.iter().map(ToString::to_string).collect())
    }

    fn known(keys: &[&str], run: &[&str], tables: &[&str]) -> Result<Configured> {
        let mut config = Config::default();
        for key in keys {
            let set = TableSettings { chunk_size: Some(5), ..TableSettings::default() };
            config.tables.insert((*key).to_owned(), set);
            config.date_filter_columns.insert((*key).to_owned(), "DAY".into());
        }
        Configured::new(&config, &entries(run), names(&[keys, run].concat(), tables), Role::Source)
    }

    fn refused(known: Result<Configured>) -> String {
        let error = known.unwrap_err();
        assert_eq!(error.exit_code().number(), 2, "{error}");
        error.to_string()
    }

    #[test]
    fn settings_are_found_under_any_spelling() {
        for key in ["dbo.flights", "[DBO].[Flights]", "FLIGHTS", "\"dbo\".Flights"] {
            let run = ["flights", "dbo.FLIGHTS"];
            let known = known(&[key], &run, &["dbo.Flights", "hr.Flights"]).unwrap();
            assert_eq!(tables(&known, &run).unwrap(), ["dbo.Flights"]);
            assert_eq!(known.settings(&name("dbo.Flights")).chunk_size, Some(5), "{key}");
            assert_eq!(known.date_column(&name("dbo.Flights")), Some("DAY"), "{key}");
            assert_eq!(known.date_column(&name("hr.Flights")), None);
        }
    }

    #[test]
    fn a_key_that_means_no_table_is_named() {
        let message = refused(known(&["dbo.Flihgts"], &["dbo.Flights"], &["dbo.Flights"]));
        assert!(
            message.contains("dbo.Flihgts") && message.contains("Did you mean dbo.Flights?"),
            "{message}"
        );
        // Of another table that the source has, though it is not in the run.
        assert!(known(&["dbo.Other"], &["dbo.Flights"], &["dbo.Flights", "dbo.Other"]).is_ok());
        // Of a table that is gone: it is missed when its turn comes.
        let known = known(&["dbo.gone"], &["dbo.gone"], &[]).unwrap();
        assert_eq!(tables(&known, &["dbo.gone"]).unwrap(), ["dbo.gone"]);
        assert_eq!(known.date_column(&name("dbo.gone")), Some("DAY"));
    }

    #[test]
    fn two_keys_of_one_table_are_named() {
        let message = refused(known(&["dbo.t", "[dbo].[T]"], &["t"], &["dbo.T"]));
        assert!(message.contains("dbo.t") && message.contains("[dbo].[T]"), "{message}");
    }

    #[test]
    fn a_key_without_schema_is_not_taken_for_another_schemas_table() {
        let message = refused(known(&["t"], &["hr.T"], &["hr.T", "dbo.t"]));
        assert!(message.contains("that is dbo.t") && message.contains("\"hr.T\""), "{message}");
        assert!(known(&["dbo.t"], &["hr.T"], &["hr.T", "dbo.t"]).is_ok());
        assert!(known(&["t"], &["hr.T", "t"], &["hr.T", "dbo.t"]).is_ok());
    }

    /// A configuration and a server of these tables, of which the first is a view.
    fn listing(lists: [&[&str]; 2]) -> Configured {
        const TABLES: [&str; 6] = ["dbo.v", "dbo.a", "dbo.tmp_1", "dbo.[x*y]", "s.Fact_1", "s.log_1"];
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut config = Config::default();
        [config.reference_tables, config.date_tables] = lists.map(owned);
        let names = names(&["a", "dbo.a", "dbo.v", "s.fact_1", "dbo.[x*y]"], &TABLES);
        let tables = TABLES[1..].iter().map(|table| name(table)).collect();
        Configured::new(&config, &[], names.with_tables(tables, "Latin1_General_CI_AS"), Role::Source)
            .unwrap()
    }

    #[test]
    fn patterns_choose_tables_and_exclusions_win() {
        let known = listing([&[], &[]]);
        let chosen = |written: &[&str]| tables(&known, written);
        assert_eq!(chosen(&["dbo.*"]).unwrap(), ["dbo.a", "dbo.tmp_1", "dbo.[x*y]"]);
        assert_eq!(chosen(&["dbo.*", "!dbo.TMP_*"]).unwrap(), ["dbo.a", "dbo.[x*y]"]);
        assert_eq!(chosen(&["!s.log_*", "s.*"]).unwrap(), ["s.Fact_1"]);
        assert_eq!(chosen(&["a", "!s.none*", "dbo.?"]).unwrap(), ["dbo.a"]);
        assert_eq!(chosen(&["dbo.v", "*.fact_?"]).unwrap(), ["dbo.v", "s.Fact_1"]);
        assert_eq!(chosen(&["dbo.[x*y]", "!dbo.x*"]).unwrap_err().exit_code().number(), 2);
        assert_eq!(chosen(&["dbo.*", "!a", "!dbo.tmp_1"]).unwrap(), ["dbo.[x*y]"]);
        let none = chosen(&["dbo.*", "s.dim_*"]).unwrap_err();
        assert_eq!(none.exit_code().number(), 2);
        assert!(none.to_string().contains("s.dim_*"), "{none}");
    }

    #[test]
    fn what_one_list_names_no_pattern_of_the_other_takes() {
        let known = listing([&["*.*", "!*.log_*"], &["s.fact_1", "dbo.tmp_*"]]);
        let list =
            |list| known.list(list).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(list(List::Reference), "dbo.a dbo.tmp_1 dbo.[x*y]");
        assert_eq!(list(List::Dated), "s.Fact_1 dbo.tmp_1");
        assert!(known.is_listed(List::Dated, &name("s.Fact_1")));
        let known = listing([&["none.*"], &["dbo.a"]]);
        assert!(known.list(List::Reference).unwrap_err().to_string().starts_with("reference_tables: "));
        assert_eq!(known.list(List::Dated).unwrap(), [name("dbo.a")], "another list's slip is not its own");
    }
}
