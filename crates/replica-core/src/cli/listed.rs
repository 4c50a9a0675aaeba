//! The tables of the configuration, for completions.
use std::ffi::OsString;
use std::path::PathBuf;

use crate::config;

/// What completions call a tool with, and nobody else: no help names it. A file may follow.
const WORD: &str = "--complete-tables";

/// The tables of the configuration, one a line, if the command line asks for them. A shell has no use for errors.
pub(super) fn asked_for() -> Option<String> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != WORD {
        return None;
    }
    let file = words.next().filter(|file: &OsString| !file.is_empty()).map(PathBuf::from);
    let tables = config::listed(file.as_deref());
    Some(tables.into_iter().map(|table| table + "\n").collect())
}
