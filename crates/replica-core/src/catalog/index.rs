//! Indexes and partitions.
use super::record::CatalogRow;
use crate::error::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Heap,
    Clustered,
    Nonclustered,
    ClusteredColumnstore,
    NonclusteredColumnstore,
    /// XML, spatial, hash and what comes after them.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub id: i32,
    /// A heap has none.
    pub name: Option<String>,
    pub kind: IndexKind,
    pub unique: bool,
    pub primary_key: bool,
    /// It backs a primary key or a unique constraint.
    pub backs_constraint: bool,
    /// IGNORE_DUP_KEY: the server drops duplicates instead of refusing them.
    pub ignores_duplicates: bool,
    pub disabled: bool,
    /// It has a WHERE: the rows outside are not in it.
    pub filtered: bool,
    pub partitioned: bool,
    /// Key columns in order.
    pub keys: Vec<KeyColumn>,
    /// Columns that it carries beside its keys (INCLUDE).
    pub included: Vec<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    pub column_id: i32,
    pub descending: bool,
}

impl Index {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self {
            id: record.number("index_id")?,
            name: record.text("index_name").map(str::to_owned),
            kind: match record.number::<u8>("index_type")? {
                0 => IndexKind::Heap,
                1 => IndexKind::Clustered,
                2 => IndexKind::Nonclustered,
                5 => IndexKind::ClusteredColumnstore,
                6 => IndexKind::NonclusteredColumnstore,
                _ => IndexKind::Other,
            },
            unique: record.flag("is_unique"),
            primary_key: record.flag("is_primary_key"),
            backs_constraint: record.flag("is_primary_key") || record.flag("is_unique_constraint"),
            ignores_duplicates: record.flag("ignore_dup_key"),
            disabled: record.flag("is_disabled"),
            filtered: record.flag("has_filter"),
            partitioned: record.text("data_space_type").is_some_and(|kind| kind.trim() == "PS"),
            keys: Vec::new(),
            included: Vec::new(),
        })
    }

    /// Takes those of the index-column rows that are of this index.
    pub fn take_columns(&mut self, records: &[CatalogRow]) -> Result<()> {
        let mine = records.iter().filter(|r| r.int("index_id") == Some(self.id.into()));
        let mut keys = Vec::new();
        for record in mine {
            let column_id = record.number("column_id")?;
            // 0 for included columns, and for a partitioning column that is no key.
            let ordinal = record.int("key_ordinal").unwrap_or_default();
            if ordinal > 0 {
                keys.push((ordinal, KeyColumn { column_id, descending: record.flag("is_descending_key") }));
            } else if record.flag("is_included_column") {
                self.included.push(column_id);
            }
        }
        keys.sort_by_key(|(ordinal, _)| *ordinal);
        self.keys = keys.into_iter().map(|(_, key)| key).collect();
        Ok(())
    }
}

/// One that is nothing special, for tests to change.
#[cfg(test)]
pub(crate) fn sample(id: i32, kind: IndexKind, keys: &[i32]) -> Index {
    Index {
        id,
        name: (id > 0).then(|| format!("ix]{id}")),
        kind,
        unique: false,
        primary_key: false,
        backs_constraint: false,
        ignores_duplicates: false,
        disabled: false,
        filtered: false,
        partitioned: false,
        keys: keys.iter().map(|id| KeyColumn { column_id: *id, descending: false }).collect(),
        included: Vec::new(),
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub number: i32,
    /// The server's estimate.
    pub rows: u64,
}

impl Partition {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self { number: record.number("partition_number")?, rows: record.number("row_count")? })
    }
}
