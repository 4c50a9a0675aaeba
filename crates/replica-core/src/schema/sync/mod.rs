//! Source and target side by side, and the target brought to what the policy wants.
//!
//! Every step is a transaction of its own, and a run begins with a look at what is there: one that was killed is finished
//! by the next. Who makes or changes a table holds it: of two runs at once, the second looks when the first has done.
mod comparison;
mod held;
mod run;
mod steps;

pub use comparison::{Likeness, SchemaComparison, Standing, compare};
pub(super) use held::HeldTables;
pub use run::{DdlOutcome, run, run_stage};
pub use steps::{Permitted, Stage, cost, schemas, script_steps, steps};
