//! Views, functions and triggers.
mod body;
pub mod function;
pub mod trigger;
pub mod view;
