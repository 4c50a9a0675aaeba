//! SELECT: to the client, into variables, into a new table.
use super::Run;
use super::read::{self, Again, Reading};
use crate::engine::api::{Cancelled, Done, EnvChange, OutColumn, Sink};
use crate::engine::bind::{Binder, Bound, Needs};
use crate::engine::failure::Outcome;
use crate::engine::sandbox::TableName;
use crate::engine::session::Session;
use crate::error::SqlError;
use crate::values::{SqlType, Value};
use sqlparser::ast::Query;

/// CurCmd of SELECT (server-facts.md section 2).
const COMMAND: u16 = 193;

impl Run<'_> {
    pub fn query(&mut self, query: &Query) -> Outcome {
        let frame = &*self.frame;
        let into = {
            // INTO makes a table first: that is a statement of its own kind.
            let binder = Binder::new(self.session, frame);
            let bound = binder.statement(query);
            let needs = binder.finish();
            read::drop_temporaries(self.session, &needs)?;
            bound?.into
        };
        if let Some(target) = into {
            return self.select_into(query, &target);
        }
        let (assigned, count) = read::until_settled(self.session, self.sink, |session, sink| {
            let binder = Binder::new(session, frame);
            let bound = binder.statement(query);
            let needs = binder.finish();
            let result = bound.map_err(Again::from).and_then(|bound| select(session, &bound, &needs, sink));
            read::drop_temporaries(session, &needs)?;
            result
        })?;
        let done = Done { command: COMMAND, count: Some(count), error: false };
        for (variable, (from, value)) in assigned {
            let to = self.frame.get(&variable)?.sql_type.clone();
            let mode = crate::values::convert::Mode::Implicit;
            self.frame.set(&variable, crate::values::convert::cast(&value, &from, &to, None, mode)?)?;
        }
        self.session.last.rowcount = count;
        self.done(done)
    }
}

type Assigned = Vec<(String, (SqlType, Value))>;

/// Sends the rows, or keeps the last one for variables; tells how many there were.
fn select(
    session: &mut Session,
    bound: &Bound,
    needs: &Needs,
    sink: &mut dyn Sink,
) -> Result<(Assigned, u64), Again> {
    let view = read::lock_tables(session, &needs.tables, sink)?;
    let columns: Vec<OutColumn> = bound.emitted.columns.iter().map(|c| c.described()).collect();
    let reading = Reading::begin(session, &needs.tables, view)?;
    let result = send(session, &reading, bound, needs, &columns, sink);
    reading.end(session)?;
    result
}

fn send(
    session: &Session,
    reading: &Reading,
    bound: &Bound,
    needs: &Needs,
    columns: &[OutColumn],
    sink: &mut dyn Sink,
) -> Result<(Assigned, u64), Again> {
    let sql = &bound.emitted.sql;
    let to_client = bound.assigned.is_empty();
    if to_client && reading.may_conflict() {
        // Once rows are sent there is no going back: look at all of them first, in the same snapshot.
        read::rows(session, reading, sql, needs, sink, &mut |_, _| Ok(true))?;
    }
    if to_client {
        sink.reading(&table_names(session, needs));
        sink.columns(columns)?;
        if !bound.emitted.ordered_by.is_empty() {
            sink.order(&bound.emitted.ordered_by)?;
        }
        if sink.has_rows() || session.options.fmtonly {
            return Ok((Vec::new(), 0));
        }
    }
    let most = match session.options.rowcount {
        0 => u64::MAX,
        most => most,
    };
    let mut count = 0;
    let mut values: Vec<Value> = Vec::with_capacity(columns.len());
    read::rows(session, reading, sql, needs, sink, &mut |row, sink| {
        values.clear();
        for (n, column) in columns.iter().enumerate() {
            values.push(read::decoded(row, n, &column.sql_type)?);
        }
        count += 1;
        if to_client {
            sink.row(&values)?;
        }
        Ok(count < most)
    })?;
    let assigned = if count == 0 { Vec::new() } else { assigned(bound, columns, values) };
    Ok((assigned, count))
}

fn assigned(bound: &Bound, columns: &[OutColumn], values: Vec<Value>) -> Assigned {
    let typed = columns.iter().map(|c| c.sql_type.clone()).zip(values);
    bound.assigned.iter().cloned().zip(typed).collect()
}

fn table_names(session: &Session, needs: &Needs) -> Vec<TableName> {
    let instance = session.engine.instance();
    needs
        .tables
        .iter()
        .map(|used| {
            let schema =
                instance.databases.get(&used.database).map_or("", |d| d.schema_name(used.table.schema_id));
            TableName::new(schema, &used.table.name)
        })
        .collect()
}

/// Keeps the rows of a query that the engine asks itself, and its first error.
#[derive(Default)]
pub struct Kept {
    pub columns: Vec<OutColumn>,
    pub rows: Vec<Vec<Value>>,
}

impl Sink for Kept {
    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        self.columns = columns.to_vec();
        Ok(())
    }
    fn order(&mut self, _: &[u16]) -> Result<(), Cancelled> {
        Ok(())
    }
    fn row(&mut self, values: &[Value]) -> Result<(), Cancelled> {
        self.rows.push(values.to_vec());
        Ok(())
    }
    fn done(&mut self, _: Done) -> Result<(), Cancelled> {
        Ok(())
    }
    fn message(&mut self, _: &SqlError) -> Result<(), Cancelled> {
        Ok(())
    }
    fn env(&mut self, _: EnvChange) -> Result<(), Cancelled> {
        Ok(())
    }
    fn return_status(&mut self, _: i32) -> Result<(), Cancelled> {
        Ok(())
    }
    fn return_value(&mut self, _: &str, _: &SqlType, _: &Value) -> Result<(), Cancelled> {
        Ok(())
    }
    fn cancelled(&self) -> bool {
        false
    }
}
