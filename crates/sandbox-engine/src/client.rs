//! What a client asks of its session: the ways in.
use crate::exec;
use sandbox_session::api::{BulkRows, Cancelled, Param, Sink};
use sandbox_session::session::{Session, TransactionRequest};

/// Runs a batch. Errors of statements go to the sink; what comes back is only that the client is gone.
///
/// # Errors
/// [`Cancelled`] after an attention: the session has unwound as SQL Server does.
pub fn batch(
    session: &mut Session,
    sql: &str,
    params: &mut [Param],
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    session.at_work("BATCH", |session| exec::batch(session, sql, params, sink))
}

/// Runs a stored procedure by name: an RPC request.
///
/// # Errors
/// [`Cancelled`] after an attention.
pub fn rpc(
    session: &mut Session,
    name: &str,
    params: &mut [Param],
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    session.at_work("EXECUTE", |session| exec::rpc(session, name, params, sink))
}

/// Runs a transaction-manager request.
///
/// # Errors
/// [`Cancelled`] after an attention.
pub fn transaction(
    session: &mut Session,
    request: &TransactionRequest,
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    session.at_work("TRANSACTION", |session| exec::manager::request(session, request, sink))
}

/// Loads the rows of the bulk message.
///
/// # Errors
/// [`Cancelled`] after an attention; nothing was inserted.
pub fn bulk(session: &mut Session, rows: &mut dyn BulkRows, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.at_work("BULK INSERT", |session| exec::bulk::load(session, rows, sink))
}

/// Another request came instead of the bulk message: 4022.
///
/// # Errors
/// [`Cancelled`] when the client is gone.
pub fn cancel_bulk(session: &mut Session, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    exec::bulk::refuse_other_request(session, sink)
}
