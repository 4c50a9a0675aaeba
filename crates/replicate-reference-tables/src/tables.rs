//! Which tables: from the arguments, from stdin, from the configuration.
use std::io::BufRead;

use replica_core::catalog::TableName;
use replica_core::config::{Config, TableSettings};
use replica_core::error::{Error, Result};

use crate::args::Options;

/// The tables asked for, each once, in the order in which they were named.
///
/// # Errors
/// Of kind `Usage`: something that is no table name, `--all` without tables in the configuration, no table at all.
pub fn wanted(options: &Options, config: &Config, stdin: impl BufRead) -> Result<Vec<TableName>> {
    let mut names = Vec::new();
    let mut add = |text: &str| {
        let name: TableName = text.parse().map_err(|error| Error::usage(format!("{error}")))?;
        if !names.contains(&name) {
            names.push(name);
        }
        Ok::<_, Error>(())
    };
    options.tables.iter().try_for_each(|text| add(text))?;
    if options.stdin {
        for line in stdin.lines() {
            let line =
                line.map_err(|error| Error::usage(format!("cannot read table names from stdin: {error}")))?;
            if !line.trim().is_empty() {
                add(line.trim())?;
            }
        }
    }
    if options.all {
        if config.reference_tables.is_empty() {
            return Err(Error::usage("--all, but the configuration lists no tables")
                .remedy("Write reference_tables = [\"dbo.Airports\", ...] in replica.toml"));
        }
        config.reference_tables.iter().try_for_each(|text| add(text))?;
    }
    if names.is_empty() {
        return Err(Error::usage("no table is named on stdin"));
    }
    Ok(names)
}

/// What the configuration says of a table, under any spelling of its name.
pub fn settings(config: &Config, name: &TableName) -> TableSettings {
    let same = |key: &str| key.parse::<TableName>().is_ok_and(|key| key == *name);
    config.tables.iter().find(|(key, _)| same(key)).map(|(_, settings)| settings.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Parsed, parse};

    fn names(line: &str, stdin: &str, reference_tables: &[&str]) -> Result<Vec<String>> {
        let Parsed::Run(options) = parse("tool", line.split(' ').map(str::to_owned))? else {
            panic!("{line}")
        };
        let mut config = Config::default();
        config.reference_tables = reference_tables.iter().map(|name| (*name).to_owned()).collect();
        let names = wanted(&options, &config, stdin.as_bytes())?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_table_is_named_once() {
        let found = names("dbo.a - --all", "[dbo].[b]\r\n\n  dbo.a \n", &["dbo.c", "[dbo].[b]"]).unwrap();
        assert_eq!(found, ["dbo.a", "dbo.b", "dbo.c"]);
    }

    #[test]
    fn nothing_to_do_is_a_usage_error() {
        for error in [names("--all", "", &[]), names("-", "\n", &[]), names("a.b.c", "", &[])] {
            assert_eq!(error.unwrap_err().exit_code().number(), 2);
        }
    }

    #[test]
    fn settings_are_found_under_any_spelling() {
        let mut config = Config::default();
        let set = TableSettings { chunk_size: Some(5), ..TableSettings::default() };
        config.tables.insert("[dbo].[a]".into(), set.clone());
        assert_eq!(settings(&config, &"dbo.a".parse().unwrap()), set);
        assert_eq!(settings(&config, &"dbo.b".parse().unwrap()), TableSettings::default());
    }
}
