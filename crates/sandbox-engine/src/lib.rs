//! Runs what a client asks of its session: batches statement by statement, with SQL Server's rules of what an error ends;
//! INSERT, UPDATE, DELETE and bulk loads row by row, with triggers and foreign keys; and system procedures.
mod client;
mod describe;
mod exec;
mod procs;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use client::{batch, bulk, cancel_bulk, rpc, transaction};
