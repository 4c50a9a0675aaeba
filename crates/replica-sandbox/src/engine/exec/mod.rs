//! Runs statements one after the other, with SQL Server's rules of what an error ends.
pub mod bulk;
pub mod transaction;

use super::api::{Cancelled, Done, Param, Sink};
use super::ddl;
use super::failure::{Failure, Outcome};
use super::parse::{self, Action, Statement};
use super::session::Session;
use crate::error::SqlError;
use crate::values::Value;

/// CurCmd of what has no own number: compile failures, INSERT BULK, attention (server-facts.md section 2).
const COMMAND_OTHER: u16 = 253;

pub fn batch(
    session: &mut Session,
    sql: &str,
    _params: &mut [Param],
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    let statements = match parse::batch(sql) {
        Ok(statements) => statements,
        Err(error) => {
            sink.message(&error)?;
            return sink.done(Done { command: COMMAND_OTHER, count: None, error: true });
        }
    };
    for statement in &statements {
        match run(session, statement, sink) {
            Ok(done) => sink.done(done)?,
            Err(Failure::Cancelled) => return Err(Cancelled),
            Err(Failure::Error(error)) => {
                sink.message(&error)?;
                return sink.done(Done { command: COMMAND_OTHER, count: None, error: true });
            }
        }
    }
    Ok(())
}

fn run(session: &mut Session, statement: &Statement, sink: &mut dyn Sink) -> Outcome<Done> {
    match &statement.action {
        Action::Ddl(ddl) => transaction::within(session, |session| ddl::execute(ddl, session, sink)),
    }
}

pub fn rpc(
    session: &mut Session,
    name: &str,
    params: &mut [Param],
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    let failure = match super::procs::call(name, params, session, sink) {
        Some(Ok(status)) => return sink.return_status(status),
        Some(Err(failure)) => failure,
        None => SqlError::new(2812, 16, 62, format!("Could not find stored procedure '{name}'.")).into(),
    };
    match failure {
        Failure::Cancelled => Err(Cancelled),
        Failure::Error(error) => sink
            .message(&error)
            .and_then(|()| sink.done(Done { command: COMMAND_OTHER, count: None, error: true })),
    }
}

/// Rows of a query that the engine itself asks.
pub fn internal_query(session: &mut Session, sql: &str) -> Outcome<Vec<Vec<Value>>> {
    let _ = session;
    Err(parse::batch(sql).err().unwrap_or_else(|| SqlError::new(195, 15, 10, "not a query")).into())
}
