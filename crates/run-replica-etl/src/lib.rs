//! Refreshes a replica for a day, as its configuration lists it. The command line is the interface; see docs/ETL.md.
mod agenda;
mod args;
mod carry;
mod chosen;
mod day;
mod explain;
mod planned;
mod refresh;
mod run;
mod schema_check;
mod steps;
mod survey;
mod tally;

pub use args::Args;
pub use day::Asked;
pub use planned::{listed_names, planned, planned_run, streams};
