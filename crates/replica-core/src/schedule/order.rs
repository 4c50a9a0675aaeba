//! Which table waits for which: foreign keys, and reference tables before date-based ones. Pure.
use crate::catalog::{Table, TableName};

/// A foreign key between two tables, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableReference {
    /// The place of the table that has the key.
    pub child: usize,
    /// The place of the table that the key points at.
    pub parent: usize,
}

/// A table, and those that have foreign keys which point at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Always with its schema.
    pub name: TableName,
    /// Tables whose foreign keys point at it.
    pub children: Vec<TableName>,
}

impl Parent {
    /// `None`: its foreign keys are unknown.
    pub fn of(table: &Table) -> Option<Self> {
        let incoming = table.foreign_keys.as_ref()?.iter().filter(|key| key.incoming);
        let children = incoming.map(|key| key.table.clone()).collect();
        Some(Self { name: table.object.name.clone(), children })
    }
}

/// The foreign keys among tables, by their places.
pub fn keys<'a>(tables: impl Iterator<Item = &'a Parent> + Clone) -> Vec<TableReference> {
    let place = |name: &TableName| tables.clone().position(|table| table.name == *name);
    let mut keys = Vec::new();
    for (parent, table) in tables.clone().enumerate() {
        keys.extend(table.children.iter().filter_map(place).map(|child| TableReference { child, parent }));
    }
    keys
}

/// Who waits for whom, free of cycles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyOrder {
    /// For each table those that come before it.
    pub after: Vec<Vec<usize>>,
    /// Left out, since tables that wait for each other would wait for ever.
    pub ignored: Vec<TableReference>,
}

impl CopyOrder {
    /// All tables one after the other, each after those that it waits for.
    pub fn in_sequence(&self) -> Vec<usize> {
        let mut sequence: Vec<usize> = Vec::new();
        while sequence.len() < self.after.len() {
            let is_ready = |place: &usize| {
                !sequence.contains(place) && self.after[*place].iter().all(|before| sequence.contains(before))
            };
            // There is always one: the order is free of cycles.
            let Some(ready) = (0..self.after.len()).find(is_ready) else { break };
            sequence.push(ready);
        }
        sequence
    }
}

/// The order of tables of which those of a stage wait for all of the stages before, and children for their parents
/// within a stage.
pub fn order(stages: &[usize], keys: &[TableReference]) -> CopyOrder {
    let mut order = CopyOrder { after: vec![Vec::new(); stages.len()], ignored: Vec::new() };
    for key in keys {
        let (child, parent) = (stages.get(key.child), stages.get(key.parent));
        let Some((child, parent)) = child.zip(parent) else { continue };
        if child < parent {
            order.ignored.push(*key);
        } else if key.child != key.parent && !order.after[key.child].contains(&key.parent) {
            order.after[key.child].push(key.parent);
        }
    }
    for (table, stage) in stages.iter().enumerate() {
        let earlier = (0..stages.len()).filter(|other| stages[*other] < *stage);
        let missing: Vec<_> = earlier.filter(|other| !order.after[table].contains(other)).collect();
        order.after[table].extend(missing);
    }
    while let Some(key) = cycle(&order.after) {
        order.after[key.child].retain(|parent| *parent != key.parent);
        order.ignored.push(key);
    }
    order
}

/// A link of a cycle, if there is one.
fn cycle(after: &[Vec<usize>]) -> Option<TableReference> {
    let mut done = vec![false; after.len()];
    while let Some(ready) =
        (0..after.len()).find(|&table| !done[table] && after[table].iter().all(|&p| done[p]))
    {
        done[ready] = true;
    }
    // Who is left waits for someone who is left: following that comes round to a table of a cycle.
    let waits_for = |table: usize| after[table].iter().copied().find(|&parent| !done[parent]);
    let mut child = (0..after.len()).find(|&table| !done[table])?;
    for _ in 0..after.len() {
        child = waits_for(child)?;
    }
    Some(TableReference { child, parent: waits_for(child)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parents_come_before_their_children() {
        let sequence =
            |after: &[Vec<usize>]| CopyOrder { after: after.to_vec(), ignored: Vec::new() }.in_sequence();
        assert_eq!(sequence(&[vec![2], vec![], vec![1]]), [1, 2, 0]);
        assert_eq!(sequence(&[]), [0; 0]);
    }

    fn keys(pairs: &[(usize, usize)]) -> Vec<TableReference> {
        pairs.iter().map(|&(child, parent)| TableReference { child, parent }).collect()
    }

    #[test]
    fn keys_of_tables_that_are_not_in_the_run_do_not_count() {
        let known = |name: &str, children: &[&str]| {
            let children = children.iter().map(|child| TableName::new("dbo", child)).collect();
            Parent { name: TableName::new("dbo", name), children }
        };
        let tables = [known("child", &[]), known("parent", &["other", "child", "parent"])];
        assert_eq!(super::keys(tables.iter()), keys(&[(0, 1), (1, 1)]));
    }

    #[test]
    fn children_wait_for_parents_and_stages_for_stages() {
        let order = order(&[0, 0, 1, 1], &keys(&[(1, 0), (3, 2), (1, 1), (1, 0)]));
        assert_eq!(order.after, [vec![], vec![0], vec![0, 1], vec![2, 0, 1]]);
        assert_eq!(order.ignored, []);
    }

    #[test]
    fn a_cycle_is_cut_at_one_link_of_its_own() {
        // 0 is the parent of the cycle 1-2-3, and 4 its child.
        let order = order(&[0; 5], &keys(&[(1, 0), (1, 3), (2, 1), (3, 2), (4, 3)]));
        assert_eq!(order.ignored.len(), 1);
        let cut = order.ignored[0];
        assert!(keys(&[(1, 3), (2, 1), (3, 2)]).contains(&cut), "{cut:?}");
        assert!(order.after[4] == [3] && order.after[1].contains(&0));
    }

    #[test]
    fn a_reference_table_does_not_wait_for_a_later_stage() {
        let order = order(&[0, 1], &keys(&[(0, 1)]));
        assert_eq!(order.after, [vec![], vec![0]]);
        assert_eq!(order.ignored, keys(&[(0, 1)]));
    }

    proptest! {
        #[test]
        fn what_comes_out_has_no_cycle_and_loses_no_more_than_it_must(
            stages in prop::collection::vec(0..2_usize, 1..12),
            pairs in prop::collection::vec((0..12_usize, 0..12_usize), 0..40),
        ) {
            let all = keys(&pairs);
            let order = order(&stages, &all);
            prop_assert_eq!(cycle(&order.after), None);
            for key in all.iter().filter(|key| key.child != key.parent) {
                let known = key.child < stages.len() && key.parent < stages.len();
                let kept = known && order.after[key.child].contains(&key.parent);
                prop_assert_eq!(known, kept || order.ignored.contains(key));
            }
            // Without a cycle in the keys nothing is lost.
            if all.iter().all(|key| key.child > key.parent) && stages.is_sorted() {
                prop_assert!(order.ignored.is_empty());
            }
        }
    }
}
