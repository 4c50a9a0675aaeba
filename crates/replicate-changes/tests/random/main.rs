//! Random changes of a source, carried over: equal at the end, and on the way wherever it can be known.
mod found;
mod history;
mod property;
mod soak;
