//! Rows of other tables that refer to rows that go or change: refused, taken along, or changed with them.
use super::insert::explained;
use super::{Target, announce, stored_row};
use crate::exec::row::{Conditions, Names, Pen, Rules, TableWriter, Tracker, UpdatedColumns, conflict};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Stored;
use sandbox_catalog::keys::key_expression;
use sandbox_catalog::schema::{BlockedOperation, ForeignKey, Table, Trigger};
use sandbox_catalog::store::{column_name, table_name};
use sandbox_query::bind::{Binder, unsupported};
use sandbox_query::read::Again;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_transactions::locks::{LockMode, LockScope};
use sandbox_transactions::{Conflict, Fate, transaction_of};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use std::sync::Arc;

/// What a foreign key does when its parent goes or changes (`delete_referential_action`).
const NO_ACTION: u8 = 0;
const CASCADE: u8 = 1;
const SET_NULL: u8 = 2;

/// A child's row.
struct ChildRow {
    storage: i64,
    rowid: i64,
    values: Vec<Stored>,
}

impl ChildRow {
    fn mark(&self, session: &Session, stamp: i64) -> Result<(), Again> {
        let table = table_name(self.storage);
        session
            .connection
            .prepare_cached(&format!("UPDATE {table} SET _del = ?1 WHERE rowid = ?2 AND _del IS NULL"))?
            .execute([stamp, self.rowid])?;
        Ok(())
    }
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

    /// Are these the same keys of tables that have not changed?
    pub fn same(before: &[Child], now: &[Child]) -> bool {
        let same = |(a, b): (&Child, &Child)| {
            a.key.object_id == b.key.object_id && a.table.modified == b.table.modified
        };
        before.len() == now.len() && before.iter().zip(now).all(same)
    }

    /// Locks the tables that are looked into, and those whose rows go or change, with the children of these.
    ///
    /// # Errors
    /// As waiting for a lock.
    pub fn lock(&self, session: &Session, target: &Target, deletes: bool, sink: &dyn Sink) -> Outcome {
        let table = (target.database, self.table.object_id);
        let action = if deletes { self.key.on_delete } else { self.key.on_update };
        if action == NO_ACTION {
            return session.lock_table(table, LockMode::IS, LockScope::Statement, sink);
        }
        session.lock_table(table, LockMode::IX, LockScope::Transaction, sink)?;
        let own = self.target(target);
        let deletes = deletes && action == CASCADE;
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

    /// Looks for children of a parent's row that has gone, or has got the new values: they keep it, or follow.
    ///
    /// # Errors
    /// 547 where there are some that keep it; what refuses the rows that follow.
    pub fn hold(
        &self,
        session: &mut Session,
        parent: (&Target, i64),
        row: &[Stored],
        new: Option<&[Stored]>,
    ) -> Result<(), Again> {
        let (target, stamp) = parent;
        let Some(values) = self.values(row) else { return Ok(()) };
        let found = self.living(session, stamp, &values)?;
        if found.is_empty() {
            return Ok(());
        }
        let (verb, action) = match new {
            None => ("DELETE", self.key.on_delete),
            Some(_) => ("UPDATE", self.key.on_update),
        };
        match (action, new) {
            (NO_ACTION, _) => {
                let column = self.key.columns.first().and_then(|id| self.table.column(*id));
                let column = column.filter(|_| self.key.columns.len() == 1).map(|c| c.name.as_str());
                Err(conflict(verb, "REFERENCE", &self.key.name, &self.names, column).into())
            }
            (CASCADE, None) => self.take_along(session, &self.target(target), &found),
            (action, new) => self.change_along(session, &self.target(target), &found, action, new),
        }
    }

    /// Triggers of a table that an action reaches would have to fire.
    fn refuse_triggers(&self, event: &str) -> Result<(), SqlError> {
        let fires = |t: &Trigger| !t.disabled && t.events.iter().any(|e| e == event);
        if self.table.triggers.iter().any(fires) {
            return Err(unsupported(&format!(
                "{event} triggers of tables that a foreign key's action reaches"
            )));
        }
        Ok(())
    }

    /// Deletes rows whose parents are gone, and theirs.
    fn take_along(&self, session: &mut Session, own: &Target, rows: &[ChildRow]) -> Result<(), Again> {
        self.refuse_triggers("DELETE")?;
        let stamp = announce(session, own, true)?;
        for row in rows {
            row.mark(session, stamp)?;
        }
        if let Some(mut tracker) = Tracker::of(&session.connection, &Pen::of(session, stamp), &own.table)? {
            rows.iter().try_for_each(|row| tracker.deleted(&row.values))?;
        }
        for child in Child::of(session, own) {
            for row in rows {
                child.hold(session, (own, stamp), &row.values, None)?;
            }
        }
        Ok(())
    }

    /// Gives rows the values that the action says where they refer to their parent.
    fn change_along(
        &self,
        session: &mut Session,
        own: &Target,
        rows: &[ChildRow],
        action: u8,
        parent: Option<&[Stored]>,
    ) -> Result<(), Again> {
        self.refuse_triggers("UPDATE")?;
        let stamp = announce(session, own, true)?;
        let (conditions, defaults) = self.bound(session, own)?;
        let mut changed = Vec::with_capacity(rows.len());
        for row in rows {
            row.mark(session, stamp)?;
            let mut new = row.values.clone();
            for (n, (id, referenced)) in self.key.columns.iter().zip(&self.referenced).enumerate() {
                let value = match (action, parent) {
                    (CASCADE, Some(parent)) => parent.get(*referenced),
                    (SET_NULL, _) => None,
                    _ => defaults.get(n),
                };
                let at = self.table.columns.iter().position(|c| c.column_id == *id);
                if let Some(place) = at.and_then(|at| new.get_mut(at)) {
                    *place = value.cloned().unwrap_or(Stored::Null);
                }
            }
            for (column, value) in self.table.columns.iter().zip(&mut new) {
                if column.sql_type == SqlType::RowVersion {
                    *value = Stored::Blob(session.next_row_version(own.database).to_vec());
                }
            }
            changed.push(new);
        }
        self.write(session, own, stamp, &conditions, &changed)?;
        if let Some(mut tracker) = Tracker::of(&session.connection, &Pen::of(session, stamp), &own.table)? {
            let pairs = rows.iter().zip(&changed).map(|(row, new)| (row.values.as_slice(), new.as_slice()));
            tracker.updated(pairs, &UpdatedColumns::of(&own.table, &self.key.columns))?;
        }
        for child in Child::of(session, own) {
            for (row, new) in rows.iter().zip(&changed) {
                if child.values(&row.values) != child.values(new) {
                    child.hold(session, (own, stamp), &row.values, Some(new))?;
                }
            }
        }
        Ok(())
    }

    fn write(
        &self,
        session: &Session,
        own: &Target,
        stamp: i64,
        conditions: &Conditions,
        rows: &[Vec<Stored>],
    ) -> Result<(), Again> {
        let pen = Pen::of(session, stamp);
        let rules = Rules { checks: true, verb: "UPDATE" };
        let of = (own.database, Arc::clone(&own.table));
        let partitioning = own.partitioning(session);
        let mut writer = TableWriter::new(&session.connection, pen, of, rules, (conditions, partitioning))?;
        for row in rows {
            writer.write(row).map_err(|refusal| explained(session, refusal))?;
        }
        writer.finish().map_err(|refusal| explained(session, refusal))
    }

    /// What the table's new rows are held against, and the defaults of the key's columns.
    fn bound(&self, session: &Session, own: &Target) -> Result<(Conditions, Vec<Stored>), Again> {
        let frame = Frame::default();
        let binder = Binder::beside(session, &frame);
        let conditions = own.conditions(&binder, true, BlockedOperation::AfterUpdate)?;
        let columns = self.key.columns.iter().filter_map(|id| self.table.column(*id));
        let defaults: Vec<String> =
            columns.map(|c| Ok(own.default(&binder, c)?.sql)).collect::<Result<_, SqlError>>()?;
        let params = binder.finish().params;
        let values = session
            .connection
            .query_row(&format!("SELECT {}", defaults.join(", ")), params_from_iter(params), |row| {
                stored_row(row, 0, defaults.len())
            })
            .map_err(|error| session.ops.explain(&error))?;
        Ok((conditions, values))
    }

    /// The children that are there for the writer.
    fn living(&self, session: &Session, stamp: i64, values: &[&Stored]) -> Result<Vec<ChildRow>, Again> {
        let mut living = Vec::new();
        for &storage in &self.table.storage {
            let mut statement = session.connection.prepare_cached(&self.lookup(storage))?;
            let mut found = statement.query(params_from_iter(values.iter().copied()))?;
            while let Some(child) = found.next()? {
                let (inserted, deleted): (i64, Option<i64>) = (child.get(0)?, child.get(1)?);
                if lives(session, stamp, inserted, deleted)? {
                    let values = stored_row(child, 3, self.table.columns.len())?;
                    living.push(ChildRow { storage, rowid: child.get(2)?, values });
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
