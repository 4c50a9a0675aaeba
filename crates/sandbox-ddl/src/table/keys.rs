//! Keys, indexes and foreign keys: their columns and their place among a table's indexes.
use sandbox_catalog::schema::{Backs, Column, Database, Index, IndexKind, Table};
use sandbox_catalog::store;
use sandbox_session::change::Change;
use sandbox_sql::ddl::ast::IndexDef;
use sandbox_sql::terms::PageOptions;
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType};
use std::time::SystemTime;

/// What a new index is, before its columns are looked up.
#[derive(Clone, Copy, Debug)]
pub struct KeyShape<'a> {
    pub name: &'a str,
    pub kind: IndexKind,
    pub unique: bool,
    pub backs: Backs,
    /// Name, descending.
    pub columns: &'a [(String, bool)],
    pub included: &'a [String],
    pub ignore_dup_key: bool,
    pub pages: PageOptions,
}

impl<'a> KeyShape<'a> {
    pub fn of(index: &'a IndexDef) -> Self {
        let kind = match (index.clustered, index.columnstore) {
            (true, true) => IndexKind::ClusteredColumnstore,
            (false, true) => IndexKind::NonclusteredColumnstore,
            (true, false) => IndexKind::Clustered,
            (false, false) => IndexKind::Nonclustered,
        };
        Self {
            name: &index.name,
            kind,
            unique: index.unique,
            backs: Backs::Nothing,
            columns: &index.columns,
            included: &index.included,
            ignore_dup_key: index.ignore_dup_key,
            pages: index.pages,
        }
    }
}

pub fn column<'t>(database: &Database, table: &'t Table, name: &str) -> Option<&'t Column> {
    table.columns.iter().find(|c| database.same_name(&c.name, name))
}

pub fn no_column(name: &str) -> SqlError {
    SqlError::new(1911, 16, 1, format!("Column name '{name}' does not exist in the target table or view."))
}

/// Adds an index to a table's record: a clustered one takes the place of the heap.
///
/// # Errors
/// 1911, 1909, 1919, 1902, 1913.
pub fn add_index(
    database: &Database,
    table: &mut Table,
    shape: &KeyShape<'_>,
    now: SystemTime,
) -> Result<i32, SqlError> {
    let clustered = matches!(shape.kind, IndexKind::Clustered | IndexKind::ClusteredColumnstore);
    let columnstore =
        matches!(shape.kind, IndexKind::ClusteredColumnstore | IndexKind::NonclusteredColumnstore);
    if table.indexes.iter().any(|i| i.name.as_deref().is_some_and(|n| database.same_name(n, shape.name))) {
        let text = format!(
            "The operation failed because an index or statistics with name '{}' already exists on table '{}'.",
            shape.name,
            full_name(database, table)
        );
        return Err(SqlError::new(1913, 16, 1, text));
    }
    if shape.ignore_dup_key && !shape.unique {
        let text = "CREATE INDEX options nonunique and ignore_dup_key are mutually exclusive.";
        return Err(SqlError::new(1916, 16, 4, text));
    }
    if let Some(there) = table.indexes.iter().find(|i| i.index_id == 1)
        && clustered
    {
        let text = format!(
            "Cannot create more than one clustered index on table '{}'. Drop the existing clustered index '{}' before creating another.",
            full_name(database, table),
            there.name.as_deref().unwrap_or_default()
        );
        return Err(SqlError::new(1902, 16, 3, text));
    }
    let mut keys = Vec::new();
    for (name, descending) in shape.columns {
        let column = column(database, table, name).ok_or_else(|| no_column(name))?;
        if keys.iter().any(|(id, _)| *id == column.column_id) {
            let text = format!(
                "Cannot use duplicate column names in index. Column name '{name}' listed more than once."
            );
            return Err(SqlError::new(1909, 16, 1, text));
        }
        if !columnstore && !can_be_key(&column.sql_type) {
            let text = format!(
                "Column '{name}' in table '{}' is of a type that is invalid for use as a key column in an index.",
                full_name(database, table)
            );
            return Err(SqlError::new(1919, 16, 1, text));
        }
        keys.push((column.column_id, *descending));
    }
    let mut included = Vec::new();
    for name in shape.included {
        let column = column(database, table, name).ok_or_else(|| no_column(name))?;
        if keys.iter().any(|(id, _)| *id == column.column_id) || included.contains(&column.column_id) {
            let text = format!(
                "Cannot use duplicate column names in index. Column name '{name}' listed more than once."
            );
            return Err(SqlError::new(1909, 16, 2, text));
        }
        included.push(column.column_id);
    }
    if shape.kind == IndexKind::ClusteredColumnstore {
        keys.clear();
        included = table.columns.iter().filter(|c| c.computed.is_none()).map(|c| c.column_id).collect();
    } else if shape.kind == IndexKind::NonclusteredColumnstore {
        included = keys.drain(..).map(|(id, _)| id).collect();
    }
    // Freed ids are used again (docs/SERVER.md, "Indexes").
    let index_id = if clustered {
        1
    } else {
        (2..).find(|id| table.indexes.iter().all(|i| i.index_id != *id)).unwrap_or(i32::MAX)
    };
    let pages = match (columnstore, shape.pages.compression) {
        (true, 0) => PageOptions { compression: 3, ..shape.pages },
        (true, 1 | 2) | (false, 3 | 4) => {
            let text = format!("This is not a valid data compression setting for index '{}'.", shape.name);
            return Err(SqlError::new(35315, 16, 1, text));
        }
        _ => shape.pages,
    };
    let index = Index {
        index_id,
        object_id: 0,
        name: Some(shape.name.to_owned()),
        system_named: false,
        kind: shape.kind,
        unique: shape.unique,
        backs: shape.backs,
        disabled: false,
        keys,
        included,
        filter: None,
        ignore_dup_key: shape.ignore_dup_key,
        pages,
        created: now,
    };
    if clustered {
        table.indexes.retain(|i| i.index_id != 0);
    }
    let at = table.indexes.iter().position(|i| i.index_id > index_id).unwrap_or(table.indexes.len());
    table.indexes.insert(at, index);
    Ok(index_id)
}

/// A heap, where a table has no clustered index.
pub fn heap(now: SystemTime) -> Index {
    Index {
        index_id: 0,
        object_id: 0,
        name: None,
        system_named: false,
        kind: IndexKind::Heap,
        unique: false,
        backs: Backs::Nothing,
        disabled: false,
        keys: Vec::new(),
        included: Vec::new(),
        filter: None,
        ignore_dup_key: false,
        pages: PageOptions::default(),
        created: now,
    }
}

/// `schema.table`, as messages name it.
pub fn full_name(database: &Database, table: &Table) -> String {
    format!("{}.{}", database.schema_name(table.schema_id), table.name)
}

/// Large and CLR types, but for hierarchyid, are no key columns (Microsoft docs, CREATE INDEX).
fn can_be_key(sql_type: &SqlType) -> bool {
    let large = matches!(
        sql_type,
        SqlType::VarChar(Len::Max, _) | SqlType::NVarChar(Len::Max, _) | SqlType::VarBinary(Len::Max)
    );
    let old = matches!(sql_type, SqlType::Text(_) | SqlType::NText(_) | SqlType::Image);
    !large && !old && !matches!(sql_type, SqlType::Xml | SqlType::Geography | SqlType::Geometry)
}

/// SQLite's side of a new index, in every partition; a rollback drops it.
///
/// # Errors
/// SQLite's.
pub fn create_storage(change: &mut Change<'_>, table: &Table, index: &Index) -> rusqlite::Result<()> {
    for &storage in &table.storage {
        store::create_index(change.connection, table, index, storage)?;
        let id = index.index_id;
        change
            .transaction
            .on_rollback(Box::new(move |_, connection| store::drop_index(connection, storage, id)));
    }
    Ok(())
}

/// Drops SQLite's side of an index; a rollback makes it again.
///
/// # Errors
/// SQLite's.
pub fn drop_storage(change: &mut Change<'_>, table: &Table, index: &Index) -> rusqlite::Result<()> {
    for &storage in &table.storage {
        store::drop_index(change.connection, storage, index.index_id)?;
        let (table, index) = (table.clone(), index.clone());
        change.transaction.on_rollback(Box::new(move |_, connection| {
            store::create_index(connection, &table, &index, storage)
        }));
    }
    Ok(())
}

/// Takes an index out of the record; without its clustered index a table is a heap.
pub fn remove_index(table: &mut Table, index_id: i32, now: SystemTime) {
    table.indexes.retain(|i| i.index_id != index_id);
    if index_id == 1 {
        table.indexes.insert(0, heap(now));
    }
}
