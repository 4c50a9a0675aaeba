//! Writing rows: constraints held, keys unique, stamps set.
mod parent;
mod tracker;
mod unique;

pub use tracker::{Tracker, UpdatedColumns};

use parent::Parent;
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, Statement, ToSql, params_from_iter};
use sandbox_catalog::keys::key_expression;
use sandbox_catalog::schema::{IndexKind, Table};
use sandbox_catalog::store::{column_name, table_name};
use sandbox_session::{Engine, Session};
use sandbox_transactions::{Fate, transaction_of};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;
use std::collections::BTreeMap;
use std::sync::Arc;
use unique::Unique;

/// Why a row was not written.
pub enum Refusal {
    Error(SqlError),
    /// Another transaction must end first.
    Wait(u64),
    Storage(rusqlite::Error),
}

impl From<SqlError> for Refusal {
    fn from(error: SqlError) -> Self {
        Refusal::Error(error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Refusal::Storage(error)
    }
}

/// The names that messages have for a table.
#[derive(Clone, Debug)]
pub struct Names {
    pub database: String,
    /// schema.table
    pub table: String,
}

impl Names {
    pub fn of(engine: &Engine, database: i16, table: &Table) -> Self {
        let instance = engine.instance();
        let found = instance.databases.get(&database);
        let schema = found.map_or("", |d| d.schema_name(table.schema_id));
        Self {
            database: found.map_or_else(String::new, |d| d.name.clone()),
            table: format!("{schema}.{}", table.name),
        }
    }
}

/// Who writes: their stamp, and how others' stamps are judged.
#[derive(Clone)]
pub struct Pen {
    engine: Arc<Engine>,
    stamp: i64,
    /// Of change tracking, for what it notes.
    context: Option<Vec<u8>>,
}

/// What a row with the same key means.
enum Met {
    Nothing,
    Alive,
    Wait(u64),
}

impl Pen {
    pub fn of(session: &Session, stamp: i64) -> Self {
        Self { engine: Arc::clone(&session.engine), stamp, context: session.change_context.clone() }
    }

    fn me(&self) -> u64 {
        transaction_of(self.stamp)
    }

    fn fate(&self, stamp: i64) -> Fate {
        self.engine.transactions.fate(transaction_of(stamp), u64::MAX)
    }

    fn meets(&self, inserted: i64, deleted: Option<i64>) -> Met {
        let mine = |stamp: i64| transaction_of(stamp) == self.me();
        match deleted {
            Some(stamp) if mine(stamp) => return Met::Nothing,
            Some(stamp) => match self.fate(stamp) {
                Fate::Active => return Met::Wait(transaction_of(stamp)),
                Fate::Committed | Fate::CommittedLater => return Met::Nothing,
                Fate::RolledBack => {}
            },
            None => {}
        }
        if mine(inserted) {
            return Met::Alive;
        }
        match self.fate(inserted) {
            Fate::Active => Met::Wait(transaction_of(inserted)),
            Fate::RolledBack => Met::Nothing,
            Fate::Committed | Fate::CommittedLater => Met::Alive,
        }
    }

    /// Runs a lookup of `_ins, _del` and `width` values: those of the living rows that it finds.
    fn found(
        &self,
        statement: &mut Statement<'_>,
        keys: &[&Stored],
        width: usize,
    ) -> Result<Vec<Vec<Stored>>, Refusal> {
        let mut rows = statement.query(params_from_iter(keys.iter().map(|k| *k as &dyn ToSql)))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            match self.meets(row.get(0)?, row.get(1)?) {
                Met::Alive => {
                    found.push((2..2 + width).map(|n| row.get(n)).collect::<rusqlite::Result<_>>()?)
                }
                Met::Wait(other) => return Err(Refusal::Wait(other)),
                Met::Nothing => {}
            }
        }
        Ok(found)
    }
}

/// Which constraints a statement looks at: a bulk load may leave checks and foreign keys out.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub checks: bool,
    /// As messages name the statement: INSERT or UPDATE.
    pub verb: &'static str,
}

/// SQLite's SQL of conditions over a row's values as parameters.
#[derive(Default)]
pub struct Conditions {
    /// Of block predicates.
    pub blocks: Vec<String>,
    /// Of each enabled check.
    pub checks: Vec<String>,
    /// By index_id, of the filters of unique indexes.
    pub filters: BTreeMap<i32, String>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Row,
    /// Its key was there, and the index says IGNORE_DUP_KEY.
    Ignored,
}

/// Inserts rows into one table.
pub struct TableWriter<'c> {
    pen: Pen,
    table: Arc<Table>,
    names: Names,
    rules: Rules,
    partition_of: Partitioning,
    inserts: Vec<Statement<'c>>,
    uniques: Vec<Unique<'c>>,
    parents: Vec<Parent<'c>>,
    /// Keys that refer to the table itself, and the rows whose own are yet to be held: a later row may be the parent.
    own_parents: Vec<Parent<'c>>,
    unsettled: Vec<Vec<Stored>>,
    blocks: Option<Statement<'c>>,
    checks: Option<Statement<'c>>,
    /// An UPDATE notes its changes itself.
    tracker: Option<Tracker<'c>>,
}

/// Finds a row's partition: the number of boundaries below its value.
pub type Partitioning = Box<dyn Fn(&[Stored]) -> usize>;

impl<'c> TableWriter<'c> {
    pub fn new(
        connection: &'c Connection,
        pen: Pen,
        (database, table): (i16, Arc<Table>),
        rules: Rules,
        (conditions, partition_of): (&Conditions, Partitioning),
    ) -> rusqlite::Result<Self> {
        let names = Names::of(&pen.engine, database, &table);
        let columns: Vec<String> = table.columns.iter().map(|c| column_name(c.column_id)).collect();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let mut inserts = Vec::with_capacity(table.storage.len());
        for &storage in &table.storage {
            inserts.push(connection.prepare(&format!(
                "INSERT INTO {} ({}, _ins) VALUES ({}, {})",
                table_name(storage),
                columns.join(", "),
                places.join(", "),
                pen.stamp
            ))?);
        }
        let mut uniques = Vec::new();
        for index in table.indexes.iter().filter(|i| i.unique && !i.disabled && i.kind != IndexKind::Heap) {
            uniques.push(Unique::new(connection, &table, index, conditions.filters.get(&index.index_id))?);
        }
        let (mut parents, mut own_parents) = (Vec::new(), Vec::new());
        for key in table.foreign_keys.iter().filter(|k| rules.checks && !k.disabled) {
            let own = key.references == table.object_id;
            let parents = if own { &mut own_parents } else { &mut parents };
            parents.extend(Parent::new(connection, &pen.engine, database, &table, key)?);
        }
        let prepared = |conditions: &[String], between: &str| match conditions {
            [] => Ok(None),
            _ => connection.prepare(&format!("SELECT {}", conditions.join(between))).map(Some),
        };
        let blocks = prepared(&conditions.blocks, " AND ")?;
        let checks = prepared(&conditions.checks, ", ")?;
        let tracker = if rules.verb == "INSERT" { Tracker::of(connection, &pen, &table)? } else { None };
        Ok(Self {
            pen,
            table,
            names,
            rules,
            partition_of,
            inserts,
            uniques,
            parents,
            own_parents,
            unsettled: Vec::new(),
            blocks,
            checks,
            tracker,
        })
    }

    /// Writes one row: a value for each column of the table.
    pub fn write(&mut self, row: &[Stored]) -> Result<Written, Refusal> {
        self.refuse_nulls(row)?;
        self.hold_blocks(row)?;
        self.hold_checks(row)?;
        // An UPDATE is refused all the same (Microsoft docs, CREATE INDEX).
        let ignores = self.rules.verb == "INSERT";
        for unique in &mut self.uniques {
            if let Err(refusal) = unique.hold(&self.pen, &self.table, &self.names, row) {
                let duplicate = matches!(refusal, Refusal::Error(_));
                return if duplicate && ignores && unique.index.ignore_dup_key {
                    Ok(Written::Ignored)
                } else {
                    Err(refusal)
                };
            }
        }
        for parent in &mut self.parents {
            parent.hold(&self.pen, &self.names, self.rules.verb, row)?;
        }
        let partition = (self.partition_of)(row).min(self.inserts.len().saturating_sub(1));
        if let Some(insert) = self.inserts.get_mut(partition) {
            insert.execute(params_from_iter(row))?;
        }
        if let Some(tracker) = &mut self.tracker {
            tracker.inserted(row)?;
        }
        if !self.own_parents.is_empty() {
            self.unsettled.push(row.to_vec());
        }
        Ok(Written::Row)
    }

    /// The rows whose parents in the table itself have not been looked for yet: a statement is not over with its writer.
    pub fn take_unsettled(&mut self) -> Vec<Vec<Stored>> {
        std::mem::take(&mut self.unsettled)
    }

    /// Looks for them, once the statement's last row is there.
    pub fn settle(&mut self, rows: &[Vec<Stored>]) -> Result<(), Refusal> {
        for row in rows {
            for parent in &mut self.own_parents {
                parent.hold(&self.pen, &self.names, self.rules.verb, row)?;
            }
        }
        Ok(())
    }

    /// The same, for a statement that had but this writer.
    pub fn finish(mut self) -> Result<(), Refusal> {
        let rows = self.take_unsettled();
        self.settle(&rows)
    }

    fn refuse_nulls(&self, row: &[Stored]) -> Result<(), SqlError> {
        for (column, value) in self.table.columns.iter().zip(row) {
            if *value == Stored::Null && !column.nullable && column.computed.is_none() {
                return Err(SqlError::new(
                    515,
                    16,
                    2,
                    format!(
                        "Cannot insert the value NULL into column '{}', table '{}.{}'; column does not allow nulls. {} \
                         fails.",
                        column.name, self.names.database, self.names.table, self.rules.verb
                    ),
                ));
            }
        }
        Ok(())
    }

    fn hold_blocks(&mut self, row: &[Stored]) -> Result<(), Refusal> {
        let Some(statement) = &mut self.blocks else { return Ok(()) };
        let used = statement.parameter_count();
        let holds =
            statement.query_row(params_from_iter(row.iter().take(used)), |r| r.get::<_, Option<i64>>(0))?;
        if holds == Some(1) { Ok(()) } else { Err(blocked(&self.names).into()) }
    }

    fn hold_checks(&mut self, row: &[Stored]) -> Result<(), Refusal> {
        let Some(statement) = &mut self.checks else { return Ok(()) };
        let used = statement.parameter_count();
        let mut rows = statement.query(params_from_iter(row.iter().take(used)))?;
        let Some(results) = rows.next()? else { return Ok(()) };
        let enabled = self.table.checks.iter().filter(|c| !c.disabled);
        for (n, check) in enabled.enumerate() {
            // Unknown is no violation.
            if results.get::<_, Option<i64>>(n)? == Some(0) {
                let column = check.column.and_then(|id| self.table.column(id)).map(|c| c.name.as_str());
                return Err(conflict(self.rules.verb, "CHECK", &check.name, &self.names, column).into());
            }
        }
        Ok(())
    }
}

/// 33504 (Microsoft docs, "Database engine events and errors").
pub fn blocked(names: &Names) -> SqlError {
    let text = format!(
        "The attempted operation failed because the target object '{}.{}' has a block predicate that conflicts with this \
         operation. If the operation is performed on a view, the block predicate might be enforced on the underlying table. \
         Modify the operation to target only the rows that are allowed by the block predicate.",
        names.database, names.table
    );
    SqlError::new(33504, 16, 1, text)
}

/// 547.
pub fn conflict(verb: &str, kind: &str, constraint: &str, names: &Names, column: Option<&str>) -> SqlError {
    let column = column.map_or_else(String::new, |c| format!(", column '{c}'"));
    SqlError::new(
        547,
        16,
        0,
        format!(
            "The {verb} statement conflicted with the {kind} constraint \"{constraint}\". The conflict occurred in \
             database \"{}\", table \"{}\"{column}.",
            names.database, names.table
        ),
    )
}

fn position(table: &Table, column_id: i32) -> Option<usize> {
    table.columns.iter().position(|c| c.column_id == column_id)
}

/// `SELECT _ins, _del` of rows whose key equals the parameters', followed by all their values where they are wanted;
/// NULL equals NULL.
fn lookup(table: &Table, storage: i64, columns: &[i32], values: bool) -> String {
    let equal: Vec<String> = columns
        .iter()
        .enumerate()
        .filter_map(|(n, id)| {
            let column = table.column(*id)?;
            let stored = key_expression(&column_name(*id), &column.sql_type);
            let given = key_expression(&format!("?{}", n + 1), &column.sql_type);
            Some(format!("{stored} IS {given}"))
        })
        .collect();
    let all = table.columns.iter().filter(|_| values).map(|c| format!(", {}", column_name(c.column_id)));
    let all: String = all.collect();
    format!("SELECT _ins, _del{all} FROM {} WHERE {}", table_name(storage), equal.join(" AND "))
}

/// A stored value as duplicate-key messages show it.
pub fn shown(value: &Stored, sql_type: &SqlType) -> String {
    use sandbox_values::{CollationId, Len, Value};
    let text = SqlType::NVarChar(Len::N(4000), CollationId::SERVER_DEFAULT);
    let value = from_stored(value.into(), sql_type).ok();
    let mode = sandbox_values::convert::ConvertMode::Explicit;
    match value.map(|v| sandbox_values::convert::cast(&v, sql_type, &text, None, mode)) {
        Some(Ok(value @ Value::Bytes(_))) => {
            String::from_utf16_lossy(&sandbox_values::text::units(&value, &text)).trim_end().to_owned()
        }
        _ => "<NULL>".to_owned(),
    }
}
