//! Data definition: statements that change the catalog's records.
pub mod login;
pub mod persist;

use super::api::{Done, Sink};
use super::failure::Outcome;
use super::session::Session;
use super::tokens::Cursor;
use crate::error::SqlError;

/// A data definition statement, as parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ddl {}

/// `None`, with the cursor where it was, where no data definition statement begins.
///
/// # Errors
/// 102/156.
pub fn parse(_cursor: &mut Cursor<'_>) -> Result<Option<Ddl>, SqlError> {
    Ok(None)
}

/// Runs it inside a transaction of ours that `exec` has begun (`session.transaction` is set), and says how DONE
/// names it. Takes its locks first, then changes storage inside [`Session::write`] and the catalog last, leaving
/// the way back with [`Transaction::on_rollback`](super::transactions::Transaction::on_rollback).
pub fn execute(ddl: &Ddl, _session: &mut Session, _sink: &mut dyn Sink) -> Outcome<Done> {
    match *ddl {}
}
