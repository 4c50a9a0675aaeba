//! What `--help` prints, from a command line's description.
//!
//! argh lays its help out while it compiles one struct, and a command line here is made of several.
use std::fmt::Write;

use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality};

/// Columns of a terminal.
const WIDTH: usize = 80;
/// Where descriptions begin.
const INDENT: usize = 24;

/// Options that several tools have, by what they are about. Those of a tool alone come first, without a heading of
/// their own.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Which tables, and as what", &["--all", "--only", "--target", "--exclude-columns", "--column"]),
    ("Which rows", &["--start-date", "--end-date", "--date-column", "--window", "--where"]),
    (
        "How they are copied",
        &[
            "--max-workers",
            "--chunk-size",
            "--commit-interval",
            "--create",
            "--foreign-keys",
            "--preflight",
            "--verify",
            "--apply",
            "--publish",
            "--streams",
            "--check-constraints",
            "--fire-triggers",
        ],
    ),
    (
        "What may differ, and what may be lost",
        &[
            "--ignore-extra-columns",
            "--fill-missing-columns",
            "--allow-row-filters",
            "--allow-shrink",
            "--allow-cascade",
        ],
    ),
    (
        "What is told",
        &["--explain", "--dry-run", "--output", "--header", "--quiet", "--log-format", "--version", "--help"],
    ),
];

/// The help of the program `name`.
pub(super) fn help(name: &str, info: &CommandInfoWithArgs) -> String {
    let mut out = format!("Usage: {name}{}\n\n", usage(info));
    wrapped(&mut out, info.description, (0, 0));
    if !info.positionals.is_empty() {
        out.push_str("\nArguments:\n");
        info.positionals
            .iter()
            .for_each(|positional| entry(&mut out, positional.name, positional.description));
    }
    let group_of = |flag: &FlagInfo<'_>| GROUPS.iter().position(|(_, names)| names.contains(&flag.long));
    let mut section = |heading: &str, wanted: Option<usize>| {
        let flags: Vec<_> = info.flags.iter().filter(|flag| group_of(flag) == wanted).collect();
        if !flags.is_empty() {
            let _ = writeln!(out, "\n{heading}:");
        }
        flags.into_iter().for_each(|flag| entry(&mut out, &term(flag), flag.description));
    };
    section("Options", None);
    GROUPS.iter().enumerate().for_each(|(place, (heading, _))| section(heading, Some(place)));
    for (heading, texts) in [("Examples", info.examples), ("Notes", info.notes)] {
        if !texts.is_empty() {
            let _ = writeln!(out, "\n{heading}:");
        }
        texts.iter().flat_map(|text| paragraphs(text)).for_each(|line| wrapped(&mut out, &line, (2, 4)));
    }
    out
}

/// What must be there, and what may.
fn usage(info: &CommandInfoWithArgs) -> String {
    let mut usage = String::new();
    for flag in info.flags.iter().filter(|flag| matches!(flag.optionality, Optionality::Required)) {
        let _ = write!(usage, " {}", term(flag));
    }
    usage.push_str(" [OPTIONS]");
    for positional in info.positionals {
        let name = positional.name;
        let _ = match positional.optionality {
            Optionality::Required => write!(usage, " {name}"),
            Optionality::Optional => write!(usage, " [{name}]"),
            Optionality::Repeating | Optionality::Greedy => write!(usage, " [{name}...]"),
        };
    }
    usage
}

/// An option, and what its value is: in brackets where it may be left out.
fn term(flag: &FlagInfo<'_>) -> String {
    match flag.kind {
        FlagInfoKind::Switch => flag.long.to_owned(),
        FlagInfoKind::Option { arg_name } if arg_name.starts_with('[') => format!("{} {arg_name}", flag.long),
        FlagInfoKind::Option { arg_name } => format!("{} <{arg_name}>", flag.long),
    }
}

/// A term and what it means, in two columns.
fn entry(out: &mut String, term: &str, description: &str) {
    let mut line = format!("  {term}");
    if line.chars().count() + 2 > INDENT {
        let _ = writeln!(out, "{line}");
        line.clear();
    }
    let mut text = String::new();
    wrapped(&mut text, description, (INDENT, INDENT));
    // The term has the place of the first line's blanks.
    let _ = write!(out, "{line:INDENT$}{}", text.trim_start());
}

/// Words on lines of a terminal's width, the first after so many blanks, the others after so many.
fn wrapped(out: &mut String, text: &str, (first, others): (usize, usize)) {
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{line}");
            line = " ".repeat(others);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(out, "{line}");
}

/// The lines of a note: one that is indented goes on with the one before.
pub fn paragraphs(note: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    for line in note.lines() {
        match paragraphs.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => paragraphs.push(line.trim().to_owned()),
        }
    }
    paragraphs
}

#[cfg(test)]
mod tests {
    use argh::{ArgsInfo, FromArgs};

    use super::*;

    /// Does something, and says what in so many words that they do not all fit on one line of a terminal.
    #[derive(FromArgs, ArgsInfo)]
    #[argh(example = "tool a", note = "One.\nTwo\n  goes on.")]
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
        #[argh(option, arg_name = "number")]
        option_with_a_long_name: u32,
        /// several
        #[argh(option, arg_name = "[m]")]
        more: Vec<u32>,
    }

    #[test]
    fn help_fits_a_terminal() {
        let expected = "\
Usage: tool --option-with-a-long-name <number> [OPTIONS] WHERE [WHAT...]

Does something, and says what in so many words that they do not all fit on one
line of a terminal.

Arguments:
  WHERE                 where it goes
  WHAT                  what is taken

Options:
  --option-with-a-long-name <number>
                        a number
  --more [m]            several

Which tables, and as what:
  --all                 a switch whose description is so long that it does not
                        fit on a line of its own, and goes on in another one

What is told:
  --help                display usage information

Examples:
  tool a

Notes:
  One.
  Two goes on.
";
        assert_eq!(help("tool", &Args::get_args_info()), expected);
    }

    #[test]
    fn notes_are_paragraphs_of_lines() {
        assert_eq!(
            paragraphs("One.\nTwo\n  goes on;\n  and on.\nThree."),
            ["One.", "Two goes on; and on.", "Three."]
        );
    }
}
