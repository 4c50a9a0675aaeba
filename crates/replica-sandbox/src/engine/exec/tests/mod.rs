//! The engine as a session sees it.
mod blocking;
mod bulk;
mod changes;
mod control;
mod expressions;
mod hints;
mod loading;
mod loads;
mod queries;
mod transactions;
mod triggers;
