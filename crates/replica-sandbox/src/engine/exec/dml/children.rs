//! Rows of other tables that refer to rows that go: refused, or taken along by ON DELETE CASCADE.
use super::Target;
use crate::engine::bind::unsupported;
use crate::engine::exec::read::Again;
use crate::engine::exec::row::{Names, conflict};
use crate::engine::functions::keys::key_expression;
use crate::engine::schema::{ForeignKey, Table};
use crate::engine::session::Session;
use crate::engine::store::{column_name, table_name};
use crate::engine::transactions::{Conflict, Fate, transaction_of};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Stored;
use std::sync::Arc;

const CASCADE: u8 = 1;

/// A foreign key that points at the table that is changed.
pub struct Child {
    key: ForeignKey,
    table: Arc<Table>,
    names: Names,
    /// Positions of the referenced columns in the parent's rows.
    referenced: Vec<usize>,
}

impl Child {
    /// All enabled foreign keys that point at the target.
    pub fn of(session: &Session, target: &Target) -> Vec<Child> {
        let found: Vec<(ForeignKey, Arc<Table>)> = {
            let instance = session.engine.instance();
            let Some(database) = instance.databases.get(&target.database) else { return Vec::new() };
            let keys = |t: &Arc<Table>| {
                let table = Arc::clone(t);
                t.foreign_keys.clone().into_iter().map(move |k| (k, Arc::clone(&table)))
            };
            let all = database.tables.values().flat_map(keys);
            all.filter(|(k, _)| k.references == target.table.object_id && !k.disabled).collect()
        };
        found
            .into_iter()
            .map(|(key, table)| {
                let position = |id: &i32| target.table.columns.iter().position(|c| c.column_id == *id);
                let referenced = key.referenced_columns.iter().filter_map(position).collect();
                let names = Names::of(&session.engine, target.database, &table);
                Child { key, table, names, referenced }
            })
            .collect()
    }

    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The values that children of a parent's row refer to; `None` where a NULL can have none.
    pub fn values<'r>(&self, row: &'r [Stored]) -> Option<Vec<&'r Stored>> {
        let values: Vec<&Stored> = self.referenced.iter().filter_map(|&n| row.get(n)).collect();
        (!values.contains(&&Stored::Null)).then_some(values)
    }

    /// Looks for children of a parent's row that has gone.
    ///
    /// # Errors
    /// 547 where there are some.
    pub fn hold(&self, session: &Session, stamp: i64, verb: &str, row: &[Stored]) -> Result<(), Again> {
        let Some(values) = self.values(row) else { return Ok(()) };
        for &storage in &self.table.storage {
            let mut statement = session.connection.prepare_cached(&self.lookup(storage))?;
            let mut found = statement.query(params_from_iter(values.iter().copied()))?;
            while let Some(child) = found.next()? {
                let (inserted, deleted): (i64, Option<i64>) = (child.get(0)?, child.get(1)?);
                if lives(session, stamp, inserted, deleted)? {
                    if self.key.on_delete == CASCADE && verb == "DELETE" {
                        return Err(unsupported("ON DELETE CASCADE with rows to delete").into());
                    }
                    let column = self.key.columns.first().and_then(|id| self.table.column(*id));
                    let column = column.filter(|_| self.key.columns.len() == 1).map(|c| c.name.as_str());
                    return Err(conflict(verb, "REFERENCE", &self.key.name, &self.names, column).into());
                }
            }
        }
        Ok(())
    }

    fn lookup(&self, storage: i64) -> String {
        let equal: Vec<String> = self
            .key
            .columns
            .iter()
            .enumerate()
            .filter_map(|(n, id)| {
                let column = self.table.column(*id)?;
                let stored = key_expression(&column_name(*id), &column.sql_type);
                Some(format!("{stored} = {}", key_expression(&format!("?{}", n + 1), &column.sql_type)))
            })
            .collect();
        format!("SELECT _ins, _del FROM {} WHERE {}", table_name(storage), equal.join(" AND "))
    }
}

/// Is a row with these stamps there for the writer? Another's uncommitted change must be waited out.
fn lives(session: &Session, stamp: i64, inserted: i64, deleted: Option<i64>) -> Result<bool, Again> {
    let happened = |other: i64| -> Result<bool, Again> {
        if transaction_of(other) == transaction_of(stamp) {
            return Ok(true);
        }
        match session.engine.transactions.fate(transaction_of(other), u64::MAX) {
            Fate::Active => Err(Again::Conflict(Conflict(transaction_of(other)))),
            Fate::RolledBack => Ok(false),
            Fate::Committed | Fate::CommittedLater => Ok(true),
        }
    };
    Ok(happened(inserted)? && !deleted.map_or(Ok(false), happened)?)
}
