//! What the target knows of the tables before the run: whether they are there, how large they are, and which foreign
//! keys tie them together.
use replica_core::catalog::{self, TableName};
use replica_core::error::{Error, Kind, Result};
use replica_core::session::{Role, Session};

use crate::order::Key;
use crate::steps::Step;

/// A table as the target has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Always with its schema.
    pub name: TableName,
    /// The target's own estimate.
    pub rows: u64,
    /// The tables that have foreign keys which point at this one.
    pub children: Vec<TableName>,
}

/// Asks the target about each table; what is wrong with one of them is that one's.
///
/// # Errors
/// The connection is lost.
pub async fn survey(target: &mut Session, steps: &[Step]) -> Result<Vec<Result<Known>>> {
    let mut found: Vec<Result<Known>> = Vec::with_capacity(steps.len());
    for Step { table, .. } in steps {
        let known = match catalog::read(target, Role::Target, table).await {
            Ok(described) => Ok(Known {
                rows: described.rows().unwrap_or_default(),
                children: match &described.foreign_keys {
                    Some(keys) => keys.iter().filter(|k| k.incoming).map(|k| k.table.clone()).collect(),
                    None => {
                        log::warn!(
                            "{table}: its foreign keys are unknown, and with them what has to come after"
                        );
                        Vec::new()
                    }
                },
                name: described.object.name,
            }),
            Err(error) if matches!(error.kind(), Kind::Io | Kind::Timeout | Kind::Protocol) => {
                return Err(error);
            }
            Err(error) => Err(error.table(table)),
        };
        found.push(match known {
            Ok(known) if found.iter().flatten().any(|other| other.name == known.name) => {
                Err(Error::usage("the configuration lists it twice").table(table))
            }
            known => known,
        });
    }
    Ok(found)
}

/// The foreign keys among the tables, by their places.
pub fn keys(tables: &[Known]) -> Vec<Key> {
    let place = |name: &TableName| tables.iter().position(|table| table.name == *name);
    let mut keys = Vec::new();
    for (parent, table) in tables.iter().enumerate() {
        keys.extend(table.children.iter().filter_map(place).map(|child| Key { child, parent }));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_tables_that_are_not_in_the_run_do_not_count() {
        let known = |name: &str, children: &[&str]| {
            let children = children.iter().map(|child| TableName::new("dbo", child)).collect();
            Known { name: TableName::new("dbo", name), rows: 0, children }
        };
        let tables = [known("child", &[]), known("parent", &["other", "child", "parent"])];
        assert_eq!(keys(&tables), [Key { child: 0, parent: 1 }, Key { child: 1, parent: 1 }]);
    }
}
