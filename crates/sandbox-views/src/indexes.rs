//! Indexes, partitions and statistics.
use super::definition::{Columns, Definition, Row, row};
use super::scope::ViewScope;
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::{Backs, Index, IndexKind, Table};
use sandbox_session::failure::Outcome;
use sandbox_values::Value;

/// The columns that every view of indexes begins with.
pub const INDEX: &str = "object_id int, name sysname null, index_id int, type tinyint, type_desc nvarchar(60) null, \
    is_unique bit null, data_space_id int, ignore_dup_key bit null, is_primary_key bit null, \
    is_unique_constraint bit null, fill_factor tinyint, is_padded bit null, is_disabled bit null, \
    is_hypothetical bit null = 0, is_ignored_in_optimization bit null = 0, allow_row_locks bit null, \
    allow_page_locks bit null, has_filter bit null, filter_definition nvarchar(max) null, \
    compression_delay int null, suppress_dup_key_messages bit null = 0, auto_created bit null = 0, \
    optimize_for_sequential_key bit null = 0";

pub const VIEWS: &[Definition] = &[
    Definition { schema: "sys", name: "indexes", columns: Columns(&[INDEX]), rows: indexes },
    Definition {
        schema: "sys",
        name: "index_columns",
        columns: Columns(&[
            "object_id int, index_id int, index_column_id int, column_id int, key_ordinal tinyint",
            "partition_ordinal tinyint, is_descending_key bit null, is_included_column bit null",
            "column_store_order_ordinal tinyint null = 0",
        ]),
        rows: index_columns,
    },
    Definition {
        schema: "sys",
        name: "partitions",
        columns: Columns(&[
            "partition_id bigint, object_id int, index_id int, partition_number int, hobt_id bigint",
            "rows bigint null, filestream_filegroup_id smallint = 0, data_compression tinyint",
            "data_compression_desc nvarchar(60) null, xml_compression bit null = 0",
            "xml_compression_desc varchar(3) null = OFF",
        ]),
        rows: partitions,
    },
    Definition {
        schema: "sys",
        name: "dm_db_partition_stats",
        columns: Columns(&[
            "partition_id bigint null, object_id int, index_id int, partition_number int",
            "in_row_data_page_count bigint null, in_row_used_page_count bigint null",
            "in_row_reserved_page_count bigint null, lob_used_page_count bigint null = 0",
            "lob_reserved_page_count bigint null = 0, row_overflow_used_page_count bigint null = 0",
            "row_overflow_reserved_page_count bigint null = 0, used_page_count bigint null",
            "reserved_page_count bigint null, row_count bigint null",
        ]),
        rows: partition_stats,
    },
    Definition {
        schema: "sys",
        name: "allocation_units",
        columns: Columns(&[
            "allocation_unit_id bigint, type tinyint = 1, type_desc nvarchar(60) null = IN_ROW_DATA",
            "container_id bigint, data_space_id int null = 1, total_pages bigint, used_pages bigint",
            "data_pages bigint",
        ]),
        rows: allocation_units,
    },
    Definition {
        schema: "sys",
        name: "stats",
        columns: Columns(&[
            "object_id int, name nvarchar(128) null, stats_id int, auto_created bit null = 0",
            "user_created bit null, no_recompute bit null = 0, has_filter bit null",
            "filter_definition nvarchar(max) null, is_temporary bit null = 0, is_incremental bit null = 0",
            "has_persisted_sample bit null = 0, stats_generation_method int = 0",
            "stats_generation_method_desc varchar(80) = Sort based statistics, auto_drop bit null = 0",
        ]),
        rows: stats,
    },
    Definition {
        schema: "sys",
        name: "stats_columns",
        columns: Columns(&["object_id int, stats_id int, stats_column_id int, column_id int null"]),
        rows: stats_columns,
    },
    Definition {
        schema: "sys",
        name: "dm_db_stats_histogram",
        columns: Columns(&[
            "object_id int, stats_id int, step_number int, range_high_key sql_variant null, range_rows real null",
            "equal_rows real null, distinct_range_rows bigint null, average_range_rows real null",
        ]),
        rows: histograms,
    },
];

/// sys.indexes.type and type_desc.
fn kind(kind: IndexKind) -> (u8, &'static str) {
    match kind {
        IndexKind::Heap => (0, "HEAP"),
        IndexKind::Clustered => (1, "CLUSTERED"),
        IndexKind::Nonclustered => (2, "NONCLUSTERED"),
        IndexKind::ClusteredColumnstore => (5, "CLUSTERED COLUMNSTORE"),
        IndexKind::NonclusteredColumnstore => (6, "NONCLUSTERED COLUMNSTORE"),
    }
}

fn is_columnstore(index: &Index) -> bool {
    matches!(index.kind, IndexKind::ClusteredColumnstore | IndexKind::NonclusteredColumnstore)
}

fn all<'a>(scope: &ViewScope<'a>) -> impl Iterator<Item = (&'a Table, &'a Index)> {
    scope.tables().flat_map(|t| t.indexes.iter().map(move |i| (t, i)))
}

/// Those of views, by the view's object_id.
fn of_views<'a>(scope: &ViewScope<'a>) -> impl Iterator<Item = (i32, &'a Index)> {
    scope.views().flat_map(|v| v.indexes.iter().map(move |i| (v.object_id, i)))
}

fn indexes(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    // Every index is aligned with its table.
    let space = |t: &Table| t.partitioned_on.map_or(1, |(scheme, _)| scheme);
    let of_tables = all(scope).map(|(t, i)| (t.object_id, space(t), i));
    Ok(of_tables
        .chain(of_views(scope).map(|(view, i)| (view, 1, i)))
        .map(|(object_id, space, i)| {
            let (number, desc) = kind(i.kind);
            row![
                object_id,
                i.name.as_ref(),
                i.index_id,
                number,
                desc,
                i.unique,
                space,
                i.ignore_dup_key,
                i.backs == Backs::PrimaryKey,
                i.backs == Backs::UniqueConstraint,
                i.pages.fill_factor,
                i.pages.padded,
                i.disabled,
                // SMO scripts no columnstore of which this is told otherwise.
                !is_columnstore(i),
                !is_columnstore(i),
                i.filter.is_some(),
                i.filter.as_ref(),
                is_columnstore(i).then_some(0),
            ]
        })
        .collect())
}

fn index_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    let of_tables = all(scope).map(|(t, i)| (t.object_id, t.partitioned_on.map(|(_, column)| column), i));
    for (object_id, partitioning, i) in of_tables.chain(of_views(scope).map(|(view, i)| (view, None, i))) {
        let mut columns: Vec<(i32, usize, bool, bool)> =
            i.keys.iter().enumerate().map(|(n, (id, descending))| (*id, n + 1, *descending, false)).collect();
        columns.extend(i.included.iter().map(|id| (*id, 0, false, true)));
        // The partitioning column is in every index, if only for that.
        if let Some(id) = partitioning
            && columns.iter().all(|(column, ..)| *column != id)
        {
            columns.push((id, 0, false, false));
        }
        for (n, (id, ordinal, descending, included)) in columns.into_iter().enumerate() {
            let partition = i32::from(partitioning == Some(id));
            rows.push(row![object_id, i.index_id, n + 1, id, ordinal, partition, descending, included]);
        }
    }
    Ok(rows)
}

/// One partition of one index.
pub struct Partition<'a> {
    id: i64,
    pub table: &'a Table,
    pub index: &'a Index,
    number: usize,
    pub rows: i64,
}

impl Partition<'_> {
    /// An estimate: rows at half their declared width, 8 KiB a page.
    pub fn pages(&self) -> i64 {
        let width = |length: i16| if length < 0 { 64 } else { i64::from(length) / 2 + 1 };
        let row: i64 = self.table.columns.iter().map(|c| width(c.sql_type.max_length())).sum();
        (self.rows * (row + 9) + 8095) / 8096
    }

    /// With the page that says where the others are.
    pub fn used_pages(&self) -> i64 {
        match self.pages() {
            0 => 0,
            pages => pages + 1,
        }
    }
}

/// A disabled nonclustered index has no data and so no partitions (its b-tree is dropped: Microsoft docs, "Disable
/// indexes and constraints"; that sys.partitions loses the row is unconfirmed).
pub fn all_partitions<'a>(scope: &ViewScope<'a>) -> Outcome<Vec<Partition<'a>>> {
    let mut all = Vec::new();
    for table in scope.tables() {
        for (at, storage) in table.storage.iter().enumerate() {
            let rows = scope.row_count(*storage)?;
            for index in table.indexes.iter().filter(|i| !i.disabled || i.index_id <= 1) {
                let id = 72_057_594_037_927_936 + ((storage << 10 | i64::from(index.index_id)) << 16);
                all.push(Partition { id, table, index, number: at + 1, rows });
            }
        }
    }
    Ok(all)
}

/// Pages, but for the rows.
#[derive(Default)]
pub struct Space {
    pub rows: i64,
    pub used: i64,
    /// Those of heaps and clustered indexes.
    pub data: i64,
}

/// What a table, or all that the user sees, takes.
pub fn space(scope: &ViewScope<'_>, table: Option<i32>) -> Outcome<Space> {
    let mut space = Space::default();
    for p in all_partitions(scope)?.iter().filter(|p| table.is_none_or(|id| id == p.table.object_id)) {
        space.used += p.used_pages();
        if p.index.index_id <= 1 {
            space.data += p.pages();
            space.rows += p.rows;
        }
    }
    Ok(space)
}

fn partitions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(all_partitions(scope)?
        .iter()
        .map(|p| {
            const NAMES: [&str; 5] = ["NONE", "ROW", "PAGE", "COLUMNSTORE", "COLUMNSTORE_ARCHIVE"];
            let compression = p.index.pages.compression;
            row![
                p.id,
                p.table.object_id,
                p.index.index_id,
                p.number,
                p.id,
                p.rows,
                compression,
                NAMES[usize::from(compression.min(4))],
            ]
        })
        .collect())
}

fn partition_stats(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_database_state()?;
    Ok(all_partitions(scope)?
        .iter()
        .map(|p| {
            let (pages, used) = (p.pages(), p.used_pages());
            row![p.id, p.table.object_id, p.index.index_id, p.number, pages, used, used, used, used, p.rows]
        })
        .collect())
}

fn allocation_units(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(all_partitions(scope)?
        .iter()
        .map(|p| {
            let pages = p.pages();
            row![p.id + 1, p.id, pages + 1, pages + 1, pages]
        })
        .collect())
}

fn stats(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let statistics = scope.tables().flat_map(|t| t.all_statistics().map(move |of| (t, of)));
    let rows = statistics.map(|(t, (id, name, _))| {
        let index = t.indexes.iter().find(|i| i.index_id == id);
        let filter = index.and_then(|i| i.filter.clone());
        row![t.object_id, name, id, index.is_none(), filter.is_some(), filter]
    });
    Ok(rows.collect())
}

/// The columns that statistics are of: an index's keys, or what a columnstore has.
fn stats_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let statistics = scope.tables().flat_map(|t| t.all_statistics().map(move |of| (t.object_id, of)));
    let columns = statistics.flat_map(|(table, (id, _, columns))| {
        columns.into_iter().enumerate().map(move |(n, column)| row![table, id, n + 1, column])
    });
    Ok(columns.collect())
}

/// What UPDATE STATISTICS has found, of tables that the user may SELECT from (Microsoft docs, "sys.dm_db_stats_histogram",
/// Permissions). That the others have no rows, and it is no error, is unconfirmed.
fn histograms(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for table in scope.tables() {
        let own = table.owner_session == Some(scope.session.id);
        if !own && !scope.rights.has("SELECT", Some(ObjectKey::from(table))) {
            continue;
        }
        for (id, ..) in table.all_statistics() {
            let key = (scope.database.id, table.object_id, id);
            let Some(histogram) = scope.session.engine.histograms.get(key) else { continue };
            for (n, step) in histogram.steps.iter().enumerate() {
                let high = match &step.high {
                    Value::Null => Value::Null,
                    value => Value::Variant(Box::new((histogram.sql_type.clone(), value.clone()))),
                };
                let average =
                    if step.distinct == 0 { 1.0 } else { step.between as f64 / step.distinct as f64 };
                rows.push(row![
                    table.object_id,
                    id,
                    n + 1,
                    high,
                    step.between as i64,
                    step.equal as i64,
                    step.distinct as i64,
                    Value::Float(average),
                ]);
            }
        }
    }
    Ok(rows)
}
