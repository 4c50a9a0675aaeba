//! Lists of tables as users write them: names, names with wildcards, and what is to be left out.
use std::fmt;
use std::str::FromStr;

use super::name::{self, NameError, TableName, quote};
use super::server::ServerFacts;

/// One entry of a list of tables: `dbo.Sales`, `sales.fact_*`, or `!dbo.tmp_*`, which leaves tables out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListEntry {
    /// It leaves tables out, whatever else of the list names them.
    pub excludes: bool,
    /// The tables that are meant.
    pub tables: NamedOrMatching,
}

/// The tables that an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NamedOrMatching {
    /// One table, which has to be there.
    Named(TableName),
    /// Every table that matches, which may be none.
    Matching(TablePattern),
}

/// A schema and a name with wildcards: `*` stands for any characters, `?` for one. What is quoted is meant as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TablePattern {
    schema: PatternPart,
    name: PatternPart,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PatternPart {
    text: String,
    /// Between brackets or quotes: its wildcards are characters like any other.
    quoted: bool,
}

const WILDCARDS: [char; 2] = ['*', '?'];

impl From<TableName> for ListEntry {
    fn from(name: TableName) -> Self {
        Self { excludes: false, tables: NamedOrMatching::Named(name) }
    }
}

impl FromStr for ListEntry {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let entry = text.trim();
        let (excludes, text) = match entry.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, entry),
        };
        let parts = name::parts(text)?;
        let is_wild = |(part, quoted): &(String, bool)| !quoted && part.contains(WILDCARDS);
        if !parts.iter().any(is_wild) {
            return Ok(Self { excludes, tables: NamedOrMatching::Named(text.parse()?) });
        }
        let [schema, name] = <[_; 2]>::try_from(parts)
            .map_err(|_| NameError::new(text, "with * or ? it takes a schema and a name, as in dbo.*"))?
            .map(|(text, quoted)| PatternPart { text, quoted });
        Ok(Self { excludes, tables: NamedOrMatching::Matching(TablePattern { schema, name }) })
    }
}

impl TablePattern {
    /// Whether a table's name is of this pattern where names compare by `collation`.
    pub fn matches(&self, table: &TableName, collation: &str) -> bool {
        let schema = table.schema.as_deref().unwrap_or_default();
        self.schema.matches(schema, collation) && self.name.matches(&table.name, collation)
    }
}

impl PatternPart {
    fn matches(&self, name: &str, collation: &str) -> bool {
        if self.quoted {
            return ServerFacts::same_name(collation, &self.text, name);
        }
        let folded = |text: &str| -> Vec<char> {
            if ServerFacts::is_case_sensitive(collation) {
                text.chars().collect()
            } else {
                text.to_lowercase().chars().collect()
            }
        };
        matches(&folded(&self.text), &folded(name))
    }
}

/// Goes back to the last `*` only, which is enough: what an earlier one took cannot matter once a later one is reached.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Behind the last `*`, and the first character that it has not taken yet.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                p += 1;
                star = Some((p, n));
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((behind, taken)) => {
                    p = behind;
                    n = taken + 1;
                    star = Some((behind, n));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |part: &PatternPart| if part.quoted { quote(&part.text) } else { part.text.clone() };
        write!(f, "{}.{}", shown(&self.schema), shown(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_of(pattern: &str, table: &str, collation: &str) -> bool {
        let NamedOrMatching::Matching(pattern) = pattern.parse::<ListEntry>().unwrap().tables else {
            panic!("{pattern} has no wildcard");
        };
        pattern.matches(&table.parse().unwrap(), collation)
    }

    #[test]
    fn wildcards_stand_for_characters() {
        for (pattern, table) in [
            ("dbo.*", "dbo.Anything at all"),
            ("sales.fact_?", "Sales.FACT_1"),
            ("*.fact*_20??", "hr.fact_a_20_b_2024"),
            ("[a*b].*", "[a*b].x"),
            ("dbo.*a*", "dbo.a"),
            ("dbo.*", "dbo.[a.b]"),
        ] {
            assert!(is_of(
                pattern,
                &table.replace("Anything at all", "[Anything at all]"),
                "Latin1_General_CI_AS"
            ));
        }
        for (pattern, table) in [
            ("dbo.*", "hr.t"),
            ("sales.fact_?", "sales.fact_10"),
            ("sales.fact_?", "sales.fact_"),
            ("dbo.*_log", "dbo.log_a"),
            ("[a*b].*", "axb.x"),
            ("dbo.fact_*", "dbo.factX1"),
        ] {
            assert!(!is_of(pattern, table, "Latin1_General_CI_AS"), "{pattern} {table}");
        }
    }

    #[test]
    fn case_goes_by_the_servers_collation() {
        assert!(!is_of("dbo.fact*", "dbo.Facts", "Latin1_General_CS_AS"));
        assert!(!is_of("dbo.fact*", "dbo.Facts", "Latin1_General_BIN2"));
        assert!(is_of("dbo.Fact*", "dbo.Facts", "Latin1_General_CS_AS"));
    }

    #[test]
    fn an_entry_names_matches_or_leaves_out() {
        let entry = |text: &str| text.parse::<ListEntry>();
        let named = entry("dbo.[a*b]").unwrap();
        assert_eq!(named, TableName::new("dbo", "a*b").into());
        let left_out = entry(" !dbo.tmp_* ").unwrap();
        assert!(left_out.excludes && matches!(left_out.tables, NamedOrMatching::Matching(_)));
        let left_out = entry("!t").unwrap();
        assert!(left_out.excludes && matches!(left_out.tables, NamedOrMatching::Named(_)));
        assert_eq!(entry("[!t]").unwrap(), "[!t]".parse::<TableName>().unwrap().into());
        for wrong in ["*", "fact_*", "!tmp_*", "a.b.*", "!", "", "dbo.", "a b[*.x"] {
            assert!(entry(wrong).is_err(), "{wrong}");
        }
        let NamedOrMatching::Matching(pattern) = entry("[a.b].t*").unwrap().tables else { panic!() };
        assert_eq!(pattern.to_string(), "[a.b].t*");
    }
}
