//! Foreign keys whose actions reach a table twice (Microsoft docs, "Primary and foreign key constraints": the actions
//! that one DELETE or UPDATE sets off form a tree).
use sandbox_catalog::schema::{Database, ForeignKey, Table};
use std::collections::{BTreeMap, BTreeSet};

/// With this record of a table in place of the database's own: does any table have two ways to another?
pub fn is_tangled(database: &Database, table: &Table) -> bool {
    let others = database.tables.values().map(AsRef::as_ref).filter(|t| t.object_id != table.object_id);
    let tables: Vec<&Table> = others.chain([table]).collect();
    reaches_twice(&tables, |key| key.on_delete) || reaches_twice(&tables, |key| key.on_update)
}

fn reaches_twice(tables: &[&Table], action: impl Fn(&ForeignKey) -> u8) -> bool {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for table in tables {
        for key in table.foreign_keys.iter().filter(|key| action(key) != 0) {
            children.entry(key.references).or_default().push(table.object_id);
        }
    }
    children.keys().any(|&start| {
        let (mut seen, mut ahead) = (BTreeSet::from([start]), vec![start]);
        while let Some(parent) = ahead.pop() {
            for &child in children.get(&parent).into_iter().flatten() {
                if !seen.insert(child) {
                    return true;
                }
                ahead.push(child);
            }
        }
        false
    })
}
