//! ALTER TABLE … DROP.
use super::keys;
use super::target::Altered;
use crate::tracking;
use sandbox_catalog::schema::{Backs, Database, Index, Table};
use sandbox_catalog::store;
use sandbox_session::Session;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::DropItem;
use sandbox_sql::tokens::SourceText;
use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;

/// # Errors
/// 3728 and 3727 for a constraint that is not there, 3725 for a key that a foreign key references, 4924 for a
/// column that is not there, 5074 and 4922 for one that something depends on.
pub fn drop(session: &mut Session, target: &Altered, items: &[DropItem]) -> Outcome {
    change(session, |change| {
        let mut record = change.table(target.database, target.table.object_id)?;
        for item in items {
            if item.column {
                drop_column(change, target, &mut record, item)?;
            } else {
                drop_constraint(change, target, &mut record, item)?;
            }
        }
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}

fn drop_constraint(change: &mut Change<'_>, target: &Altered, table: &mut Table, item: &DropItem) -> Outcome {
    let database = &*change.database(target.database)?;
    let same = |name: &str| database.same_name(name, &item.name);
    let before = table.constraint_names().count();
    table.checks.retain(|c| !same(&c.name));
    table.foreign_keys.retain(|f| !same(&f.name));
    for column in &mut table.columns {
        column.default.take_if(|d| same(&d.name));
    }
    let key = table
        .indexes
        .iter()
        .find(|i| i.backs != Backs::Nothing && i.name.as_deref().is_some_and(same))
        .cloned();
    if let Some(key) = key {
        if let Some((other, foreign)) = referencing(database, table, key.index_id) {
            let text = format!(
                "The constraint '{}' is being referenced by table '{other}', foreign key constraint '{foreign}'.",
                item.name
            );
            return Err(SqlError::new(3725, 16, 0, text).into());
        }
        tracking::needs_key(table, key.index_id)?;
        keys::drop_storage(change, table, &key)?;
        keys::remove_index(table, key.index_id, change.now);
        return Ok(());
    }
    if table.constraint_names().count() == before && !item.if_exists {
        let text = format!("'{}' is not a constraint.", item.name);
        return Err(SqlError::new(3728, 16, 1, text).into());
    }
    Ok(())
}

/// A foreign key that needs this key: its table and name.
pub fn referencing(database: &Database, table: &Table, index_id: i32) -> Option<(String, String)> {
    let all = database.tables.values().flat_map(|t| t.foreign_keys.iter().map(move |f| (t, f)));
    all.filter(|(_, f)| f.references == table.object_id && f.key_index == index_id)
        .map(|(t, f)| (t.name.clone(), f.name.clone()))
        .next()
}

fn drop_column(change: &mut Change<'_>, target: &Altered, table: &mut Table, item: &DropItem) -> Outcome {
    let database = &*change.database(target.database)?;
    let Some(column) = keys::column(database, table, &item.name).cloned() else {
        if item.if_exists {
            return Ok(());
        }
        let text = format!(
            "ALTER TABLE DROP COLUMN failed because column '{}' does not exist in table '{}'.",
            item.name, table.name
        );
        return Err(SqlError::new(4924, 16, 1, text).into());
    };
    if table.columns.len() == 1 {
        let text = format!(
            "ALTER TABLE DROP COLUMN failed because '{}' is the only data column in table '{}'. A table must have at least one data column.",
            item.name, table.name
        );
        return Err(SqlError::new(4923, 16, 1, text).into());
    }
    if dependent(database, table, column.column_id).is_some() {
        // SQL Server names each dependent in a 5074 of its own first.
        let text = format!(
            "ALTER TABLE DROP COLUMN {} failed because one or more objects access this column.",
            item.name
        );
        return Err(SqlError::new(4922, 16, 9, text).into());
    }
    table.columns.retain(|c| c.column_id != column.column_id);
    if column.identity {
        table.identity = None;
    }
    // The stored values go at the commit: until then a rollback may want them.
    let (storages, name) = (table.storage.clone(), store::column_name(column.column_id));
    change.transaction.on_commit(Box::new(move |_, connection| {
        storages.iter().try_for_each(|storage| {
            let table = store::table_name(*storage);
            connection.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN {name}"))
        })
    }));
    Ok(())
}

/// What depends on a column: an index or constraint, a computed column, a foreign key of another table.
pub fn dependent(database: &Database, table: &Table, column_id: i32) -> Option<String> {
    let index =
        table.indexes.iter().filter(|i| i.kind != sandbox_catalog::schema::IndexKind::ClusteredColumnstore);
    let name = &table.column(column_id)?.name;
    let uses_it =
        |i: &Index| i.keys.iter().any(|(id, _)| *id == column_id) || i.included.contains(&column_id);
    let index =
        index.filter(|i| uses_it(i) || names_in_filter(i, name)).filter_map(|i| i.name.clone()).next();
    let uses = |definition: &str| mentions(definition, name);
    let default = || table.column(column_id).and_then(|c| c.default.as_ref()).map(|d| d.name.clone());
    let check = || table.checks.iter().find(|c| uses(&c.definition)).map(|c| c.name.clone());
    let computed = || {
        let mut columns = table.columns.iter();
        columns.find(|c| c.computed.as_ref().is_some_and(|c| uses(&c.definition))).map(|c| c.name.clone())
    };
    let foreign = || {
        let own = table.foreign_keys.iter().find(|f| f.columns.contains(&column_id));
        let mut others = database.tables.values().flat_map(|t| &t.foreign_keys);
        own.or_else(|| {
            others.find(|f| f.references == table.object_id && f.referenced_columns.contains(&column_id))
        })
        .map(|f| f.name.clone())
    };
    let statistics =
        || table.statistics.iter().find(|s| s.columns.contains(&column_id)).map(|s| s.name.clone());
    let partitioning = || {
        let (scheme, column) = table.partitioned_on?;
        let scheme = database.partition_schemes.get(&scheme)?;
        (column == column_id).then(|| scheme.name.clone())
    };
    index
        .or_else(default)
        .or_else(check)
        .or_else(computed)
        .or_else(foreign)
        .or_else(statistics)
        .or_else(partitioning)
}

/// Does a filtered index's condition name this column?
pub(super) fn names_in_filter(index: &Index, column: &str) -> bool {
    index.filter.as_ref().is_some_and(|filter| mentions(filter, column))
}

/// Does an expression name this column?
fn mentions(definition: &str, column: &str) -> bool {
    let Ok(source) = SourceText::new(definition) else { return true };
    source.lexemes.iter().any(|l| matches!(&l.token, Token::Word(w) if w.value.eq_ignore_ascii_case(column)))
}
