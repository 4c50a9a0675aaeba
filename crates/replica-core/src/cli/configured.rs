//! What is written of tables, on the command line and in the configuration, brought to the tables that are meant.
use std::collections::HashMap;

use crate::catalog::near::near;
use crate::catalog::{Names, TableName};
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
        written: &[TableName],
        source: Option<&Endpoint>,
        target: &Endpoint,
    ) -> Result<Self> {
        let (server, role) = source.map_or((target, Role::Target), |source| (source, Role::Source));
        let mut all = written.to_vec();
        all.extend(listed(config)?);
        for key in config.tables.keys().chain(config.date_filter_columns.keys()) {
            all.push(parsed("[tables]", key)?);
        }
        all.sort_unstable();
        all.dedup();
        let names = Names::ask(server, role, &all).await?;
        Self::new(config, written, names, role)
    }

    /// The same, of names that were asked for.
    ///
    /// # Errors
    /// As [`Self::ask`], but for the server's.
    pub fn new(config: &Config, written: &[TableName], names: Names, role: Role) -> Result<Self> {
        let mut run: Vec<TableName> =
            written.iter().chain(&listed(config)?).map(|name| names.of(name)).collect();
        run.sort_unstable();
        run.dedup();
        let keys = Keys { names: &names, run: &run, role };
        let settings = keys.attach("[tables]", config.tables.iter())?;
        let date_columns = keys.attach("[date_filter_columns]", config.date_filter_columns.iter())?;
        Ok(Self { names, settings, date_columns })
    }

    /// The tables, each once, in the order in which they were named; a name that the server has no table of as it is
    /// written, to be missed when its turn comes.
    pub fn tables(&self, written: &[TableName]) -> Vec<TableName> {
        let mut tables: Vec<TableName> = Vec::new();
        for name in written {
            let table = self.names.of(name);
            if tables.contains(&table) {
                log::warn!("{table}: named twice, and taken once");
            } else {
                tables.push(table);
            }
        }
        tables
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

/// The tables that the configuration lists.
fn listed(config: &Config) -> Result<Vec<TableName>> {
    let list =
        |list, names: &[String]| names.iter().map(|name| parsed(list, name)).collect::<Result<Vec<_>>>();
    let mut listed = list("reference_tables", &config.reference_tables)?;
    listed.extend(list("date_tables", &config.date_tables)?);
    Ok(listed)
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

    fn known(keys: &[&str], run: &[&str], tables: &[&str]) -> Result<Configured> {
        let mut config = Config::default();
        for key in keys {
            let set = TableSettings { chunk_size: Some(5), ..TableSettings::default() };
            config.tables.insert((*key).to_owned(), set);
            config.date_filter_columns.insert((*key).to_owned(), "DAY".into());
        }
        let run_names: Vec<TableName> = run.iter().map(|table| name(table)).collect();
        Configured::new(&config, &run_names, names(&[keys, run].concat(), tables), Role::Source)
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
            let table = known.tables(&[name("flights"), name("dbo.FLIGHTS")]);
            assert_eq!(table, [name("dbo.Flights")]);
            assert_eq!(known.settings(&table[0]).chunk_size, Some(5), "{key}");
            assert_eq!(known.date_column(&table[0]), Some("DAY"), "{key}");
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
        assert_eq!(known.tables(&[name("dbo.gone")]), [name("dbo.gone")]);
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
}
