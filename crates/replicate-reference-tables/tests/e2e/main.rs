//! The real binary against a real server: the one that REPLICA_TEST_SERVER names, or the sandbox.
mod util;

mod article;
mod columns;
mod configuration;
mod constraints;
mod conversions;
mod creation;
mod days;
mod explain;
mod hidden;
mod indexes;
mod interrupted;
mod ledger;
mod losses;
mod many;
mod names;
mod output;
mod parquet;
mod pinpoint;
mod readers;
mod referencing;
mod refused;
mod replace;
mod sales;
mod shapes;
mod types;
