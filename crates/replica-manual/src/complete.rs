//! Completions for shells.
use std::fmt::Write;

use argh::{CommandInfoWithArgs, FlagInfoKind};
use argh_complete::Generator;
use argh_complete::bash::Bash;
use argh_complete::zsh::Zsh;

pub fn bash(tool: &CommandInfoWithArgs) -> String {
    Bash::generate(tool.name, tool)
}

pub fn zsh(tool: &CommandInfoWithArgs) -> String {
    Zsh::generate(tool.name, tool)
}

/// argh_complete's own script for fish looks for subcommands, and completes nothing after the first table.
pub fn fish(tool: &CommandInfoWithArgs) -> String {
    let mut out = String::new();
    for flag in tool.flags {
        let long = flag.long.trim_start_matches("--");
        let description = quoted(flag.description);
        let value = if matches!(flag.kind, FlagInfoKind::Option { .. }) { " -r" } else { "" };
        let _ = writeln!(out, "complete -c {} -l {long}{value} -d {description}", tool.name);
    }
    out
}

/// In fish a backslash escapes itself and a quote within single quotes, and nothing else.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
