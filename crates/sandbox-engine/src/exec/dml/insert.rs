//! INSERT.
use super::columns::listed_columns;
use super::given::source;
use super::identity::IdentityNumbers;
use super::output::{Output, Returned};
use super::{Escalation, Target, announce, stored_row, table_lock};
use crate::exec::Run;
use crate::exec::row::{Conditions, Pen, Refusal, Rules, TableWriter, Written};
use crate::exec::trigger::{self, Instead};
use rusqlite::params_from_iter;
use rusqlite::types::Value as Stored;
use sandbox_catalog::schema::BlockedOperation;
use sandbox_query::bind::{Binder, Needs, resolve_visibility, unsupported};
use sandbox_query::read::{self, Again, Reading};
use sandbox_session::Session;
use sandbox_session::api::{Done, Sink};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::frame::Frame;
use sandbox_session::names::TEMPDB;
use sandbox_session::transaction;
use sandbox_sql::hints::Hints;
use sandbox_sql::parse::{self, InsertRows};
use sandbox_transactions::locks::{LockMode, LockScope};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use std::sync::Arc;

/// CurCmd of INSERT (docs/WIRE.md, "DONE").
const COMMAND: u16 = 195;

impl Run<'_> {
    pub fn insert(&mut self, insert: &parse::Insert) -> Outcome {
        match &insert.rows {
            InsertRows::Call(call) => {
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
struct BoundInsert {
    target: Target,
    sql: String,
    conditions: Conditions,
    output: Option<Output>,
    /// Position of the identity column, where the server gives its numbers.
    numbered: Option<usize>,
}

impl BoundInsert {
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
        session.lock_range(own, LockMode::IX, LockScope::Statement, sink)?;
        read::lock_tables(session, &needs, sink)?;
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
    read::give_back_tables(session, &needs)?;
    result
}

pub fn target_unchanged(session: &Session, target: &Target) -> Result<(), Again> {
    let used = sandbox_query::bind::TableUse {
        database: target.database,
        table: Arc::clone(&target.table),
        hints: Hints::default(),
        alias: String::new(),
    };
    read::unchanged(session, &[used])
}

fn write(
    session: &mut Session,
    bound: &BoundInsert,
    needs: &Needs,
    sink: &mut dyn Sink,
) -> Result<(u64, Option<Returned>), Again> {
    let target = &bound.target;
    let stamp = announce(session, target, false)?;
    let view = read::changing_view(session);
    let reading = Reading::begin(session, &needs.tables, view)?;
    let mut numbers = IdentityNumbers::of(session, target, bound.numbered);
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
    bound: &'a BoundInsert,
    needs: &'a Needs,
    stamp: i64,
    numbers: &'a mut IdentityNumbers,
    returned: Option<Returned>,
    /// Has a row been passed over for its key?
    ignored: bool,
}

impl Insertion<'_> {
    fn run(&mut self, session: &Session, reading: &Reading, sink: &mut dyn Sink) -> Result<u64, Again> {
        let target = &self.bound.target;
        let pen = Pen::of(session, self.stamp);
        let rules = Rules { checks: true, verb: "INSERT" };
        let of = (target.database, Arc::clone(&target.table));
        let mut writer = TableWriter::new(
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
        writer: &mut TableWriter<'_>,
        mut row: Vec<Stored>,
    ) -> Result<Written, Again> {
        let table = &self.bound.target.table;
        self.numbers.give(table, &mut row)?;
        for (column, value) in table.columns.iter().zip(&mut row) {
            if column.sql_type == SqlType::RowVersion {
                *value = Stored::Blob(session.next_row_version(self.bound.target.database).to_vec());
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

fn bind(binder: &Binder<'_>, insert: &parse::Insert) -> Result<BoundInsert, SqlError> {
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
    Ok(BoundInsert { target, sql, conditions, output, numbered })
}
