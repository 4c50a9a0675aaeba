//! The engine as a session sees it.
mod bulk;
mod changes;
mod control;
mod expressions;
mod loads;
mod queries;
mod transactions;
mod triggers;
