//! Transaction-manager requests, and how DONE names what they did.
use sandbox_session::api::{Cancelled, Done, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::session::{Session, TransactionRequest};
use sandbox_session::transaction::{commit_level, open, roll_back, save};

/// CurCmd (docs/WIRE.md, "DONE").
pub const ROLLBACK: u16 = 210;
pub const BEGIN: u16 = 212;
pub const COMMIT: u16 = 213;
/// SAVE TRANSACTION has no captured number of its own: unconfirmed.
pub const SAVE: u16 = 214;

/// A transaction-manager request ([MS-TDS] 2.2.6.9).
///
/// # Errors
/// [`Cancelled`] when the client is gone.
pub fn request(
    session: &mut Session,
    request: &TransactionRequest,
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    let (command, result) = match request {
        TransactionRequest::Begin { name, isolation } => {
            if let Some(isolation) = isolation {
                session.options.isolation = *isolation;
            }
            (BEGIN, open(session, name, sink))
        }
        TransactionRequest::Commit { then_begin, .. } => {
            let result = commit_level(session, sink);
            (COMMIT, and_begin(result, *then_begin, session, sink))
        }
        TransactionRequest::Rollback { name, then_begin } => {
            let result = roll_back(session, name, sink);
            (ROLLBACK, and_begin(result, *then_begin, session, sink))
        }
        TransactionRequest::Save { name } => (SAVE, save(session, name)),
    };
    match result {
        Ok(()) => sink.done(Done { command, count: None, error: false }),
        Err(failure) => super::aftermath::unheard(session, failure, sink),
    }
}

fn and_begin(result: Outcome, then_begin: bool, session: &mut Session, sink: &mut dyn Sink) -> Outcome {
    result?;
    if then_begin { open(session, "", sink) } else { Ok(()) }
}
