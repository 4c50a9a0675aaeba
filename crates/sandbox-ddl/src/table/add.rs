//! ALTER TABLE … ADD.
use super::build::Builder;
use super::columns;
use super::target::Altered;
use super::{keys, locks, validate};
use sandbox_catalog::schema::{Backs, Column, IdentityColumn, Table};
use sandbox_catalog::store;
use sandbox_query::ask;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::{ColumnDef, ConstraintDef, ConstraintKind};
use sandbox_values::error::SqlError;
use sandbox_values::storage::to_stored;
use sandbox_values::{SqlType, Value};
use std::sync::Arc;

pub struct Addition<'a> {
    pub columns: &'a [ColumnDef],
    pub constraints: &'a [ConstraintDef],
    /// WITH CHECK or NOCHECK, where written; new constraints are checked unless told otherwise.
    pub check: Option<bool>,
}

/// # Errors
/// 2705, 4901, and those of constraints: 547, 1505, 1750 after them.
pub fn add(session: &mut Session, target: &Altered, addition: &Addition<'_>, sink: &dyn Sink) -> Outcome {
    let all: Vec<ConstraintDef> =
        addition.columns.iter().flat_map(|c| &c.constraints).chain(addition.constraints).cloned().collect();
    locks::referenced(session, target.database, all.iter(), sink)?;
    let collation = target.read(session, |database, _| Ok(database.collation))?;
    let table = &target.table;
    let mut new = columns::resolve(session, &table.name, &table.columns, addition.columns, collation)?;
    // Ids of dropped columns are not used again.
    for (n, column) in new.iter_mut().enumerate() {
        column.column_id = table.max_column_id + 1 + n as i32;
    }
    let every: Vec<Column> =
        table.columns.iter().chain(&new).filter(|c| c.computed.is_none()).cloned().collect();
    for constraint in &all {
        if let ConstraintKind::Check { definition } = &constraint.kind {
            columns::check_condition(session, &every, definition)?;
        }
    }
    let fills = fills(session, target, addition.columns, &new)?;
    let trusted = addition.check != Some(false);
    let engine = Arc::clone(&session.engine);
    let added = change(session, |change| {
        let old = change.table(target.database, table.object_id)?;
        let known = old.constraint_names().map(str::to_owned).collect::<Vec<_>>();
        let mut record = old;
        record.columns.extend(new.iter().cloned());
        record.max_column_id += new.len() as i32;
        if let Some((seed, increment)) = addition.columns.iter().find_map(|c| c.identity) {
            record.identity = Some(IdentityColumn { seed, increment, last: None });
        }
        let now = change.now;
        let database = change.database(target.database)?;
        let mut builder = Builder { database, table: record, now, new: false };
        builder.name_defaults()?;
        builder.add_constraints(&all, trusted)?;
        let mut record = builder.table;
        let transaction = change.transaction.id;
        let mut stamp = || engine.row_versions.next(target.database, Some(transaction));
        add_to_storage(change, &mut record, &new, &fills, &mut stamp)?;
        let added: Vec<String> =
            record.constraint_names().filter(|n| !known.iter().any(|k| k == n)).map(str::to_owned).collect();
        make_indexes(change, &record, &added)?;
        change.put_table(target.database, record.object_id, Some(record));
        Ok(added)
    })?;
    let questions = target.read(session, |database, table| {
        let is_new = |name: &str| added.iter().any(|a| a == name);
        let unique = table.indexes.iter().filter(|i| i.name.as_deref().is_some_and(is_new));
        let mut questions: Vec<_> = unique.map(|i| validate::unique(database, table, i)).collect();
        if trusted {
            let checks = table.checks.iter().filter(|c| is_new(&c.name));
            questions.extend(checks.map(|c| validate::check(database, table, c)));
            let foreign = table.foreign_keys.iter().filter(|f| is_new(&f.name));
            questions.extend(foreign.filter_map(|f| validate::foreign_key(database, table, f)));
        }
        Ok(questions)
    })?;
    questions.into_iter().try_for_each(|question| validate::ask(session, question))
}

/// What the rows that are there get in a new column.
enum Fill {
    Null,
    Value(Value),
    /// Counted up, row by row.
    Identity(i64, i64),
    /// The database's next ones.
    RowVersion,
}

/// A NOT NULL column is filled with its default, a nullable one WITH VALUES only. The server has values of its own for an
/// identity and a rowversion, which is why error 4901 excepts them (sys.messages). That it fills a nullable rowversion, too, is
/// unconfirmed.
fn fills(session: &mut Session, target: &Altered, defs: &[ColumnDef], new: &[Column]) -> Outcome<Vec<Fill>> {
    let mut fills = Vec::new();
    let mut has_rows = None;
    for (def, column) in defs.iter().zip(new) {
        let wanted = def.default.as_ref().filter(|d| d.with_values || !column.nullable);
        if let Some((seed, increment)) = def.identity {
            fills.push(Fill::Identity(seed, increment));
        } else if column.sql_type == SqlType::RowVersion {
            fills.push(Fill::RowVersion);
        } else if let Some(default) = wanted {
            fills.push(Fill::Value(default_value(session, &default.definition, &column.sql_type)?));
        } else {
            if !column.nullable
                && column.computed.is_none()
                && *has_rows.get_or_insert(rows(session, target)?)
            {
                let name = &column.name;
                let text = format!(
                    "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified, or the column being added is an identity or timestamp column, or alternatively if none of the previous conditions are satisfied the table must be empty to allow addition of this column. Column '{name}' cannot be added to non-empty table '{}' because it does not satisfy these conditions.",
                    target.table.name
                );
                return Err(SqlError::new(4901, 16, 1, text).into());
            }
            fills.push(Fill::Null);
        }
    }
    Ok(fills)
}

fn rows(session: &mut Session, target: &Altered) -> Outcome<bool> {
    let name = target.read(session, |database, table| Ok(validate::qualified(database, table)))?;
    Ok(!ask(session, &format!("SELECT TOP (1) 1 FROM {name}"))?.is_empty())
}

/// The value of a default, in the column's type.
fn default_value(session: &mut Session, definition: &str, sql_type: &SqlType) -> Outcome<Value> {
    let mut sql = format!("SELECT CAST({definition} AS {sql_type})");
    if let Some(collation) = sql_type.collation() {
        sql.push_str(&format!(" COLLATE {}", collation.get().name));
    }
    let rows = ask(session, &sql)?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Value::Null))
}

fn add_to_storage(
    change: &mut Change<'_>,
    table: &mut Table,
    new: &[Column],
    fills: &[Fill],
    stamp: &mut dyn FnMut() -> [u8; 8],
) -> Outcome {
    let mut last = None;
    for storage in table.storage.clone() {
        let name = store::table_name(storage);
        for (column, fill) in new.iter().zip(fills) {
            let column = store::column_name(column.column_id);
            change.connection.execute_batch(&format!("ALTER TABLE {name} ADD COLUMN {column}"))?;
            match fill {
                Fill::Null => {}
                Fill::Value(value) => {
                    let sql = format!("UPDATE {name} SET {column} = ?1");
                    change.connection.execute(&sql, [to_stored(value.clone())])?;
                }
                Fill::Identity(seed, increment) => {
                    let start = last.map_or(*seed, |n| n + increment);
                    let sql = format!(
                        "UPDATE {name} SET {column} = ?1 + ?2 * (n - 1) FROM \
                         (SELECT rowid AS r, row_number() OVER (ORDER BY rowid) AS n FROM {name}) WHERE rowid = r"
                    );
                    let filled = change.connection.execute(&sql, [start, *increment])?;
                    if filled > 0 {
                        last = Some(start + increment * (filled as i64 - 1));
                    }
                }
                Fill::RowVersion => {
                    let mut rows =
                        change.connection.prepare(&format!("SELECT rowid FROM {name} ORDER BY rowid"))?;
                    let rows = rows.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
                    let sql = format!("UPDATE {name} SET {column} = ?1 WHERE rowid = ?2");
                    let mut update = change.connection.prepare(&sql)?;
                    for row in rows {
                        update.execute((stamp(), row))?;
                    }
                }
            }
        }
        let added: Vec<String> = new.iter().map(|c| store::column_name(c.column_id)).collect();
        change.transaction.on_rollback(Box::new(move |_, connection| {
            added.iter().try_for_each(|column| {
                connection.execute_batch(&format!(
                    "ALTER TABLE {} DROP COLUMN {column}",
                    store::table_name(storage)
                ))
            })
        }));
    }
    if let (Some(identity), Some(_)) = (&mut table.identity, last) {
        identity.last = last;
    }
    Ok(())
}

/// SQLite's side of new keys; a rollback drops them.
fn make_indexes(change: &mut Change<'_>, table: &Table, added: &[String]) -> Outcome {
    for index in &table.indexes {
        let new = index.backs != Backs::Nothing && index.name.as_ref().is_some_and(|n| added.contains(n));
        if new {
            keys::create_storage(change, table, index)?;
        }
    }
    Ok(())
}
