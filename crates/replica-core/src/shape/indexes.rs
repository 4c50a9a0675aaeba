//! Which indexes of a target are disabled for a load. Pure.
use crate::catalog::Table;
use crate::catalog::index::{Index, IndexKind};

/// The indexes that nothing leans on but queries: to disable before a large load, and to rebuild after it.
pub fn disposable(table: &Table) -> impl Iterator<Item = &Index> {
    table.indexes.iter().flatten().filter(|index| stays_because(index).is_none())
}

/// The names of indexes.
pub(super) fn names(indexes: &[&Index]) -> Vec<String> {
    indexes.iter().filter_map(|index| index.name.clone()).collect()
}

/// Why an index must not be disabled for a load, or need not.
///
/// Microsoft docs, "Disable indexes and constraints": a disabled clustered index makes the table unreadable, and with a
/// unique index the foreign keys that reference it are disabled. "Using nonclustered columnstore indexes" (2014) has such
/// an index disabled for every change of the table, which it makes read-only up to then.
pub(crate) fn stays_because(index: &Index) -> Option<&'static str> {
    match index.kind {
        _ if index.disabled => Some("disabled already"),
        IndexKind::Clustered | IndexKind::ClusteredColumnstore => {
            Some("clustered: without it the table cannot be read")
        }
        _ if index.backs_constraint => Some("it backs a key"),
        _ if index.unique => Some("unique: without it duplicates would get in, and it could not be rebuilt"),
        IndexKind::Nonclustered | IndexKind::NonclusteredColumnstore => None,
        IndexKind::Heap | IndexKind::Other => Some("not an index that loads gain from being without"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::table::sample;
    use crate::shape::tests::index;

    #[test]
    fn only_what_nothing_leans_on_is_disabled() {
        use IndexKind::*;
        let mut table = sample("dbo.t");
        table.indexes = Some(vec![
            index(0, Heap),
            index(2, Nonclustered),
            Index { unique: true, ..index(3, Nonclustered) },
            Index { unique: true, backs_constraint: true, ..index(4, Nonclustered) },
            Index { disabled: true, ..index(5, Nonclustered) },
            index(6, NonclusteredColumnstore),
            index(7, Other),
        ]);
        let ids = |table: &Table| disposable(table).map(|index| index.id).collect::<Vec<_>>();
        assert_eq!(ids(&table), [2, 6]);
        table.indexes = Some(vec![index(1, Clustered), index(2, Nonclustered)]);
        assert_eq!(ids(&table), [2]);
        table.indexes = Some(vec![index(1, ClusteredColumnstore)]);
        assert!(ids(&table).is_empty());
        table.indexes = None;
        assert!(ids(&table).is_empty());
    }
}
