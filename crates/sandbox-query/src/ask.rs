//! What the engine itself asks.
use super::{read, select};
use crate::bind::Binder;
use sandbox_session::Session;
use sandbox_session::api::OutColumn;
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_session::heard::Heard;
use sandbox_sql::parse::{self, Action, Statement};
use sandbox_values::Value;
use sandbox_values::error::SqlError;

/// The rows of a query; for checks that T-SQL says best.
///
/// # Errors
/// As the query's.
pub fn ask(session: &mut Session, sql: &str) -> Outcome<Vec<Vec<Value>>> {
    Ok(heard(session, sql)?.rows)
}

/// What a query's columns would be. It is run: give it one that has no effect and few rows.
///
/// # Errors
/// As the query's.
pub fn describe(session: &mut Session, sql: &str) -> Outcome<Vec<OutColumn>> {
    Ok(heard(session, sql)?.columns.unwrap_or_default())
}

fn heard(session: &mut Session, sql: &str) -> Outcome<Heard> {
    let statements = parse::batch(sql)?;
    let [Statement { action: Action::Query(query), .. }] = statements.as_slice() else {
        return Err(SqlError::new(50000, 16, 1, "replica-sandbox: not a query").into());
    };
    let mut heard = Heard::default();
    select::run(session, &Frame::default(), query, &mut heard)?;
    Ok(heard)
}

/// The columns of a module's SELECT and the object_ids of the tables that it reads, without running it.
/// `schema_bound`: the name of the module that it ties to them.
///
/// # Errors
/// What the SELECT does not allow.
pub fn described(
    session: &Session,
    frame: &Frame,
    select: &str,
    schema_bound: Option<&str>,
) -> Outcome<(Vec<OutColumn>, Vec<i32>)> {
    let statements = parse::batch(select)?;
    let [Statement { action: Action::Query(query), .. }] = statements.as_slice() else {
        return Err(SqlError::new(156, 15, 1, "Incorrect syntax near the keyword 'SELECT'.").into());
    };
    let binder = Binder::new(session, frame);
    let binder = match schema_bound {
        Some(name) => binder.schema_bound(name),
        None => binder,
    };
    let bound = binder.statement(query);
    let needs = binder.finish();
    read::give_back_tables(session, &needs)?;
    let columns = bound?.emitted.columns.iter().map(|c| c.described()).collect();
    let mut tables: Vec<i32> = needs.tables.iter().map(|used| used.table.object_id).collect();
    tables.sort_unstable();
    tables.dedup();
    Ok((columns, tables))
}
