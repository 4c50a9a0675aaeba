//! INSERT.
use super::output::{Output, Returned};
use super::{Target, announce, escalate, stored_row, table_lock};
use crate::engine::api::{Done, Sink};
use crate::engine::bind::{Binder, Needs, Scope, Typed, resolve_visibility, unsupported};
use crate::engine::exec::Run;
use crate::engine::exec::frame::Frame;
use crate::engine::exec::read::{self, Again, Reading};
use crate::engine::exec::row::{Pen, Refusal, RowWriter, Rules};
use crate::engine::exec::{transaction, trigger};
use crate::engine::failure::{Failure, Outcome};
use crate::engine::locks::Scope as LockScope;
use crate::engine::parse::{self, Rows};
use crate::engine::schema::{Column, Identity};
use crate::engine::session::Session;
use crate::error::SqlError;
use crate::values::storage::{from_stored, to_stored};
use crate::values::{SqlType, Value};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Stored;
use sqlparser::ast::Expr;
use std::sync::Arc;

/// CurCmd of INSERT (server-facts.md section 2).
const COMMAND: u16 = 195;

impl Run<'_> {
    pub fn insert(&mut self, insert: &parse::Insert) -> Outcome {
        let frame = &*self.frame;
        let sink = &mut *self.sink;
        let (count, returned) = transaction::within(self.session, |session| {
            read::until_settled(session, sink, |session, sink| attempt(session, frame, insert, sink))
        })?;
        if let Some(returned) = returned {
            returned.send(self.sink)?;
        }
        self.session.last.rowcount = count;
        self.done(Done { command: COMMAND, count: Some(count), error: false })
    }
}

/// An INSERT, bound: the SQL gives a value for each column of the table.
struct Bound {
    target: Target,
    sql: String,
    checks: Vec<String>,
    output: Option<Output>,
    /// Position of the identity column, where the server gives its numbers.
    numbered: Option<usize>,
}

pub fn attempt(
    session: &mut Session,
    frame: &Frame,
    insert: &parse::Insert,
    sink: &mut dyn Sink,
) -> Result<(u64, Option<Returned>), Again> {
    let binder = Binder::new(session, frame);
    let bound = bind(&binder, insert);
    let needs = binder.finish();
    let result = bound.map_err(Again::from).and_then(|bound| {
        let own = (bound.target.database, bound.target.table.object_id);
        session.lock_table(own, table_lock(&insert.target.hints), LockScope::Transaction, sink)?;
        read::lock_tables(session, &needs.tables, sink)?;
        target_unchanged(session, &bound.target)?;
        let done = session.write(|session| write(session, &bound, &needs, sink))?;
        trigger::fire(session, bound.target.written("INSERT", done.0), sink)?;
        Ok(done)
    });
    read::drop_temporaries(session, &needs)?;
    result
}

pub fn target_unchanged(session: &Session, target: &Target) -> Result<(), Again> {
    let used = crate::engine::bind::TableUse {
        database: target.database,
        table: Arc::clone(&target.table),
        hints: Vec::new(),
        alias: String::new(),
    };
    read::unchanged(session, &[used])
}

fn write(
    session: &mut Session,
    bound: &Bound,
    needs: &Needs,
    sink: &mut dyn Sink,
) -> Result<(u64, Option<Returned>), Again> {
    let target = &bound.target;
    let stamp = announce(session, target, false)?;
    let view = read::changing_view(session);
    let reading = Reading::begin(session, &needs.tables, view)?;
    let mut numbers = Numbers::of(session, target, bound.numbered);
    let returned = bound.output.as_ref().map(Output::returned);
    let mut insertion = Insertion { bound, needs, stamp, numbers: &mut numbers, returned };
    let result = insertion.run(session, &reading, sink);
    let returned = insertion.returned;
    reading.end(session)?;
    numbers.keep(session, target);
    let count = result?;
    escalate(session, target, usize::try_from(count).unwrap_or(usize::MAX));
    Ok((count, returned))
}

/// One attempt at the rows.
struct Insertion<'a> {
    bound: &'a Bound,
    needs: &'a Needs,
    stamp: i64,
    numbers: &'a mut Numbers,
    returned: Option<Returned>,
}

impl Insertion<'_> {
    fn run(&mut self, session: &Session, reading: &Reading, sink: &mut dyn Sink) -> Result<u64, Again> {
        let target = &self.bound.target;
        let pen = Pen { engine: Arc::clone(&session.engine), stamp: self.stamp };
        let rules = Rules { checks: true, verb: "INSERT" };
        let of = (target.database, Arc::clone(&target.table));
        let mut writer = RowWriter::new(
            &session.connection,
            pen,
            of,
            rules,
            (&self.bound.checks, target.partitioning(session)),
        )
        .map_err(|e| session.ops.explain(&e))?;
        let sql = resolve_visibility(&self.bound.sql, reading.clean);
        let told = |error: rusqlite::Error| match session.eyes.conflict() {
            Some(conflict) => Again::Conflict(conflict),
            None => Again::Failed(session.ops.explain(&error).into()),
        };
        let mut statement = session.connection.prepare(&sql).map_err(told)?;
        let mut rows = statement.query(params_from_iter(&self.needs.params)).map_err(told)?;
        let width = target.table.columns.len();
        // Reading from the table that is written to must not meet the new rows.
        let own = self.needs.tables.iter().any(|t| t.table.object_id == target.table.object_id);
        let mut ahead = Vec::new();
        if own {
            while let Some(row) = rows.next().map_err(told)? {
                ahead.push(stored_row(row, 0, width)?);
            }
        }
        let mut ahead = ahead.into_iter();
        let mut count = 0_u64;
        loop {
            let row = match rows_next(own, &mut ahead, &mut rows, width).map_err(told)? {
                Some(row) => row,
                None => return Ok(count),
            };
            self.write(session, &mut writer, row)?;
            count += 1;
            if count.is_multiple_of(256) && sink.cancelled() {
                return Err(Again::Failed(Failure::Cancelled));
            }
        }
    }

    fn write(
        &mut self,
        session: &Session,
        writer: &mut RowWriter<'_>,
        mut row: Vec<Stored>,
    ) -> Result<(), Again> {
        let table = &self.bound.target.table;
        self.numbers.give(table, &mut row)?;
        for (column, value) in table.columns.iter().zip(&mut row) {
            if column.sql_type == SqlType::RowVersion {
                *value = Stored::Blob(session.engine.next_row_version().to_vec());
            }
        }
        writer.write(&row).map_err(|refusal| explained(session, refusal))?;
        if let (Some(output), Some(returned)) = (&self.bound.output, &mut self.returned) {
            output.keep(&session.connection, &row, &[], returned).map_err(|e| session.ops.explain(&e))?;
        }
        Ok(())
    }
}

/// A refusal by SQLite may be an error of one of our functions in a check.
pub fn explained(session: &Session, refusal: Refusal) -> Again {
    match refusal {
        Refusal::Storage(error) => Again::Failed(session.ops.explain(&error).into()),
        other => other.into(),
    }
}

fn rows_next(
    own: bool,
    ahead: &mut impl Iterator<Item = Vec<Stored>>,
    rows: &mut rusqlite::Rows<'_>,
    width: usize,
) -> rusqlite::Result<Option<Vec<Stored>>> {
    if own {
        return Ok(ahead.next());
    }
    rows.next()?.map(|row| stored_row(row, 0, width)).transpose()
}

/// Identity numbers: given here, or listed by the client. A rollback gives none back.
pub struct Numbers {
    position: Option<usize>,
    given: bool,
    identity: Option<Identity>,
    last: Option<i64>,
    used: bool,
}

impl Numbers {
    /// `given`: the position of the identity column where the server gives the numbers.
    pub fn of(session: &Session, target: &Target, given: Option<usize>) -> Self {
        let instance = session.engine.instance();
        let table =
            instance.databases.get(&target.database).and_then(|d| d.tables.get(&target.table.object_id));
        let identity = table.and_then(|t| t.identity.clone());
        let position = target.table.columns.iter().position(|c| c.identity);
        Self {
            position,
            given: given.is_some(),
            last: identity.as_ref().and_then(|i| i.last),
            identity,
            used: false,
        }
    }

    /// Puts the next number into a row, or takes note of the one that is there.
    pub fn give(&mut self, table: &crate::engine::schema::Table, row: &mut [Stored]) -> Result<(), SqlError> {
        let (Some(position), Some(identity)) = (self.position, &self.identity) else { return Ok(()) };
        let (Some(column), Some(value)) = (table.columns.get(position), row.get_mut(position)) else {
            return Ok(());
        };
        if self.given {
            let next = match self.last {
                Some(last) => last.checked_add(identity.increment),
                None => Some(identity.seed),
            };
            let next = next.filter(|n| fits(*n, &column.sql_type)).ok_or_else(|| {
                let text = format!(
                    "Arithmetic overflow error converting IDENTITY to data type {}.",
                    column.sql_type.name()
                );
                SqlError::new(8115, 16, 1, text)
            })?;
            *value = to_stored(number(next, &column.sql_type));
            self.last = Some(next);
            self.used = true;
        } else if let Ok(listed) = from_stored((&*value).into(), &column.sql_type)
            && let Some(listed) = whole(&listed, &column.sql_type)
        {
            let ahead = |last: i64| if identity.increment < 0 { listed < last } else { listed > last };
            if self.last.is_none_or(ahead) {
                self.last = Some(listed);
            }
            self.used = true;
        }
        Ok(())
    }

    /// Leaves the count in the catalog.
    pub fn keep(&self, session: &mut Session, target: &Target) {
        if !self.used {
            return;
        }
        session.last.identity = self.last.map(i128::from);
        let engine = Arc::clone(&session.engine);
        let mut instance = engine.instance_mut();
        let table = instance
            .databases
            .get_mut(&target.database)
            .and_then(|d| d.tables.get_mut(&target.table.object_id));
        if let Some(identity) = table.and_then(|t| Arc::make_mut(t).identity.as_mut()) {
            identity.last = self.last;
        }
        if let Some(transaction) = &mut session.transaction {
            transaction.changed_schema = true;
        }
    }
}

fn fits(n: i64, sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Decimal { precision, .. } => {
            i128::from(n).unsigned_abs() < 10_u128.pow(u32::from(*precision))
        }
        other => crate::engine::bind::fits(n, other),
    }
}

fn number(n: i64, sql_type: &SqlType) -> Value {
    match sql_type {
        SqlType::Decimal { .. } => Value::Decimal(n.into()),
        _ => Value::Int(n),
    }
}

fn whole(value: &Value, sql_type: &SqlType) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Decimal(n) if sql_type.scale() == 0 => i64::try_from(*n).ok(),
        _ => None,
    }
}

fn bind(binder: &Binder<'_>, insert: &parse::Insert) -> Result<Bound, SqlError> {
    if insert.top.is_some() {
        return Err(unsupported("INSERT TOP"));
    }
    let target = Target::find(binder, &insert.target.name, "INSERT")?;
    let common = binder.push_common_tables(&insert.with);
    let listed = listed_columns(binder, insert, &target);
    let result = listed.and_then(|listed| source(binder, insert, &target, &listed));
    binder.pop_common_tables(common);
    let (sql, numbered) = result?;
    let checks = target.checks(binder)?;
    let output = Output::bind(binder, insert.output.as_ref(), &target, (true, false))?;
    Ok(Bound { target, sql, checks, output, numbered })
}

/// Positions of the columns that values are given for, in the values' order.
fn listed_columns(
    binder: &Binder<'_>,
    insert: &parse::Insert,
    target: &Target,
) -> Result<Vec<usize>, SqlError> {
    let table = &target.table;
    let identity_insert = binder.session.options.identity_insert == Some((target.database, table.object_id));
    let Some(names) = &insert.columns else {
        let given = |c: &Column| {
            c.computed.is_none()
                && c.generated_always == 0
                && c.sql_type != SqlType::RowVersion
                && !c.identity
        };
        if identity_insert && table.identity.is_some() && !matches!(insert.rows, Rows::DefaultValues) {
            return Err(SqlError::new(
                8101,
                16,
                1,
                format!(
                    "An explicit value for the identity column in table '{}' can only be specified when a column list is \
                     used and IDENTITY_INSERT is ON.",
                    table.name
                ),
            ));
        }
        return Ok((0..table.columns.len()).filter(|&n| given(&table.columns[n])).collect());
    };
    let mut listed = Vec::with_capacity(names.len());
    for name in names {
        let at = table.columns.iter().position(|c| c.name.to_lowercase() == name.to_lowercase());
        let at = at.ok_or_else(|| SqlError::new(207, 16, 1, format!("Invalid column name '{name}'.")))?;
        if listed.contains(&at) {
            return Err(twice(name));
        }
        writable(&table.columns[at])?;
        if table.columns[at].identity && !identity_insert {
            return Err(SqlError::new(
                544,
                16,
                1,
                format!(
                    "Cannot insert explicit value for identity column in table '{}' when IDENTITY_INSERT is set to OFF.",
                    table.name
                ),
            ));
        }
        listed.push(at);
    }
    if identity_insert && !listed.iter().any(|&n| table.columns[n].identity) {
        return Err(SqlError::new(
            545,
            16,
            1,
            format!(
                "Explicit value must be specified for identity column in table '{}' either when IDENTITY_INSERT is set to ON \
                 or when a replication user is inserting into a NOT FOR REPLICATION identity column.",
                table.name
            ),
        ));
    }
    Ok(listed)
}

/// 264.
pub fn twice(name: &str) -> SqlError {
    SqlError::new(
        264,
        16,
        1,
        format!(
            "The column name '{name}' is specified more than once in the SET clause or column list of an INSERT. A column \
             cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is \
             updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the \
             duplication in your code."
        ),
    )
}

/// # Errors
/// 271 computed, 273 rowversion, 13536 GENERATED ALWAYS.
pub fn writable(column: &Column) -> Result<(), SqlError> {
    if column.computed.is_some() {
        return Err(SqlError::new(
            271,
            16,
            1,
            format!(
                "The column \"{}\" cannot be modified because it is either a computed column or is the result of a UNION \
                 operator.",
                column.name
            ),
        ));
    }
    if column.sql_type == SqlType::RowVersion {
        return Err(SqlError::new(
            273,
            16,
            1,
            "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp \
             column, or insert a DEFAULT into the timestamp column.",
        ));
    }
    if column.generated_always != 0 {
        return Err(SqlError::new(
            13536,
            16,
            1,
            "Cannot insert an explicit value into a GENERATED ALWAYS column. Use INSERT with a column list to exclude the \
             GENERATED ALWAYS column, or insert a DEFAULT into GENERATED ALWAYS column.",
        ));
    }
    Ok(())
}

/// The SQL that gives all columns of the table, and where the server numbers rows.
fn source(
    binder: &Binder<'_>,
    insert: &parse::Insert,
    target: &Target,
    listed: &[usize],
) -> Result<(String, Option<usize>), SqlError> {
    let table = &target.table;
    let numbered = table.columns.iter().position(|c| c.identity).filter(|n| !listed.contains(n));
    let (given, from) = match &insert.rows {
        Rows::DefaultValues => (vec![None; table.columns.len()], String::new()),
        Rows::Values(rows) => {
            (by_position(table.columns.len(), listed), values(binder, target, listed, rows)?)
        }
        Rows::Query(query) => {
            let emitted = binder.query(query, None)?;
            count_columns(insert, listed.len(), emitted.columns.len())?;
            let mut items = Vec::with_capacity(listed.len());
            for (n, (column, &at)) in emitted.columns.into_iter().zip(listed).enumerate() {
                let typed = Typed { sql: format!("c{}", n + 1), ..column.typed };
                items.push(format!(
                    "{} AS c{}",
                    target.stored(binder, typed, &table.columns[at])?.sql,
                    n + 1
                ));
            }
            (
                by_position(table.columns.len(), listed),
                format!("SELECT {} FROM ({})", items.join(", "), emitted.sql),
            )
        }
        Rows::Call(_) => return Err(unsupported("INSERT ... EXEC")),
    };
    let mut items = Vec::with_capacity(table.columns.len());
    for (n, column) in table.columns.iter().enumerate() {
        items.push(match given[n] {
            Some(at) => format!("s.c{}", at + 1),
            None if column.computed.is_some() || Some(n) == numbered => "NULL".to_owned(),
            None => target.default(binder, column)?.sql,
        });
    }
    let sql = format!("SELECT {}", items.join(", "));
    Ok((if from.is_empty() { sql } else { format!("{sql} FROM ({from}) AS s") }, numbered))
}

/// For each column of the table the position of its value, if one is given.
fn by_position(width: usize, listed: &[usize]) -> Vec<Option<usize>> {
    (0..width).map(|n| listed.iter().position(|&at| at == n)).collect()
}

/// The rows of VALUES, each value as its column keeps it.
fn values(
    binder: &Binder<'_>,
    target: &Target,
    listed: &[usize],
    rows: &[Vec<Option<Expr>>],
) -> Result<String, SqlError> {
    let scope = Scope::default();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        if row.len() != listed.len() {
            return Err(row_width(row.len() > listed.len()));
        }
        let mut cells = Vec::with_capacity(row.len());
        for (value, &at) in row.iter().zip(listed) {
            let column = &target.table.columns[at];
            cells.push(match value {
                Some(expr) => target.stored(binder, binder.scalar(expr, &scope)?, column)?.sql,
                None => target.default(binder, column)?.sql,
            });
        }
        lines.push(format!("({})", cells.join(", ")));
    }
    let names: Vec<String> = (1..=listed.len()).map(|n| format!("column{n} AS c{n}")).collect();
    Ok(format!("SELECT {} FROM (VALUES {})", names.join(", "), lines.join(", ")))
}

fn row_width(more: bool) -> SqlError {
    if more {
        SqlError::new(
            110,
            15,
            1,
            "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values \
             in the VALUES clause must match the number of columns specified in the INSERT statement.",
        )
    } else {
        SqlError::new(
            109,
            15,
            1,
            "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values \
             in the VALUES clause must match the number of columns specified in the INSERT statement.",
        )
    }
}

fn count_columns(insert: &parse::Insert, columns: usize, values: usize) -> Result<(), SqlError> {
    if columns == values {
        return Ok(());
    }
    Err(match (&insert.columns, values > columns) {
        (None, _) => SqlError::new(
            213,
            16,
            1,
            "Column name or number of supplied values does not match table definition.",
        ),
        (Some(_), true) => SqlError::new(
            121,
            15,
            1,
            "The select list for the INSERT statement contains more items than the insert list. The number of SELECT values \
             must match the number of INSERT columns.",
        ),
        (Some(_), false) => SqlError::new(
            120,
            15,
            1,
            "The select list for the INSERT statement contains fewer items than the insert list. The number of SELECT values \
             must match the number of INSERT columns.",
        ),
    })
}
