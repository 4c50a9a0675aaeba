//! Data definition: statements that change the catalog's records.
pub mod ast;
pub mod definition;
pub mod login;
mod parse;
pub mod persist;

pub use ast::Ddl;
pub use parse::parse;

use super::api::{Done, Sink};
use super::failure::Outcome;
use super::session::Session;

/// Runs it inside a transaction of ours that `exec` has begun (`session.transaction` is set), and says how DONE
/// names it. Takes its locks first, then changes storage inside [`Session::write`] and the catalog last, leaving
/// the way back with [`Transaction::on_rollback`](super::transactions::Transaction::on_rollback).
pub fn execute(_ddl: &Ddl, _session: &mut Session, _sink: &mut dyn Sink) -> Outcome<Done> {
    Err(parse::unsupported("this statement yet").into())
}
