//! INSERT BULK and the load that follows it.
use crate::engine::api::{BulkRows, BulkTarget, Cancelled, Done, Sink};
use crate::engine::session::Session;
use crate::error::SqlError;

/// What an INSERT BULK statement has promised.
pub struct PendingBulk {
    pub target: BulkTarget,
}

pub fn load(session: &mut Session, _rows: &mut dyn BulkRows, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.pending_bulk = None;
    sink.done(Done { command: 240, count: None, error: true })
}

pub fn refuse_other_request(session: &mut Session, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.pending_bulk = None;
    sink.message(&SqlError::new(
        4022,
        16,
        1,
        "Bulk load data was expected but not sent. The batch will be terminated.",
    ))?;
    sink.done(Done { command: super::COMMAND_OTHER, count: None, error: true })
}
