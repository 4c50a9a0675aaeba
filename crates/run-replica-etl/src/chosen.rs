//! Which tables of the configuration `--only` and its groups mean. Pure.
use std::collections::{BTreeSet, HashSet};

use replica_core::catalog::{ListEntry, NamedOrMatching, Names, TableName};
use replica_core::config::Config;
use replica_core::error::{Error, Result};

use crate::steps::Step;

/// What groups and `--only` are written of.
pub(crate) struct Listed<'a> {
    pub names: &'a Names,
    /// Those that the lists write.
    pub schemas: BTreeSet<String>,
    pub steps: &'a [Step],
}

impl Listed<'_> {
    /// The tables that `--only` asks for; `None`: all.
    ///
    /// # Errors
    /// Of kind `Usage`: what is no table of the configuration, or may be one of several.
    pub fn chosen(&self, config: &Config, only: &[String]) -> Result<Option<HashSet<TableName>>> {
        let mut groups = Vec::new();
        // All groups, so that a slip in one shows before the day that it is needed.
        for (name, members) in &config.groups {
            let place = format!("[groups] {name}");
            if name.parse().is_ok_and(|table| self.is_step(&self.names.of(&table))) {
                return Err(Error::usage(format!("{place} is the name of a table, too"))
                    .remedy("Give the group another name"));
            }
            groups.push((name, self.tables(&place, members)?));
        }
        if only.is_empty() {
            return Ok(None);
        }
        let mut chosen: HashSet<TableName> = HashSet::new();
        let (mut members, mut typed) = (Vec::new(), Vec::new());
        for text in only {
            match groups.iter().find(|(name, _)| *name == text) {
                Some((_, tables)) => members.extend(tables.iter().cloned()),
                None => typed.push(text.clone()),
            }
        }
        chosen.extend(members);
        // What is left out is left out of the groups, too, and of all tables where nothing else is named.
        let (out, typed): (Vec<_>, Vec<_>) = typed.into_iter().partition(|text| text.trim().starts_with('!'));
        chosen.extend(self.tables("--only", &typed)?);
        if out.len() == only.len() {
            chosen.extend(self.steps.iter().map(|step| step.table.clone()));
        }
        for text in &out {
            for table in self.entry("--only", text)?.1 {
                chosen.remove(&table);
            }
        }
        Ok(Some(chosen))
    }

    /// The tables of the configuration that a list of entries means.
    fn tables(&self, place: &str, texts: &[String]) -> Result<Vec<TableName>> {
        let (mut chosen, mut left_out) = (Vec::new(), Vec::new());
        for text in texts {
            let (excludes, tables) = self.entry(place, text)?;
            if excludes { left_out.extend(tables) } else { chosen.extend(tables) }
        }
        chosen.retain(|table| !left_out.contains(table));
        Ok(chosen)
    }

    /// The tables of the configuration that an entry is about, and whether it leaves them out.
    fn entry(&self, place: &str, text: &str) -> Result<(bool, Vec<TableName>)> {
        let entry = parse(place, text)?;
        let tables = match &entry.tables {
            NamedOrMatching::Named(name) => vec![self.table(place, text, name)?],
            NamedOrMatching::Matching(pattern) => {
                let steps = self.steps.iter().map(|step| &step.table);
                let found: Vec<_> = steps.filter(|table| self.names.is_of(table, pattern)).cloned().collect();
                if found.is_empty() && !entry.excludes {
                    return Err(Error::usage(format!(
                        "{place}: no table of the configuration is of the pattern {pattern}"
                    ))
                    .remedy(
                        "Correct it, or list such tables in reference_tables or date_tables of replica.toml",
                    ));
                }
                found
            }
        };
        Ok((entry.excludes, tables))
    }

    fn is_step(&self, table: &TableName) -> bool {
        self.steps.iter().any(|step| step.table == *table)
    }

    /// The table of the configuration that a text means: the schema may be left out where that leaves no doubt.
    fn table(&self, place: &str, text: &str, name: &TableName) -> Result<TableName> {
        let meant = self.names.of(name);
        if self.is_step(&meant) {
            return Ok(meant);
        }
        let alike = in_schemas(name, &self.schemas).into_iter().map(|name| self.names.of(&name));
        let alike: BTreeSet<TableName> = alike.filter(|table| self.is_step(table)).collect();
        match alike.iter().collect::<Vec<_>>()[..] {
            [table] => Ok(table.clone()),
            [one, other, ..] => {
                Err(Error::usage(format!("{place}: {text} may be {one} or {other}"))
                    .remedy("Write the schema"))
            }
            [] => Err(Error::usage(format!("{place}: {text} is not in the configuration"))
                .remedy("List it in reference_tables or date_tables of replica.toml; change_tables are for --t0 alone")),
        }
    }
}

/// The names that a name without schema may be short for.
pub(crate) fn in_schemas(name: &TableName, schemas: &BTreeSet<String>) -> Vec<TableName> {
    let schemas = schemas.iter().filter(|_| name.schema.is_none());
    schemas.map(|schema| TableName::new(schema, &name.name)).collect()
}

/// An entry as it stands at a `place`.
pub(crate) fn parse(place: &str, text: &str) -> Result<ListEntry> {
    text.parse().map_err(|error| Error::usage(format!("{place}: {error}")))
}
