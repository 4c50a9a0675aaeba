//! Names of constraints, which are unique in a schema (Microsoft docs, "CREATE TABLE", constraint_name): where a table has
//! another name at the target, its namesake may be there, too, with the names of the source's.
use std::collections::BTreeSet;

use super::definition::{Backs, ConstraintName, Definition};

/// The most characters of a name (Microsoft docs, "sysname").
const LONGEST: usize = 128;

/// Calls the constraints of the table `from` after `to`. Gives the names that are others now.
pub(super) fn call_after(table: &mut Definition, from: &str, to: &str) -> Vec<String> {
    let (mut taken, mut changed) = (BTreeSet::new(), Vec::new());
    for name in constraints(table) {
        let new = called_after(&name.name, from, to);
        if new.encode_utf16().count() > LONGEST || !taken.insert(new.to_lowercase()) {
            // The server finds one.
            name.by_system = true;
            continue;
        }
        if !name.by_system {
            changed.push(new.clone());
        }
        name.name = new;
    }
    changed
}

/// Indexes that back no constraint have a name within their table.
fn constraints(table: &mut Definition) -> impl Iterator<Item = &mut ConstraintName> {
    let keys = table.indexes.iter_mut().filter(|index| index.backs != Backs::Nothing);
    let defaults = table.columns.iter_mut().filter_map(|column| column.default.as_mut());
    keys.map(|index| &mut index.name)
        .chain(defaults.map(|default| &mut default.name))
        .chain(table.checks.iter_mut().map(|check| &mut check.name))
        .chain(table.foreign_keys.iter_mut().map(|key| &mut key.name))
}

/// PK_People of the table People is PK_Persons of Persons; a name without the table's gets it at its end.
fn called_after(name: &str, from: &str, to: &str) -> String {
    let is_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let whole = |(at, _): &(usize, &str)| {
        let (before, after) = (&name[..*at], &name[at + from.len()..]);
        !is_of_word(before.chars().next_back()) && !is_of_word(after.chars().next())
    };
    match name.match_indices(from).find(whole) {
        Some((at, _)) => format!("{}{to}{}", &name[..at], &name[at + from.len()..]),
        None => format!("{name}_{to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::SqlType;
    use crate::schema::definition::sample::{check, column, index, key, name, table};
    use crate::schema::definition::{ColumnDefinition, DefaultDefinition, IndexDefinition};

    #[test]
    fn constraints_are_called_after_the_table_and_indexes_keep_their_names() {
        let mut renamed = table();
        renamed.indexes = vec![
            key("PK_t", &["id"]),
            IndexDefinition { backs: Backs::UniqueConstraint, ..index("UQ", &["a"]) },
            index("ix_t", &["n"]),
        ];
        renamed.columns.push(ColumnDefinition {
            default: Some(DefaultDefinition { name: name("DF_t.n"), expression: "((1))".into() }),
            ..column("m", SqlType::Int)
        });
        let of_server = ConstraintName { by_system: true, ..name("CK__t__1A") };
        renamed.checks = vec![check("UQ_t", "([n]>(0))"), check("", "([n]>(1))")];
        renamed.checks[1].name = of_server;
        let changed = call_after(&mut renamed, "t", "People");
        assert_eq!(changed, ["PK_People", "UQ_People", "DF_People.n"]);
        assert_eq!(renamed.indexes[2].name, name("ix_t"));
        // UQ has taken its name.
        assert!(renamed.checks[0].name.by_system);
        assert_eq!(renamed.checks[1].name, ConstraintName { by_system: true, ..name("CK__People__1A") });
    }

    #[test]
    fn a_name_is_no_longer_than_there_may_be() {
        let mut renamed = table();
        renamed.indexes = vec![key(&"é".repeat(100), &["id"])];
        assert_eq!(call_after(&mut renamed, "t", &"木".repeat(27)).len(), 1);
        renamed.indexes = vec![key(&"é".repeat(100), &["id"])];
        assert_eq!(call_after(&mut renamed, "t", &"木".repeat(28)), [""; 0]);
        assert!(renamed.indexes[0].name.by_system);
        assert_eq!(called_after("FK_atb_t2_t", "t", "x"), "FK_atb_t2_x");
    }
}
