//! Which tables: from the arguments, from stdin, from the configuration.
use std::io::BufRead;

use crate::catalog::TableName;
use crate::error::{Error, Result};

/// The tables asked for, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// From the arguments; `-` is in `stdin`.
    pub named: Vec<String>,
    pub stdin: bool,
    /// `--all`: those of the configuration.
    pub all: bool,
}

impl Selection {
    /// # Errors
    /// Of kind `Usage`: nothing is selected; `way_out` says how to.
    pub fn required(self, way_out: &str) -> Result<Self> {
        if self.named.is_empty() && !self.stdin && !self.all {
            return Err(Error::usage("no table is named").remedy(way_out));
        }
        Ok(self)
    }

    /// The tables, each once, in the order in which they were named. `listed` are those of the configuration.
    ///
    /// # Errors
    /// Of kind `Usage`: something that is no table name, `--all` without tables in the configuration, no table at all.
    pub fn names(&self, listed: &[String], stdin: impl BufRead) -> Result<Vec<TableName>> {
        let mut names = Vec::new();
        let mut add = |text: &str| {
            let name: TableName = text.parse().map_err(|error| Error::usage(format!("{error}")))?;
            if !names.contains(&name) {
                names.push(name);
            }
            Ok::<_, Error>(())
        };
        self.named.iter().try_for_each(|text| add(text))?;
        if self.stdin {
            for line in stdin.lines() {
                let line = line
                    .map_err(|error| Error::usage(format!("cannot read table names from stdin: {error}")))?;
                // Windows' editors begin a file with a byte order mark.
                let name = line.trim_start_matches('\u{feff}').trim();
                if !name.is_empty() && !name.starts_with('#') {
                    add(name)?;
                }
            }
        }
        if self.all {
            if listed.is_empty() {
                return Err(Error::usage("--all, but the configuration lists no tables")
                    .remedy("Write reference_tables = [\"dbo.Airports\", ...] in replica.toml"));
            }
            listed.iter().try_for_each(|text| add(text))?;
        }
        if names.is_empty() {
            return Err(Error::usage("no table is named on stdin"));
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(named: &[&str], stdin: Option<&str>, listed: Option<&[&str]>) -> Result<Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let selection = Selection { named: owned(named), stdin: stdin.is_some(), all: listed.is_some() };
        let listed = owned(listed.unwrap_or_default());
        let names = selection.names(&listed, stdin.unwrap_or_default().as_bytes())?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_table_is_named_once() {
        let stdin = Some("\u{feff}[dbo].[b]\r\n\n  # dbo.d\n  dbo.a \n");
        let found = names(&["dbo.a"], stdin, Some(&["dbo.c", "[dbo].[b]"])).unwrap();
        assert_eq!(found, ["dbo.a", "dbo.b", "dbo.c"]);
    }

    #[test]
    fn nothing_to_do_is_a_usage_error() {
        let nothing = Selection::default().required("Name one").unwrap_err();
        assert!(nothing.to_string().contains("Name one"));
        for error in
            [names(&[], None, Some(&[])), names(&[], Some("\n"), None), names(&["a.b.c"], None, None)]
        {
            assert_eq!(error.unwrap_err().exit_code().number(), 2);
        }
    }
}
