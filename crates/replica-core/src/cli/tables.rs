//! Which tables: from the arguments, from stdin, from the configuration.
use std::io::BufRead;

use crate::catalog::ListEntry;
use crate::config::Config;
use crate::error::{Error, Result};

/// The tables asked for, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// From the arguments; `-` is in `stdin`.
    pub named: Vec<String>,
    /// A lone `-` was among the arguments: more names come from stdin.
    pub stdin: bool,
    /// `--all`: those of the configuration that suit the tool.
    pub all: bool,
}

/// The tables asked for, as parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// In the order in which they were written.
    pub entries: Vec<ListEntry>,
    /// Lists of the configuration, all of whose tables are meant.
    pub lists: Vec<List>,
}

/// A list of tables in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// Tables that are replaced as a whole.
    Reference,
    /// Tables that are replaced by days.
    Dated,
    /// Tables whose changes are carried over, and which the other lists may have, too.
    Changing,
}

impl List {
    /// All lists, in the order in which their tables are taken.
    pub const ALL: [Self; 3] = [Self::Reference, Self::Dated, Self::Changing];

    /// Its key in `replica.toml`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Reference => "reference_tables",
            Self::Dated => "date_tables",
            Self::Changing => "change_tables",
        }
    }

    /// As written.
    pub fn of(self, config: &Config) -> &[String] {
        match self {
            Self::Reference => &config.reference_tables,
            Self::Dated => &config.date_tables,
            Self::Changing => &config.change_tables,
        }
    }

    /// # Errors
    /// Of kind `Usage`: something that is neither a name nor a pattern.
    pub fn entries(self, config: &Config) -> Result<Vec<ListEntry>> {
        self.of(config).iter().map(|text| entry(Some(self.key()), text)).collect()
    }
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

    /// What was written, and what `--all` stands for: those of `lists` that the configuration has.
    ///
    /// # Errors
    /// Of kind `Usage`: something that is no table name, `--all` without tables in the configuration, no table at all.
    pub fn written(&self, config: &Config, lists: &[List], stdin: impl BufRead) -> Result<Written> {
        let mut written = Written::default();
        for text in &self.named {
            written.entries.push(entry(None, text)?);
        }
        if self.stdin {
            for line in stdin.lines() {
                let line = line
                    .map_err(|error| Error::usage(format!("cannot read table names from stdin: {error}")))?;
                // Windows' editors begin a file with a byte order mark.
                let name = line.trim_start_matches('\u{feff}').trim();
                if !name.is_empty() && !name.starts_with('#') {
                    written.entries.push(entry(None, name)?);
                }
            }
        }
        if self.all {
            written.lists.extend(lists.iter().filter(|list| !list.of(config).is_empty()));
            if written.lists.is_empty() {
                let keys: Vec<_> =
                    lists.iter().map(|list| format!("{} = [\"dbo.T\", ...]", list.key())).collect();
                return Err(Error::usage("--all, but the configuration lists no tables")
                    .remedy(format!("Write {} in replica.toml", keys.join(" or "))));
            }
        }
        if written.lists.is_empty() && written.entries.is_empty() {
            return Err(Error::usage("no table is named on stdin"));
        }
        if written.lists.is_empty() && written.entries.iter().all(|entry| entry.excludes) {
            return Err(Error::usage("tables are left out of none")
                .remedy("Beside what !... leaves out, name what is to be taken: 'dbo.*', or --all"));
        }
        Ok(written)
    }
}

/// `place`: the list of the configuration that it is in.
pub(super) fn entry(place: Option<&str>, text: &str) -> Result<ListEntry> {
    text.parse().map_err(|error| match place {
        Some(place) => Error::usage(format!("{place}: {error}")),
        None => Error::usage(format!("{error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(named: &[&str], stdin: Option<&str>, listed: Option<&[&str]>) -> Result<Written> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let selection = Selection { named: owned(named), stdin: stdin.is_some(), all: listed.is_some() };
        let mut config = Config::default();
        config.date_tables = owned(listed.unwrap_or_default());
        selection.written(&config, &List::ALL, stdin.unwrap_or_default().as_bytes())
    }

    #[test]
    fn tables_come_from_everywhere() {
        let stdin = Some("\u{feff}[dbo].[b]\r\n\n  # dbo.d\n  dbo.c_* \n");
        let found = written(&["dbo.a", "!dbo.c_1"], stdin, Some(&["dbo.d"])).unwrap();
        let entries = ["dbo.a", "!dbo.c_1", "dbo.b", "dbo.c_*"].map(|text| text.parse().unwrap());
        assert_eq!(found, Written { entries: entries.into(), lists: vec![List::Dated] });
    }

    #[test]
    fn nothing_to_do_is_a_usage_error() {
        let nothing = Selection::default().required("Name one").unwrap_err();
        assert!(nothing.to_string().contains("Name one"));
        for error in [
            written(&[], None, Some(&[])),
            written(&[], Some("\n"), None),
            written(&["a.b.c"], None, None),
            written(&["!dbo.a"], None, None),
        ] {
            assert_eq!(error.unwrap_err().exit_code().number(), 2);
        }
        assert!(written(&["!dbo.a"], None, Some(&["dbo.*"])).is_ok());
    }
}
