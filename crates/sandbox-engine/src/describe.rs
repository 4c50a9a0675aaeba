//! What a query's columns would be, asked by the engine itself.
use crate::exec;
use sandbox_session::Session;
use sandbox_session::api::{Cancelled, OutColumn};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::heard::Heard;

/// The columns of a batch's first result. The batch is run: give it a query that has no effect and few rows.
///
/// # Errors
/// The first error of the batch.
pub fn describe(session: &mut Session, sql: &str) -> Outcome<Vec<OutColumn>> {
    let mut heard = Heard::default();
    let last = session.last.clone();
    let ended = exec::batch(session, sql, &mut [], &mut heard);
    session.last = last;
    match (heard.error, ended) {
        (Some(error), _) => Err(error.into()),
        (None, Err(Cancelled)) => Err(Failure::Cancelled),
        (None, Ok(())) => Ok(heard.columns.unwrap_or_default()),
    }
}
