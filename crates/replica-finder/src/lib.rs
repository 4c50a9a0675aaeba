//! The three finders: find-string-overflows, debug-numeric-overflow and debug-datetime-range. They differ in the family
//! of values that they look at; see docs/COMMANDS.md.
mod args;
mod run;

pub use args::{Args, DATES, NUMBERS, STRINGS};
