//! What change tracking notes of each row that a statement writes: what became of it, and its key.
use super::{Pen, position};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, Statement, params_from_iter};
use sandbox_catalog::schema::Table;
use sandbox_catalog::store::{column_name, table_name};
use sandbox_values::SqlType;

/// SYS_CHANGE_OPERATION, as nchar(1) is stored.
const INSERTED: [u8; 2] = [b'I', 0];
const UPDATED: [u8; 2] = [b'U', 0];
const DELETED: [u8; 2] = [b'D', 0];

pub struct Tracker<'c> {
    note: Statement<'c>,
    /// Positions of the key's columns.
    key: Vec<usize>,
    context: Stored,
}

impl<'c> Tracker<'c> {
    /// None for a table that is not tracked.
    pub fn of(connection: &'c Connection, pen: &Pen, table: &Table) -> rusqlite::Result<Option<Self>> {
        let (Some(tracked), Some(key)) = (table.change_tracking, table.primary_key()) else {
            return Ok(None);
        };
        let names: Vec<String> = key.keys.iter().map(|(id, _)| column_name(*id)).collect();
        let note = connection.prepare(&format!(
            "INSERT INTO {} (_ins, op, columns, context, {}) VALUES ({}{})",
            table_name(tracked.changes),
            names.join(", "),
            pen.stamp,
            ", ?".repeat(3 + names.len())
        ))?;
        let key = key.keys.iter().filter_map(|(id, _)| position(table, *id)).collect();
        let context = pen.context.clone().map_or(Stored::Null, Stored::Blob);
        Ok(Some(Self { note, key, context }))
    }

    pub fn inserted(&mut self, row: &[Stored]) -> rusqlite::Result<()> {
        self.write(INSERTED, Stored::Null, row)
    }

    pub fn deleted(&mut self, row: &[Stored]) -> rusqlite::Result<()> {
        self.write(DELETED, Stored::Null, row)
    }

    /// Rows that one statement changed, old and new. A row whose key is set has gone, and another has come (Microsoft
    /// docs, CHANGETABLE, "Remarks"): all go before any comes, so that a key that one row leaves and another takes has
    /// been updated.
    pub fn updated<'r>(
        &mut self,
        rows: impl Iterator<Item = (&'r [Stored], &'r [Stored])> + Clone,
        columns: &UpdatedColumns,
    ) -> rusqlite::Result<()> {
        if columns.key {
            for (old, _) in rows.clone() {
                self.deleted(old)?;
            }
        }
        for (_, new) in rows {
            if columns.key {
                self.inserted(new)?;
            } else {
                let list = columns.list.clone().map_or(Stored::Null, Stored::Blob);
                self.write(UPDATED, list, new)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, op: [u8; 2], columns: Stored, row: &[Stored]) -> rusqlite::Result<()> {
        let head = [Stored::Blob(op.to_vec()), columns, self.context.clone()];
        let key = self.key.iter().filter_map(|at| row.get(*at).cloned());
        self.note.execute(params_from_iter(head.into_iter().chain(key)))?;
        Ok(())
    }
}

/// Which columns an UPDATE sets, whatever their values.
pub struct UpdatedColumns {
    key: bool,
    /// Their ids as SYS_CHANGE_COLUMNS has them; none where that is not tracked, or all columns are set.
    list: Option<Vec<u8>>,
}

impl UpdatedColumns {
    /// By column_id, in the statement's order.
    pub fn of(table: &Table, set: &[i32]) -> Self {
        let in_key = |id: &i32| table.primary_key().is_some_and(|key| key.keys.iter().any(|(k, _)| k == id));
        let stamped = table.columns.iter().filter(|c| c.sql_type == SqlType::RowVersion).map(|c| c.column_id);
        let all: Vec<i32> = set.iter().copied().chain(stamped).collect();
        let mut others = table.columns.iter().filter(|c| c.computed.is_none() && !in_key(&c.column_id));
        let whole = others.all(|c| all.contains(&c.column_id));
        let listed = table.change_tracking.is_some_and(|tracked| tracked.columns_updated) && !whole;
        let list = listed.then(|| all.iter().flat_map(|id| id.to_le_bytes()).collect());
        Self { key: set.iter().any(in_key), list }
    }
}
