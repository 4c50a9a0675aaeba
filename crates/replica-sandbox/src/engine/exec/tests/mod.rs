//! The engine as a session sees it.
mod bulk;
mod changes;
mod control;
mod expressions;
mod queries;
mod transactions;
mod triggers;
