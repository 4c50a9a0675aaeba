//! SELECT: to the client, or into variables.
use super::read::{self, Again, Reading};
use super::replay::{self, ReplayedQuery};
use crate::bind::{Binder, Bound, Needs, makes_table};
use sandbox_session::Session;
use sandbox_session::api::{self, OutColumn, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_session::sandbox::TableName;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::{SqlType, Value};
use sqlparser::ast::Query;
use std::sync::Arc;

/// The table that SELECT … INTO makes first: that is a statement of its own kind.
///
/// # Errors
/// What the query does not allow.
pub fn into(session: &Session, frame: &Frame, query: &Query) -> Outcome<Option<ObjectName>> {
    if !makes_table(query) {
        return Ok(None);
    }
    let binder = Binder::new(session, frame);
    let bound = binder.statement(query);
    let needs = binder.finish();
    read::give_back_tables(session, &needs)?;
    Ok(bound?.into)
}

/// Runs a query whose rows go to the sink, or the last one to variables. Tells how many there were.
///
/// # Errors
/// What the query does not allow; what its rows do not.
pub fn run(
    session: &mut Session,
    frame: &Frame,
    query: &Query,
    sink: &mut dyn Sink,
) -> Outcome<(AssignedValues, u64)> {
    read::until_settled(session, sink, |session, sink| {
        let binder = Binder::new(session, frame);
        let bound = binder.statement(query);
        let needs = binder.finish();
        let result = bound.map_err(Again::from).and_then(|bound| {
            let tables = table_names(session, &needs);
            let replayed = replay::of(session, &tables, query, frame);
            select(session, &Selected { bound, needs: &needs, tables, replayed }, sink)
        });
        read::give_back_tables(session, &needs)?;
        result
    })
}

/// Variables with what they are assigned.
pub type AssignedValues = Vec<(String, (SqlType, Value))>;

/// A query that is ready to run.
struct Selected<'n> {
    bound: Bound,
    needs: &'n Needs,
    tables: Vec<TableName>,
    replayed: Option<ReplayedQuery>,
}

/// Sends the rows, or keeps the last one for variables; tells how many there were.
fn select(
    session: &mut Session,
    selected: &Selected<'_>,
    sink: &mut dyn Sink,
) -> Result<(AssignedValues, u64), Again> {
    let view = read::lock_tables(session, selected.needs, sink)?;
    let columns: Vec<OutColumn> = selected.bound.emitted.columns.iter().map(|c| c.described()).collect();
    let engine = Arc::clone(&session.engine);
    let gate = read::row_gate(&engine, session, view, selected.needs);
    let reading = Reading::begin(session, &selected.needs.tables, view)?;
    let looked = match gate {
        // The client may read as slowly as it likes: rows are locked first, and then sent.
        Some(_) => look(session, &reading, selected, sink),
        None => Ok(()),
    };
    drop(gate);
    let result = looked.and_then(|()| send(session, &reading, selected, &columns, sink));
    reading.end(session)?;
    result
}

/// Goes over all rows once: what is in the way is met before any row is sent.
fn look(
    session: &Session,
    reading: &Reading,
    selected: &Selected<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Again> {
    read::rows(session, reading, &selected.bound.emitted.sql, selected.needs, sink, &mut |_, _| Ok(true))
}

fn send(
    session: &Session,
    reading: &Reading,
    selected: &Selected<'_>,
    columns: &[OutColumn],
    sink: &mut dyn Sink,
) -> Result<(AssignedValues, u64), Again> {
    let Selected { bound, needs, tables, replayed } = selected;
    let sql = &bound.emitted.sql;
    let to_client = bound.assigned.is_empty();
    if to_client && reading.may_conflict() {
        // Once rows are sent there is no going back.
        look(session, reading, selected, sink)?;
    }
    if to_client {
        let statement = replayed.as_ref().and_then(ReplayedQuery::statement);
        let (database, _) = session.current_database();
        sink.reading(api::ReadFrom { database: &database, tables, statement });
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
        if let Some(ReplayedQuery::Counted(rows)) = replayed {
            replay::counted(&mut values, *rows);
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

fn assigned(bound: &Bound, columns: &[OutColumn], values: Vec<Value>) -> AssignedValues {
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
