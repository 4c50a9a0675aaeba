//! INSERT.
use super::columns::listed_columns;
use super::identity::Numbers;
use super::output::{Output, Returned};
use super::{Escalation, Target, announce, stored_row, table_lock};
use crate::engine::api::{Done, Sink};
use crate::engine::bind::{Binder, Needs, Scope, Typed, resolve_visibility, unsupported};
use crate::engine::exec::Run;
use crate::engine::exec::row::{Conditions, Pen, Refusal, RowWriter, Rules, Written};
use crate::engine::exec::trigger::{self, Instead};
use crate::engine::failure::{Failure, Outcome};
use crate::engine::frame::Frame;
use crate::engine::hints::Hints;
use crate::engine::locks::{Mode, Scope as LockScope};
use crate::engine::names::TEMPDB;
use crate::engine::parse::{self, Rows};
use crate::engine::query::read::{self, Again, Reading};
use crate::engine::schema::BlockedOperation;
use crate::engine::session::Session;
use crate::engine::transaction;
use crate::error::SqlError;
use crate::values::SqlType;
use rusqlite::params_from_iter;
use rusqlite::types::Value as Stored;
use sqlparser::ast::Expr;
use std::sync::Arc;

/// CurCmd of INSERT (docs/WIRE.md, "DONE").
const COMMAND: u16 = 195;

impl Run<'_> {
    pub fn insert(&mut self, insert: &parse::Insert) -> Outcome {
        match &insert.rows {
            Rows::Call(call) => {
                let inserts = self.with_results(insert, call)?;
                self.insert_all(&inserts)
            }
            _ => self.insert_all(std::slice::from_ref(insert)),
        }
    }

    /// Several for the results of one call: all of them or none.
    fn insert_all(&mut self, inserts: &[parse::Insert]) -> Outcome {
        let frame = &*self.frame;
        let sink = &mut *self.sink;
        let (count, returned) = transaction::within(self.session, |session| {
            let mut done = (0, None);
            for insert in inserts {
                let (count, returned) = read::until_settled(session, sink, |session, sink| {
                    attempt(session, frame, insert, sink)
                })?;
                done = (done.0 + count, returned);
            }
            Ok(done)
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
    conditions: Conditions,
    output: Option<Output>,
    /// Position of the identity column, where the server gives its numbers.
    numbered: Option<usize>,
}

impl Bound {
    /// For the rows that an INSTEAD OF trigger gets: nothing is held against them, nothing numbered.
    fn into_pseudo(self, instead: &Instead) -> Self {
        let target = self.target.at(TEMPDB, Arc::clone(&instead.inserted));
        Self { target, conditions: Conditions::default(), numbered: None, ..self }
    }
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
        session.lock_range(own, Mode::IX, LockScope::Statement, sink)?;
        read::lock_tables(session, &needs.tables, sink)?;
        target_unchanged(session, &bound.target)?;
        if let Some(instead) = Instead::of(session, &bound.target.table, "INSERT") {
            let instead = Instead::begin(session, &bound.target.table, instead)?;
            let bound = bound.into_pseudo(&instead);
            let (count, returned) = session.write(|session| write(session, &bound, &needs, sink))?;
            instead.run(session, count, sink)?;
            return Ok((count, returned));
        }
        let done = session.write(|session| write(session, &bound, &needs, sink))?;
        trigger::fire(session, bound.target.written("INSERT", done.0), sink)?;
        let returned = done.1.map(|returned| returned.stored(session, frame, sink)).transpose()?;
        Ok((done.0, returned.flatten()))
    });
    read::drop_temporaries(session, &needs)?;
    result
}

pub fn target_unchanged(session: &Session, target: &Target) -> Result<(), Again> {
    let used = crate::engine::bind::TableUse {
        database: target.database,
        table: Arc::clone(&target.table),
        hints: Hints::default(),
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
    let mut insertion = Insertion { bound, needs, stamp, numbers: &mut numbers, returned, ignored: false };
    let result = insertion.run(session, &reading, sink);
    let (returned, ignored) = (insertion.returned, insertion.ignored);
    reading.end(session)?;
    numbers.keep(session, target);
    let count = result?;
    if ignored {
        sink.message(&duplicate_ignored())?;
    }
    Ok((count, returned))
}

/// One attempt at the rows.
struct Insertion<'a> {
    bound: &'a Bound,
    needs: &'a Needs,
    stamp: i64,
    numbers: &'a mut Numbers,
    returned: Option<Returned>,
    /// Has a row been passed over for its key?
    ignored: bool,
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
            (&self.bound.conditions, target.partitioning(session)),
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
        let (mut count, mut escalation) = (0_u64, Escalation::of(target));
        loop {
            let row = match rows_next(own, &mut ahead, &mut rows, width).map_err(told)? {
                Some(row) => row,
                None => {
                    writer.finish().map_err(|refusal| explained(session, refusal))?;
                    return Ok(count);
                }
            };
            match self.write(session, &mut writer, row)? {
                Written::Row => {
                    count += 1;
                    escalation.locked(session, target, 1);
                }
                Written::Ignored => self.ignored = true,
            }
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
    ) -> Result<Written, Again> {
        let table = &self.bound.target.table;
        self.numbers.give(table, &mut row)?;
        for (column, value) in table.columns.iter().zip(&mut row) {
            if column.sql_type == SqlType::RowVersion {
                *value = Stored::Blob(session.engine.next_row_version().to_vec());
            }
        }
        let written = writer.write(&row).map_err(|refusal| explained(session, refusal))?;
        if written == Written::Ignored {
            return Ok(written);
        }
        if let (Some(output), Some(returned)) = (&self.bound.output, &mut self.returned) {
            output.keep(&session.connection, &row, &[], returned).map_err(|e| session.ops.explain(&e))?;
        }
        Ok(written)
    }
}

/// Told once, whatever the number of rows.
pub fn duplicate_ignored() -> SqlError {
    SqlError::new(3604, 0, 1, "Duplicate key was ignored.")
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

fn bind(binder: &Binder<'_>, insert: &parse::Insert) -> Result<Bound, SqlError> {
    if insert.top.is_some() {
        return Err(unsupported("INSERT TOP"));
    }
    let target = Target::find(binder, &insert.target.name, "INSERT")?;
    target.table.takes_as_target(&insert.target.hints)?;
    let common = binder.push_common_tables(&insert.with);
    let listed = listed_columns(binder, insert, &target);
    let result = listed.and_then(|listed| source(binder, insert, &target, &listed));
    binder.pop_common_tables(common);
    let (sql, numbered) = result?;
    let conditions = target.conditions(binder, true, BlockedOperation::AfterInsert)?;
    let output = Output::bind(binder, insert.output.as_ref(), &target, (true, false))?;
    Ok(Bound { target, sql, conditions, output, numbered })
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
            let emitted = binder.shown_rows(binder.query(query, None)?);
            count_columns(insert, listed.len(), emitted.columns.len())?;
            let columns = emitted.columns.into_iter().map(|column| column.typed);
            let items = converted(binder, target, listed, columns)?;
            (by_position(table.columns.len(), listed), format!("SELECT {items} FROM ({})", emitted.sql))
        }
        Rows::Given(columns, rows) => {
            count_columns(insert, listed.len(), columns.len())?;
            let given = binder.materialise(columns.len(), rows.clone())?;
            let columns =
                columns.iter().map(|c| Typed::expression(String::new(), c.sql_type.clone(), c.nullable));
            let items = converted(binder, target, listed, columns)?;
            (by_position(table.columns.len(), listed), format!("SELECT {items} FROM {given}"))
        }
        Rows::Call(_) => return Err(unsupported("INSERT ... EXEC in this place")),
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

/// The columns `c1`, `c2`, ... of a query, each as the listed column keeps it.
fn converted(
    binder: &Binder<'_>,
    target: &Target,
    listed: &[usize],
    columns: impl Iterator<Item = Typed>,
) -> Result<String, SqlError> {
    let mut items = Vec::with_capacity(listed.len());
    for (n, (column, &at)) in (1..).zip(columns.zip(listed)) {
        let typed = Typed { sql: format!("c{n}"), ..column };
        let stored = target.stored(binder, typed, &target.table.columns[at])?;
        items.push(format!("{} AS c{n}", stored.sql));
    }
    Ok(items.join(", "))
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
                Some(expr) => {
                    let value = binder.shown(binder.scalar(expr, &scope)?);
                    target.stored(binder, value, column)?.sql
                }
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
