//! Foreign keys: a row refers to one that lives.
use super::{Names, Pen, Refusal, conflict, lookup, position};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, Statement};
use sandbox_catalog::schema::{ForeignKey, Table};
use sandbox_session::Engine;

pub struct Parent<'c> {
    key: ForeignKey,
    columns: Vec<usize>,
    parent: String,
    /// The referenced column, where it is but one.
    referenced: Option<String>,
    lookups: Vec<Statement<'c>>,
}

impl<'c> Parent<'c> {
    /// `None` where the parent is gone.
    pub fn new(
        connection: &'c Connection,
        engine: &Engine,
        database: i16,
        table: &Table,
        key: &ForeignKey,
    ) -> rusqlite::Result<Option<Self>> {
        let parent =
            engine.instance().databases.get(&database).and_then(|d| d.tables.get(&key.references).cloned());
        let Some(parent) = parent else { return Ok(None) };
        let columns = key.columns.iter().filter_map(|id| position(table, *id)).collect();
        let mut lookups = Vec::with_capacity(parent.storage.len());
        for &storage in &parent.storage {
            lookups.push(connection.prepare(&lookup(&parent, storage, &key.referenced_columns, false))?);
        }
        let referenced = match key.referenced_columns.as_slice() {
            [id] => parent.column(*id).map(|c| c.name.clone()),
            _ => None,
        };
        let parent = Names::of(engine, database, &parent).table;
        Ok(Some(Self { key: key.clone(), columns, parent, referenced, lookups }))
    }

    pub fn hold(&mut self, pen: &Pen, names: &Names, verb: &str, row: &[Stored]) -> Result<(), Refusal> {
        let keys: Vec<&Stored> = self.columns.iter().filter_map(|&n| row.get(n)).collect();
        // A NULL in the key refers to nothing.
        if keys.contains(&&Stored::Null) {
            return Ok(());
        }
        for statement in &mut self.lookups {
            if !pen.found(statement, &keys, 0)?.is_empty() {
                return Ok(());
            }
        }
        let parent = Names { table: self.parent.clone(), ..names.clone() };
        Err(conflict(verb, "FOREIGN KEY", &self.key.name, &parent, self.referenced.as_deref()).into())
    }
}
