//! What SWITCH demands of the two tables, checked against the catalog before anything is loaded. docs/PUBLISHING.md, "The
//! rules of SWITCH", has the list and its sources.
//!
//! The table beside the target is built like it, so most rules hold by themselves. What is left is what cannot be built,
//! and what stands in the way whatever is built.
use std::fmt;

use super::SwitchFacts;
use crate::catalog::Table;
use crate::catalog::TableName;
use crate::schema::Definition;
use crate::schema::definition::{ColumnDefinition, DataSpace};

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BrokenRule {
    /// The server's error, where it has one of its own.
    pub number: Option<u32>,
    /// What stands in the way.
    pub what: String,
}

impl BrokenRule {
    pub(crate) fn new(number: u32, what: impl Into<String>) -> Self {
        Self { number: Some(number), what: what.into() }
    }

    pub(crate) fn unnumbered(what: impl Into<String>) -> Self {
        Self { number: None, what: what.into() }
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.number.map_or(Ok(()), |number| write!(f, " (error {number})"))
    }
}

/// Column traits that a table beside the target would lack, or that SWITCH compares.
const COLUMN_TRAITS: [(&str, Option<u32>); 10] = [
    ("a rule", Some(4964)),
    ("ROWGUIDCOL", Some(4958)),
    ("FILESTREAM", Some(4951)),
    ("SPARSE", Some(11412)),
    ("a column set", Some(11413)),
    ("an XML schema collection", Some(4987)),
    ("ANSI_PADDING OFF", Some(4952)),
    ("GENERATED ALWAYS", Some(13577)),
    ("a mask", None),
    ("Always Encrypted", None),
];

/// Every rule that does not hold for the rows of `target` to change places, each once.
pub(crate) fn broken_rules(target: &Table, definition: &Definition, facts: &SwitchFacts) -> Vec<BrokenRule> {
    let mut broken = Vec::new();
    if target.traits().unchecked_loads {
        broken.push(BrokenRule::unnumbered("Babelfish has no SWITCH"));
    }
    if target.object.can_alter == Some(false) {
        broken.push(BrokenRule::unnumbered("it takes ALTER on the table"));
    }
    broken.extend(incoming_keys(target, definition));
    broken.extend(definition.columns.iter().flat_map(column));
    broken.extend(indexes(definition));
    broken.extend(definition.traits.iter().filter_map(|what| table_trait(what)));
    broken.extend(facts.broken());
    broken
}

fn incoming_keys<'a>(target: &'a Table, definition: &'a Definition) -> impl Iterator<Item = BrokenRule> + 'a {
    let mut seen: Vec<(&str, &TableName)> = Vec::new();
    for key in &definition.referenced_by {
        if !seen.contains(&(key.name.as_str(), &key.table)) {
            seen.push((&key.name, &key.table));
        }
    }
    let unseen = (seen.is_empty() && target.object.referenced == Some(true))
        .then(|| BrokenRule::new(4967, "a foreign key that this login cannot see points at it"));
    let named = seen.into_iter().map(|(key, table)| {
        let whose = if *table == definition.name { "itself".to_owned() } else { table.to_string() };
        BrokenRule::new(4967, format!("foreign key {key} of {whose} points at it"))
    });
    named.chain(unseen)
}

fn column(column: &ColumnDefinition) -> impl Iterator<Item = BrokenRule> + '_ {
    column.traits.iter().filter_map(|has| {
        let what = format!("column {} has {has}", column.name);
        if has.starts_with("the alias type") {
            return Some(BrokenRule::new(4944, what));
        }
        let (_, number) = COLUMN_TRAITS.iter().find(|(name, _)| name == has)?;
        Some(BrokenRule { number: *number, what })
    })
}

fn indexes(definition: &Definition) -> impl Iterator<Item = BrokenRule> + '_ {
    definition.indexes.iter().filter_map(|index| {
        let name = &index.name.name;
        if index.disabled {
            let number = if index.is_clustered() { 4914 } else { 4947 };
            return Some(BrokenRule::new(number, format!("index {name} is disabled")));
        }
        let partitioned = |place: &DataSpace| matches!(place, DataSpace::Scheme { .. });
        let aligned = match (&index.place, &definition.place) {
            (own, table) if partitioned(own) || partitioned(table) => own == table,
            _ => true,
        };
        (!aligned).then(|| BrokenRule::new(7733, format!("index {name} is not partitioned as the table is")))
    })
}

/// Of the table, as its definition words it.
fn table_trait(what: &str) -> Option<BrokenRule> {
    let number = match what {
        "a full-text index" => 4918,
        "temporal history" | "system versioning" => 13546,
        // They do not fire, and where they are to, rows are not loaded beside the table.
        "triggers" => return None,
        // The procedure that enables it says whether partitions may be switched.
        "change data capture" => return Some(BrokenRule::unnumbered("it has change data capture")),
        index if index.starts_with("the ") && index.contains(" index ") => 4983,
        _ => return Some(BrokenRule::unnumbered(format!("it has {what}"))),
    };
    Some(BrokenRule::new(number, format!("it has {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::table::sample as sample_table;
    use crate::schema::definition::{Referencing, sample};

    fn numbers(change: impl FnOnce(&mut Table, &mut Definition, &mut SwitchFacts)) -> Vec<Option<u32>> {
        let (mut table, mut definition) = (sample_table("dbo.t"), sample::table());
        let mut facts = SwitchFacts::default();
        change(&mut table, &mut definition, &mut facts);
        broken_rules(&table, &definition, &facts).into_iter().map(|rule| rule.number).collect()
    }

    #[test]
    fn each_rule_that_is_broken_is_named_with_its_number() {
        assert_eq!(numbers(|_, _, _| {}), []);
        let key = |table: &str| Referencing {
            name: "FK".into(),
            table: TableName::new("dbo", table),
            column: "id".into(),
        };
        assert_eq!(numbers(|_, d, _| d.referenced_by = vec![key("child"), key("child")]), [Some(4967)]);
        assert_eq!(numbers(|_, d, _| d.referenced_by = vec![key("t")]), [Some(4967)]);
        assert_eq!(numbers(|t, _, _| t.object.referenced = Some(true)), [Some(4967)]);
        assert_eq!(numbers(|t, _, _| t.object.can_alter = Some(false)), [None]);
        for (what, number) in COLUMN_TRAITS {
            assert_eq!(numbers(|_, d, _| d.columns[1].traits = vec![what.into()]), [number], "{what}");
        }
        let alias = numbers(|_, d, _| d.columns[1].traits = vec!["the alias type dbo.name".into()]);
        assert_eq!(alias, [Some(4944)]);
        let bound = numbers(|_, d, _| d.columns[1].traits = vec!["bound default".into()]);
        assert_eq!(bound, [], "SWITCH does not compare defaults");
        for (what, number) in [
            ("a full-text index", Some(4918)),
            ("system versioning", Some(13546)),
            ("temporal history", Some(13546)),
            ("the XML index ix", Some(4983)),
            ("change data capture", None),
        ] {
            assert_eq!(numbers(|_, d, _| d.traits = vec![what.into()]), [number], "{what}");
        }
        assert_eq!(numbers(|_, d, _| d.traits = vec!["triggers".into()]), []);
    }

    #[test]
    fn indexes_are_enabled_and_aligned() {
        let scheme = |column: &str| DataSpace::Scheme { scheme: "ps".into(), column: column.into() };
        assert_eq!(numbers(|_, d, _| d.indexes[0].disabled = true), [Some(4914)]);
        let disabled = numbers(|_, d, _| {
            d.indexes.push(sample::index("ix", &["n"]));
            d.indexes[1].disabled = true;
        });
        assert_eq!(disabled, [Some(4947)]);
        let unaligned = numbers(|_, d, _| {
            d.place = scheme("id");
            d.indexes[0].place = scheme("id");
            d.indexes.push(sample::index("ix", &["n"]));
        });
        assert_eq!(unaligned, [Some(7733)]);
    }

    #[test]
    fn what_the_catalog_says_beside_the_definition() {
        let facts = |change: fn(&mut SwitchFacts)| numbers(|_, _, facts| change(facts));
        assert_eq!(facts(|f| f.is_tracked = true), [Some(4900)]);
        assert_eq!(facts(|f| f.mixed_compression = true), [Some(11406)]);
        assert_eq!(facts(|f| f.lob_elsewhere = true), [Some(4940)]);
        assert_eq!(facts(|f| f.merge_replicated = true), [Some(4941)]);
        assert_eq!(facts(|f| f.indexed_views = vec!["dbo.v".into()]), [Some(11402)]);
    }
}
