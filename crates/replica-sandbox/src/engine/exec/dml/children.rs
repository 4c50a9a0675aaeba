//! Rows of other tables that refer to rows that go: refused, or taken along by ON DELETE CASCADE.
use super::{Target, announce, stored_row};
use crate::engine::api::Sink;
use crate::engine::bind::unsupported;
use crate::engine::exec::read::Again;
use crate::engine::exec::row::{Names, conflict};
use crate::engine::failure::Outcome;
use crate::engine::functions::keys::key_expression;
use crate::engine::locks::{Mode, Scope};
use crate::engine::schema::{ForeignKey, Table};
use crate::engine::session::Session;
use crate::engine::store::{column_name, table_name};
use crate::engine::transactions::{Conflict, Fate, transaction_of};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Stored;
use std::sync::Arc;

/// What a foreign key does when its parent goes (`delete_referential_action`).
const NO_ACTION: u8 = 0;
const CASCADE: u8 = 1;

/// A child's row.
struct Found {
    storage: i64,
    rowid: i64,
    values: Vec<Stored>,
}

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

    /// Locks the tables that are looked into, and those that lose rows, with the children of these.
    ///
    /// # Errors
    /// As waiting for a lock.
    pub fn lock(&self, session: &Session, target: &Target, deletes: bool, sink: &dyn Sink) -> Outcome {
        let table = (target.database, self.table.object_id);
        if !(deletes && self.key.on_delete == CASCADE) {
            return session.lock_table(table, Mode::IS, Scope::Statement, sink);
        }
        session.lock_table(table, Mode::IX, Scope::Transaction, sink)?;
        let own = self.target(target);
        Child::of(session, &own).iter().try_for_each(|child| child.lock(session, &own, deletes, sink))
    }

    /// The child's table as one that changes; no permission is needed for what comes with a parent.
    fn target(&self, parent: &Target) -> Target {
        Target { table: Arc::clone(&self.table), names: self.names.clone(), ..parent.clone() }
    }

    /// The values that children of a parent's row refer to; `None` where a NULL can have none.
    pub fn values<'r>(&self, row: &'r [Stored]) -> Option<Vec<&'r Stored>> {
        let values: Vec<&Stored> = self.referenced.iter().filter_map(|&n| row.get(n)).collect();
        (!values.contains(&&Stored::Null)).then_some(values)
    }

    /// Looks for children of a parent's row that has gone: they keep it, or go with it.
    ///
    /// # Errors
    /// 547 where there are some that keep it.
    pub fn hold(
        &self,
        session: &mut Session,
        parent: (&Target, i64),
        verb: &str,
        row: &[Stored],
    ) -> Result<(), Again> {
        let (target, stamp) = parent;
        let Some(values) = self.values(row) else { return Ok(()) };
        let found = self.living(session, stamp, &values)?;
        if found.is_empty() {
            return Ok(());
        }
        let action = if verb == "DELETE" { self.key.on_delete } else { self.key.on_update };
        match (action, verb) {
            (NO_ACTION, _) => {
                let column = self.key.columns.first().and_then(|id| self.table.column(*id));
                let column = column.filter(|_| self.key.columns.len() == 1).map(|c| c.name.as_str());
                Err(conflict(verb, "REFERENCE", &self.key.name, &self.names, column).into())
            }
            (CASCADE, "DELETE") => self.take_along(session, &self.target(target), &found),
            _ => {
                Err(unsupported("ON UPDATE CASCADE, SET NULL and SET DEFAULT where there are rows to change")
                    .into())
            }
        }
    }

    /// Deletes rows whose parents are gone, and theirs.
    fn take_along(&self, session: &mut Session, own: &Target, rows: &[Found]) -> Result<(), Again> {
        let fires =
            |t: &&crate::engine::schema::Trigger| !t.disabled && t.events.iter().any(|e| e == "DELETE");
        if self.table.triggers.iter().any(|t| fires(&t)) {
            return Err(unsupported("DELETE triggers of tables that ON DELETE CASCADE reaches").into());
        }
        let stamp = announce(session, own, true)?;
        for row in rows {
            let table = table_name(row.storage);
            session
                .connection
                .prepare_cached(&format!("UPDATE {table} SET _del = ?1 WHERE rowid = ?2 AND _del IS NULL"))?
                .execute([stamp, row.rowid])?;
        }
        for child in Child::of(session, own) {
            for row in rows {
                child.hold(session, (own, stamp), "DELETE", &row.values)?;
            }
        }
        Ok(())
    }

    /// The children that are there for the writer.
    fn living(&self, session: &Session, stamp: i64, values: &[&Stored]) -> Result<Vec<Found>, Again> {
        let mut living = Vec::new();
        for &storage in &self.table.storage {
            let mut statement = session.connection.prepare_cached(&self.lookup(storage))?;
            let mut found = statement.query(params_from_iter(values.iter().copied()))?;
            while let Some(child) = found.next()? {
                let (inserted, deleted): (i64, Option<i64>) = (child.get(0)?, child.get(1)?);
                if lives(session, stamp, inserted, deleted)? {
                    let values = stored_row(child, 3, self.table.columns.len())?;
                    living.push(Found { storage, rowid: child.get(2)?, values });
                }
            }
        }
        Ok(living)
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
        let all: String =
            self.table.columns.iter().map(|c| format!(", {}", column_name(c.column_id))).collect();
        format!("SELECT _ins, _del, rowid{all} FROM {} WHERE {}", table_name(storage), equal.join(" AND "))
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
