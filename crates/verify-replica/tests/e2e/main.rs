//! The real binary against a real server: the one that REPLICA_TEST_SERVER names, or the sandbox.
mod util;

mod article;
mod columns;
mod edits;
mod ledger;
mod long;
mod many;
mod options;
mod promised;
mod random;
mod reads;
mod repair;
mod report;
mod round_trips;
mod windows;
