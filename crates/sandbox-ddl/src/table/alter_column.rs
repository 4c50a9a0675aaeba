//! ALTER TABLE … ALTER COLUMN.
use super::columns::check_sparse;
use super::drop_item::{dependent, names_in_filter};
use super::keys;
use super::target::Altered;
use sandbox_catalog::schema::{Backs, Column, Index, Table};
use sandbox_catalog::store;
use sandbox_catalog::store::storage_error;
use sandbox_query::mask::Mask;
use sandbox_session::Session;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::ColumnProperty;
use sandbox_sql::type_name::{TypeName, TypePlace};
use sandbox_values::convert::{self, ConvertMode, fit};
use sandbox_values::error::SqlError;
use sandbox_values::storage::{from_stored, to_stored};
use sandbox_values::{CollationId, SqlType};

pub struct NewType<'a> {
    pub name: &'a str,
    pub type_name: &'a TypeName,
    pub collation: Option<&'a str>,
    /// Where neither is written, the column becomes nullable.
    pub nullable: Option<bool>,
    /// A new masking function; without one the column keeps its own.
    pub mask: Option<&'a str>,
}

/// # Errors
/// 4924 for a column that is not there, 4928 for a computed one or a rowversion, 5074 or 4922 for one that
/// something depends on, 515 for a NULL in a column that becomes NOT NULL, those of the conversion.
pub fn alter_column(session: &mut Session, target: &Altered, new: &NewType<'_>) -> Outcome {
    change(session, |change| {
        let mut record = change.table(target.database, target.table.object_id)?;
        let database = &*change.database(target.database)?;
        let Some(old) = keys::column(database, &record, new.name).cloned() else {
            let text = format!(
                "ALTER TABLE ALTER COLUMN failed because column '{}' does not exist in table '{}'.",
                new.name, record.name
            );
            return Err(SqlError::new(4924, 16, 1, text).into());
        };
        let fixed = match (&old.computed, &old.sql_type) {
            (Some(_), _) => Some("COMPUTED"),
            (_, SqlType::RowVersion) => Some("timestamp"),
            _ => None,
        };
        if let Some(what) = fixed {
            let text = format!("Cannot alter column '{}' because it is '{what}'.", old.name);
            return Err(SqlError::new(4928, 16, 1, text).into());
        }
        let collation = match new.collation {
            Some(name) => CollationId::by_name(name)?,
            None => database.collation,
        };
        let place = TypePlace { ordinal: 1, name: new.name, length: 1, collation };
        let resolved = new.type_name.resolve(&place)?;
        convert::check(&old.sql_type, &resolved.sql_type, ConvertMode::Implicit)?;
        let nullable = new.nullable.unwrap_or(!old.identity && resolved.alias.is_none());
        let is_in_the_way = |table: &Table| dependent(database, table, old.column_id).is_some();
        let others = without_default(&record, old.column_id);
        let blocked = match (&old.sql_type, &resolved.sql_type) {
            (old_type, new_type) if old_type == new_type => {
                // NULL to NOT NULL under an index (dba.stackexchange.com, question 27262).
                old.nullable && !nullable && has_index(&record, old.column_id, |_| true)
            }
            (old_type, new_type) if widens(old_type, new_type) => {
                has_index(&record, old.column_id, |i| i.backs == Backs::PrimaryKey)
                    || is_in_the_way(&without_harmless(&others, old.column_id))
            }
            (old_type, new_type) if is_of_one_kind(old_type, new_type) => is_in_the_way(&others),
            _ => is_in_the_way(&record),
        };
        // What a filtered index's condition names hangs on it as a key does (unconfirmed).
        let in_filter = (record.indexes.iter()).any(|index| names_in_filter(index, &old.name));
        if blocked || in_filter {
            let text = format!(
                "ALTER TABLE ALTER COLUMN {} failed because one or more objects access this column.",
                old.name
            );
            return Err(SqlError::new(4922, 16, 9, text).into());
        }
        let mut altered =
            Column { sql_type: resolved.sql_type, nullable, type_name: resolved.alias, ..old.clone() };
        if let Some(mask) = new.mask.or(old.mask.as_deref()) {
            altered.mask = Some(Mask::parse(mask, new.name, &altered.sql_type)?.to_string());
        }
        if altered.nullable
            && record.primary_key().is_some_and(|k| k.keys.iter().any(|(id, _)| *id == old.column_id))
        {
            let text = format!(
                "ALTER TABLE ALTER COLUMN {} failed because one or more objects access this column.",
                old.name
            );
            return Err(SqlError::new(4922, 16, 9, text).into());
        }
        let names = (database.name.clone(), keys::full_name(database, &record));
        rewrite(change, &mut record, (&old, &altered), &names)?;
        if let Some(column) = record.columns.iter_mut().find(|c| c.column_id == old.column_id) {
            *column = altered;
        }
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}

/// `ALTER COLUMN name ADD|DROP MASKED|SPARSE`: the rows stay as they are.
///
/// # Errors
/// 4924, 16002 to 16005, 16007; 1731.
pub fn change_property(
    session: &mut Session,
    target: &Altered,
    name: &str,
    property: &ColumnProperty,
) -> Outcome {
    change(session, |change| {
        let mut record = change.table(target.database, target.table.object_id)?;
        let database = &*change.database(target.database)?;
        let (table, at) =
            (record.name.clone(), record.columns.iter().position(|c| database.same_name(&c.name, name)));
        let Some(column) = at.and_then(|at| record.columns.get_mut(at)) else {
            let text = format!(
                "ALTER TABLE ALTER COLUMN failed because column '{name}' does not exist in table '{table}'."
            );
            return Err(SqlError::new(4924, 16, 1, text).into());
        };
        match property {
            ColumnProperty::Mask(Some(mask)) => {
                column.mask = Some(Mask::parse(mask, &column.name, &column.sql_type)?.to_string());
            }
            ColumnProperty::Mask(None) if column.mask.take().is_none() => {
                let text = format!("The column '{}' does not have a data masking function.", column.name);
                return Err(SqlError::new(16007, 16, 0, text).into());
            }
            ColumnProperty::Mask(None) => {}
            ColumnProperty::Sparse(sparse) => {
                column.sparse = *sparse;
                check_sparse(&table, column)?;
            }
        }
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}

/// Longer strings and binaries of the same kind are allowed under indexes, unique constraints and checks, not under a
/// primary key, a foreign key or a computed column (Microsoft docs, "ALTER TABLE", ALTER COLUMN).
fn widens(old: &SqlType, new: &SqlType) -> bool {
    is_of_one_kind(old, new)
        && old.collation() == new.collation()
        && matches!(old, SqlType::VarChar(..) | SqlType::NVarChar(..) | SqlType::VarBinary(_))
        && (new.max_length() >= old.max_length() && old.max_length() >= 0)
}

fn is_of_one_kind(old: &SqlType, new: &SqlType) -> bool {
    std::mem::discriminant(old) == std::mem::discriminant(new)
}

fn has_index(table: &Table, column_id: i32, which: impl Fn(&Index) -> bool) -> bool {
    let uses = |i: &&Index| i.keys.iter().any(|(id, _)| *id == column_id) || i.included.contains(&column_id);
    table.indexes.iter().filter(uses).any(which)
}

/// A default does not stand in the way of another length, precision or scale (ibid.).
fn without_default(table: &Table, column_id: i32) -> Table {
    let mut table = table.clone();
    for column in table.columns.iter_mut().filter(|c| c.column_id == column_id) {
        column.default = None;
    }
    table
}

/// Without what lets a column grow.
fn without_harmless(table: &Table, column_id: i32) -> Table {
    let mut table = table.clone();
    table.indexes.clear();
    table.statistics.clear();
    table.checks.clear();
    for column in table.columns.iter_mut().filter(|c| c.column_id == column_id) {
        column.default = None;
    }
    table
}

/// Writes the rows anew in fresh SQLite tables, the column's values converted.
fn rewrite(
    change: &mut Change<'_>,
    table: &mut Table,
    (old, new): (&Column, &Column),
    (database, name): &(String, String),
) -> Outcome {
    if old.sql_type == new.sql_type && (new.nullable || !old.nullable) {
        return Ok(());
    }
    let place = convert::ColumnPlace { database, table: name, column: &old.name, colid: old.column_id };
    let column = store::column_name(old.column_id);
    let mut changed = table.clone();
    for c in changed.columns.iter_mut().filter(|c| c.column_id == old.column_id) {
        c.sql_type = new.sql_type.clone();
    }
    let fresh = change.new_storages(table.storage.len())?;
    for (from, to) in table.storage.iter().zip(&fresh) {
        store::create_partition(change.connection, &changed, *to)?;
        let (from, to) = (store::table_name(*from), store::table_name(*to));
        let mut columns = vec!["_ins".to_owned(), "_del".to_owned()];
        columns.extend(table.columns.iter().map(|c| store::column_name(c.column_id)));
        let columns = columns.join(", ");
        change.connection.execute_batch(&format!(
            "INSERT INTO {to} (rowid, {columns}) SELECT rowid, {columns} FROM {from}"
        ))?;
        let mut read = change.connection.prepare(&format!("SELECT rowid, {column}, _del FROM {from}"))?;
        let mut write =
            change.connection.prepare(&format!("UPDATE {to} SET {column} = ?2 WHERE rowid = ?1"))?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let rowid: i64 = row.get(0)?;
            let lives = row.get_ref(2)? == rusqlite::types::ValueRef::Null;
            let value = from_stored(row.get_ref(1)?, &old.sql_type).map_err(|e| {
                storage_error(&rusqlite::Error::FromSqlConversionFailure(
                    1,
                    rusqlite::types::Type::Blob,
                    Box::new(e),
                ))
            })?;
            if value == sandbox_values::Value::Null {
                if !new.nullable && lives {
                    let text = format!(
                        "Cannot insert the value NULL into column '{}', table '{database}.{name}'; column does not allow nulls. UPDATE fails.",
                        old.name
                    );
                    return Err(SqlError::new(515, 16, 2, text).into());
                }
                continue;
            }
            match fit(&value, &old.sql_type, &new.sql_type) {
                Ok(value) => write.execute(rusqlite::params![rowid, to_stored(value)])?,
                Err(misfit) if lives => return Err(misfit.into_error(place, true).into()),
                Err(_) => continue,
            };
        }
    }
    // What this transaction itself inserted and deleted bears its stamps there too.
    change.adopt(&table.storage, &fresh)?;
    change.drop_on_rollback(fresh.clone());
    change.retire_storage(std::mem::replace(&mut table.storage, fresh));
    Ok(())
}
