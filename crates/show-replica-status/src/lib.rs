//! Shows what runs on a replica now, what ended and how, and how fresh its tables are. The command line is the interface;
//! see docs/COMMANDS.md.
mod args;
mod line;
mod page;
mod run;
mod screen;
mod text;

pub use args::Args;
