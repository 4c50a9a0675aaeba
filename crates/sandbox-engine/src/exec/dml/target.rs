//! The table that a statement changes, and what becomes of values and rows on their way there.
use crate::exec::row::{Conditions, Names, Partitioning, Refusal};
use crate::exec::trigger::WrittenRows;
use rusqlite::types::Value as Stored;
use sandbox_catalog::schema::{BlockedOperation, Column, Table, same_name};
use sandbox_catalog::special;
use sandbox_catalog::store;
use sandbox_ddl::required;
use sandbox_query::bind::{Binder, Object, Scope, Source, Typed, resolve_visibility};
use sandbox_query::memory;
use sandbox_query::read::Again;
use sandbox_session::Session;
use sandbox_session::failure::Failure;
use sandbox_sql::hints::Hints;
use sandbox_sql::parse;
use sandbox_sql::tokens::ObjectName;
use sandbox_transactions::Conflict;
use sandbox_transactions::locks::LockMode;
use sandbox_values::CollationId;
use sandbox_values::convert::{self, fit};
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;
use std::sync::Arc;

/// The table that a statement changes.
#[derive(Clone)]
pub struct Target {
    pub database: i16,
    pub table: Arc<Table>,
    pub names: Names,
    /// Of the database: names of columns compare by it.
    pub(super) collation: CollationId,
    /// Compatibility levels before 150 say 8152 where later ones say 2628.
    pub(super) verbose_truncation: bool,
}

impl Target {
    /// # Errors
    /// 208; 4406-like for views, which are read only here; 229; 8655.
    pub fn find(binder: &Binder<'_>, name: &ObjectName, permission: &str) -> Result<Self, SqlError> {
        match binder.object(name)? {
            Object::Table { database, table } => Self::of(binder.session, database, table, permission),
            Object::View { .. } | Object::System { .. } | Object::Function => Err(SqlError::new(
                4406,
                16,
                1,
                format!(
                    "Update or insert of view or function '{name}' failed because replica-sandbox does not change views."
                ),
            )),
        }
    }

    pub fn of(
        session: &Session,
        database: i16,
        table: Arc<Table>,
        permission: &str,
    ) -> Result<Self, SqlError> {
        sandbox_query::bind::readable(&table)?;
        session.may(database, (&*table).into(), &table.name, permission)?;
        memory::may_touch(session, &table)?;
        special::may_change(&table, permission)?;
        let target = Self::named(session, database, table);
        let instance = session.engine.instance();
        let Some(found) = instance.databases.get(&database) else { return Ok(target) };
        if found.read_only {
            let text = format!(
                "Failed to update database \"{}\" because the database is read-only.",
                target.names.database
            );
            return Err(SqlError::new(3906, 16, 1, text));
        }
        required::check(session, found, &target.table, permission)?;
        Ok(target)
    }

    /// The table with what messages say of it; whether it may be changed is not asked.
    pub fn named(session: &Session, database: i16, table: Arc<Table>) -> Self {
        let names = Names::of(&session.engine, database, &table);
        let instance = session.engine.instance();
        let found = instance.databases.get(&database);
        let verbose_truncation = found.is_none_or(|d| d.compatibility_level >= 150);
        let collation = found.map_or(CollationId::SERVER_DEFAULT, |d| d.collation);
        Self { database, table, names, collation, verbose_truncation }
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|c| same_name(self.collation, &c.name, name))
    }

    /// The same under its own name, with another table's rows.
    pub fn at(&self, database: i16, table: Arc<Table>) -> Self {
        Self { database, table, ..self.clone() }
    }

    /// What a statement did here, for the table's triggers.
    pub fn written(&self, event: &'static str, rows: u64) -> WrittenRows {
        WrittenRows { database: self.database, object_id: self.table.object_id, event, rows }
    }

    /// A value as the column keeps it; what does not fit is an error that names the column.
    pub fn stored(&self, binder: &Binder<'_>, value: Typed, column: &Column) -> Result<Typed, SqlError> {
        let to = column.sql_type.clone();
        if value.is_untyped_null() || value.sql_type == to {
            return Ok(value);
        }
        convert::check(&value.sql_type, &to, convert::ConvertMode::Implicit)?;
        let from = value.sql_type.clone();
        let detail = format!("{} {}", self.names.table, column.name);
        let (target, column) = (self.clone(), column.clone());
        Ok(binder.op("store", &detail, vec![value], to.clone(), move |v| {
            fit(&v[0], &from, &to).map_err(|misfit| target.misfit(misfit, &column))
        }))
    }

    /// Why a value does not fit the column.
    pub fn misfit(&self, misfit: convert::Misfit, column: &Column) -> SqlError {
        let place = convert::ColumnPlace {
            database: &self.names.database,
            table: &self.names.table,
            column: &column.name,
            colid: column.column_id,
        };
        misfit.into_error(place, self.verbose_truncation)
    }

    /// The column's default, or NULL.
    pub fn default(&self, binder: &Binder<'_>, column: &Column) -> Result<Typed, SqlError> {
        let value = match &column.default {
            Some(default) => binder.scalar(&parse::expression(&default.definition)?, &Scope::default())?,
            None => binder.scalar(&parse::expression("NULL")?, &Scope::default())?,
        };
        self.stored(binder, value, column)
    }

    /// The table's columns as parameters of a statement over single rows.
    pub fn as_parameters(
        &self,
        binder: &Binder<'_>,
        name: Option<&str>,
        first: usize,
    ) -> Result<Source, SqlError> {
        binder.table_columns(self.database, &self.table, name, "", &|n, _| format!("?{}", n + first))
    }

    /// What rows have to be held against: the checks only where a bulk load asks for them, block predicates always
    /// (Microsoft docs, "Row-level security": bulk operations are no exception).
    pub fn conditions(
        &self,
        binder: &Binder<'_>,
        checked: bool,
        operation: BlockedOperation,
    ) -> Result<Conditions, SqlError> {
        let mut scope = Scope::default();
        scope.sources.push(self.as_parameters(binder, None, 1)?);
        let bound = |text: &str| binder.predicate(&parse::expression(text)?, &scope);
        let checks = self.table.checks.iter().filter(|c| checked && !c.disabled);
        let filtered = self.table.indexes.iter().filter(|i| i.unique && !i.disabled);
        let filters = filtered.filter_map(|i| Some((i.index_id, i.filter.as_ref()?)));
        Ok(Conditions {
            blocks: self.blocks(binder, operation, &scope)?,
            checks: checks.map(|c| bound(&c.definition)).collect::<Result<_, _>>()?,
            filters: filters.map(|(id, text)| Ok((id, bound(text)?))).collect::<Result<_, SqlError>>()?,
        })
    }

    /// What the block predicates of an operation demand of a row. They see only what has been committed.
    pub fn blocks(
        &self,
        binder: &Binder<'_>,
        operation: BlockedOperation,
        scope: &Scope<'_>,
    ) -> Result<Vec<String>, SqlError> {
        let predicates = binder.security_predicates(self.database, &self.table, |p| p.guards(operation));
        let condition = |predicate| {
            let sql = binder.security_condition(self.database, predicate, scope)?;
            Ok(resolve_visibility(&sql, true))
        };
        predicates.iter().map(condition).collect()
    }

    /// How rows are spread over partitions.
    pub fn partitioning(&self, session: &Session) -> Partitioning {
        let Some((scheme, column_id)) = self.table.partitioned_on else { return Box::new(|_| 0) };
        let function = {
            let instance = session.engine.instance();
            let database = instance.databases.get(&self.database);
            database.and_then(|d| {
                let scheme = d.partition_schemes.get(&scheme)?;
                d.partition_functions.get(&scheme.function_id).cloned()
            })
        };
        let position = self.table.columns.iter().position(|c| c.column_id == column_id);
        let (Some(function), Some(position)) = (function, position) else { return Box::new(|_| 0) };
        Box::new(move |row| {
            let value = row.get(position).and_then(|v| from_stored(v.into(), &function.sql_type).ok());
            value.map_or(0, |value| function.partition_of(&value))
        })
    }
}

/// The lock that a changing statement takes on its table.
pub fn table_lock(hints: &Hints) -> LockMode {
    if hints.locks_table() { LockMode::X } else { LockMode::IX }
}

/// Announces that the open transaction writes to a table.
pub fn announce(session: &mut Session, target: &Target, deletes: bool) -> Result<i64, Again> {
    let engine = Arc::clone(&session.engine);
    let Some(transaction) = session.transaction.as_mut() else {
        return Err(SqlError::new(50000, 16, 1, "replica-sandbox: a change runs in a transaction.").into());
    };
    let stamp = transaction.next_stamp()?;
    for &storage in &target.table.storage {
        transaction.inserts(&engine.transactions, storage);
        if deletes {
            transaction.deletes(&engine.transactions, storage);
        }
        store::note_unfinished(&session.connection, transaction.id, storage)?;
    }
    if let Some(tracked) = target.table.change_tracking {
        transaction.tracks(&engine.transactions, target.database, tracked.changes);
        store::note_unfinished(&session.connection, transaction.id, tracked.changes)?;
    }
    Ok(stamp)
}

impl From<Refusal> for Again {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Error(error) => Again::Failed(error.into()),
            Refusal::Wait(other) => Again::Conflict(Conflict(other)),
            Refusal::Storage(error) => Again::Failed(Failure::from(error)),
        }
    }
}

/// A row of a SQLite query, as stored.
pub fn stored_row(row: &rusqlite::Row<'_>, from: usize, count: usize) -> rusqlite::Result<Vec<Stored>> {
    (from..from + count).map(|n| row.get(n)).collect()
}
