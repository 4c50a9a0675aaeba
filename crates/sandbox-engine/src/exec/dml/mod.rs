//! INSERT, UPDATE, DELETE. A statement reads and writes in one SQLite transaction; where a row is in another
//! transaction's hands it lets go of everything, waits, and begins again.
mod called;
mod change;
mod changed;
mod children;
pub mod columns;
mod escalation;
mod given;
pub mod identity;
pub mod insert;
mod into;
mod output;
mod target;

pub use escalation::Escalation;
pub use target::{Target, announce};

use target::{stored_row, table_lock};
