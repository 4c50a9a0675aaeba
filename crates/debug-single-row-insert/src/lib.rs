//! Tries one row of the source on the target, and says which columns it is refused for. Nothing stays behind.
mod args;
mod run;

pub use args::Args;
