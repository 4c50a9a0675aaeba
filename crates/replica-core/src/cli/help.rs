//! What `--help` prints, from a command line's description.
//!
//! argh lays its help out while it compiles one struct, and a command line here is made of several.
use std::fmt::Write;

use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality, PositionalInfo};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Where descriptions begin.
const INDENT: usize = 20;

/// The help of the program `name`, as argh writes it.
pub(super) fn help(name: &str, info: &CommandInfoWithArgs) -> String {
    let mut out = format!("Usage: {name}{}\n\n{}", usage(info), info.description);
    if !info.positionals.is_empty() {
        out.push_str("\n\nPositional Arguments:");
        info.positionals
            .iter()
            .for_each(|positional| entry(&mut out, positional.name, positional.description));
    }
    out.push_str("\n\nOptions:");
    options(info).for_each(|flag| entry(&mut out, flag.long, flag.description));
    entry(&mut out, "--help, help", "display usage information");
    for (heading, texts) in [("Examples", info.examples), ("Notes", info.notes)] {
        if !texts.is_empty() {
            let _ = write!(out, "\n\n{heading}:");
        }
        for line in texts.iter().flat_map(|text| text.split('\n')) {
            let _ = write!(out, "\n  {line}");
        }
    }
    out.push('\n');
    out
}

/// argh describes its own switch, too, which comes last.
fn options(info: &CommandInfoWithArgs) -> impl Iterator<Item = &FlagInfo<'static>> {
    info.flags.iter().filter(|flag| flag.long != super::HELP)
}

fn usage(info: &CommandInfoWithArgs) -> String {
    let mut usage = String::new();
    for flag in options(info) {
        let value = match flag.kind {
            FlagInfoKind::Switch => String::new(),
            // A value that may be left out.
            FlagInfoKind::Option { arg_name } if arg_name.starts_with('[') => format!(" {arg_name}"),
            FlagInfoKind::Option { arg_name } => format!(" <{arg_name}{}>", dots(&flag.optionality)),
        };
        usage.push_str(&bracketed(&flag.optionality, &format!("{}{value}", flag.long)));
    }
    if !info.positionals.is_empty() {
        usage.push_str(" [--]");
    }
    for PositionalInfo { name, optionality, .. } in info.positionals {
        usage.push_str(&bracketed(optionality, &format!("<{name}{}>", dots(optionality))));
    }
    usage
}

fn dots(optionality: &Optionality) -> &'static str {
    if matches!(optionality, Optionality::Repeating) { "..." } else { "" }
}

fn bracketed(optionality: &Optionality, text: &str) -> String {
    if matches!(optionality, Optionality::Required) { format!(" {text}") } else { format!(" [{text}]") }
}

/// A name and what it means, in two columns.
fn entry(out: &mut String, name: &str, description: &str) {
    let mut line = format!("  {name}");
    if line.chars().count() >= INDENT {
        let _ = write!(out, "\n{line}");
        line.clear();
    }
    for word in description.split(' ') {
        if line.chars().count() >= INDENT && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = write!(out, "\n{line}");
            line.clear();
        }
        if line.chars().count() < INDENT {
            line = format!("{line:INDENT$}{word}");
        } else {
            let _ = write!(line, " {word}");
        }
    }
    let _ = write!(out, "\n{line}");
}

#[cfg(test)]
mod tests {
    use argh::{ArgsInfo, FromArgs};

    use super::*;

    /// Does something.
    #[derive(FromArgs, ArgsInfo)]
    #[argh(example = "tool a", note = "One.\nTwo.")]
    #[expect(dead_code, reason = "only its description is of interest")]
    struct Args {
        /// where it goes
        #[argh(positional, arg_name = "WHERE")]
        place: String,
        /// what is taken
        #[argh(positional, arg_name = "WHAT")]
        what: Vec<String>,
        /// a switch whose description is so long that it does not fit on a line of its own, and goes on in another one
        #[argh(switch)]
        all: bool,
        /// a number
        #[argh(option, arg_name = "n")]
        option_with_a_long_name: u32,
        /// several
        #[argh(option, arg_name = "m")]
        more: Vec<u32>,
    }

    #[test]
    fn help_is_what_argh_prints() {
        let argh = Args::from_args(&["tool"], &["--help"]).map(drop).unwrap_err().output;
        assert_eq!(help("tool", &Args::get_args_info()), argh);
    }
}
