//! Indexes, keys among them, where they lie, and the statistics of users.
use super::{SchemaQuestion, Within, question};
use crate::catalog::record::CatalogRow;
use crate::error::Result;
use crate::schema::definition::{
    Backs, Compression, ConstraintName, DataSpace, IndexColumn, IndexDefinition, IndexForm, Statistics,
};

pub(super) fn indexes<'a>(
    within: &Within<'_>,
    about: &impl Fn(SchemaQuestion) -> &'a [CatalogRow],
    traits: &mut Vec<String>,
) -> Result<Vec<IndexDefinition>> {
    let mut indexes = Vec::new();
    for record in about(question::INDEXES) {
        let id: i64 = record.number("index_id")?;
        let kind = match record.number::<u8>("index_type")? {
            0 => continue,
            1 => IndexForm::Clustered,
            2 => IndexForm::Nonclustered,
            5 => IndexForm::ClusteredColumnstore,
            6 => IndexForm::NonclusteredColumnstore,
            // Of a table in memory (Microsoft docs, "sys.indexes"): its key may be the table's.
            7 => {
                traits.push(format!("the hash buckets of the index {}", record.name("index_name")?));
                IndexForm::Nonclustered
            }
            _ => {
                let kind = record.text("index_type_name").unwrap_or("other");
                traits.push(format!("the {kind} index {}", record.name("index_name")?));
                continue;
            }
        };
        let name = record.name("index_name")?;
        let filter = within.filter(record, || format!("the filter of index {name}"))?;
        let columns = about(question::INDEX_COLUMNS);
        let mine: Vec<&CatalogRow> =
            columns.iter().filter(|column| column.int("index_id") == Some(id)).collect();
        let columnstore =
            matches!(kind, IndexForm::ClusteredColumnstore | IndexForm::NonclusteredColumnstore);
        let (mut keys, mut included) = (Vec::new(), Vec::new());
        for column in mine {
            let name = within.column(column)?;
            // 0: included, or there since the table is partitioned by it. All of a columnstore's are called included.
            match column.int("key_ordinal").unwrap_or_default() {
                0 if column.flag("is_included_column") && columnstore => {
                    keys.push((0, IndexColumn { column: name, descending: false }));
                }
                0 if column.flag("is_included_column") => included.push(name),
                0 => {}
                ordinal => keys.push((
                    ordinal,
                    IndexColumn { column: name, descending: column.flag("is_descending_key") },
                )),
            }
        }
        keys.sort_by_key(|(ordinal, _)| *ordinal);
        let partitions = about(question::PARTITIONS).iter().find(|p| p.int("index_id") == Some(id));
        indexes.push(IndexDefinition {
            name: ConstraintName { name, by_system: record.flag("is_system_named") },
            backs: match (record.flag("is_primary_key"), record.flag("is_unique_constraint")) {
                (true, _) => Backs::PrimaryKey,
                (false, true) => Backs::UniqueConstraint,
                (false, false) => Backs::Nothing,
            },
            unique: record.flag("is_unique"),
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            included,
            filter,
            ignores_duplicates: record.flag("ignore_dup_key"),
            disabled: record.flag("is_disabled"),
            fill_factor: record.int("fill_factor").and_then(|n| u8::try_from(n).ok()).unwrap_or_default(),
            padded: record.flag("is_padded"),
            compression: partitions.map(compression).unwrap_or_default(),
            place: place(within, record, columns)?,
            kind,
        });
    }
    Ok(indexes)
}

/// Of partitions that are compressed differently, the strongest.
pub(super) fn compression(record: &CatalogRow) -> Compression {
    match record.int("compression") {
        Some(1) => Compression::Row,
        Some(2) => Compression::Page,
        Some(3) => Compression::Columnstore,
        Some(4) => Compression::ColumnstoreArchive,
        _ => Compression::None,
    }
}

pub(super) fn place(within: &Within<'_>, index: &CatalogRow, columns: &[CatalogRow]) -> Result<DataSpace> {
    let space = index.text("space_name").unwrap_or_default().to_owned();
    let by = |column: &&CatalogRow| {
        column.int("index_id") == index.int("index_id") && column.int("partition_ordinal") == Some(1)
    };
    match (index.text("space_type").map(str::trim), columns.iter().find(by)) {
        (Some("PS"), Some(column)) => Ok(DataSpace::Scheme { scheme: space, column: within.column(column)? }),
        (Some("FG"), _) if !index.flag("is_default") => Ok(DataSpace::Filegroup(space)),
        _ => Ok(DataSpace::Default),
    }
}

pub(super) fn statistics(within: &Within<'_>, records: &[CatalogRow]) -> Result<Vec<Statistics>> {
    let mut all: Vec<Statistics> = Vec::new();
    for record in records {
        let (name, column) = (record.name("statistics_name")?, within.column(record)?);
        match all.last_mut().filter(|last| last.name == name) {
            Some(last) => last.columns.push(column),
            None => all.push(Statistics {
                filter: within.filter(record, || format!("the filter of statistics {name}"))?,
                fixed: record.flag("no_recompute"),
                columns: vec![column],
                name,
            }),
        }
    }
    Ok(all)
}
