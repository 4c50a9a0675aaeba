//! A man page in the usual sections.
use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind, Optionality};
use replica_core::cli::paragraphs;
use roff::{Inline, Roff, bold, italic, roman};

/// The page of `tool`, which refers to those of `all`.
pub fn page(tool: &CommandInfoWithArgs, all: &[CommandInfoWithArgs]) -> String {
    let mut page = begin(tool.name, "1");
    section(&mut page, "NAME");
    page.text([roman(format!("{} - {}", tool.name, summary(tool.description)))]);
    section(&mut page, "SYNOPSIS");
    page.text(synopsis(tool));
    section(&mut page, "DESCRIPTION");
    page.text([roman(tool.description)]);
    for positional in tool.positionals {
        entry(&mut page, vec![italic(positional.name)], positional.description);
    }
    section(&mut page, "OPTIONS");
    for flag in tool.flags {
        entry(&mut page, option(flag), flag.description);
    }
    if !tool.notes.is_empty() {
        section(&mut page, "NOTES");
    }
    for paragraph in tool.notes.iter().flat_map(|note| paragraphs(note)) {
        page.control("PP", []);
        page.text([roman(paragraph)]);
    }
    if !tool.examples.is_empty() {
        section(&mut page, "EXAMPLES");
        page.control("EX", []);
        page.text(tool.examples.iter().map(|example| roman(format!("{example}\n"))).collect::<Vec<_>>());
        page.control("EE", []);
    }
    section(&mut page, "SEE ALSO");
    let mut others = Vec::new();
    for other in all.iter().filter(|other| other.name != tool.name) {
        others.extend([roman(if others.is_empty() { "" } else { ", " }), bold(other.name), roman("(1)")]);
    }
    others.extend([roman(", "), bold("replica.toml"), roman("(5), "), bold("replica"), roman("(7)")]);
    page.text(others);
    page.render()
}

/// A page of this name in a section of the manual.
pub fn begin(name: &str, of: &str) -> Roff {
    let mut page = Roff::new();
    // The name fills the line, so that there is no room for the usual title between.
    page.control("TH", [&name.to_uppercase(), of, " ", concat!("replica ", env!("CARGO_PKG_VERSION")), " "]);
    page
}

pub fn section(page: &mut Roff, name: &str) {
    page.control("SH", [name]);
}

pub fn entry(page: &mut Roff, term: Vec<Inline>, description: &str) {
    page.control("TP", []);
    page.text(term);
    page.text([roman(description)]);
}

/// What apropos shows: the first clause.
pub fn summary(description: &str) -> String {
    // What is in brackets is no end.
    let mut depth = 0;
    let end = description.find(|sign| {
        depth += i32::from(sign == '(') - i32::from(sign == ')');
        depth == 0 && [':', '.', ','].contains(&sign)
    });
    let clause = &description[..end.unwrap_or(description.len())];
    let mut chars = clause.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn synopsis(tool: &CommandInfoWithArgs) -> Vec<Inline> {
    let mut line = vec![bold(tool.name)];
    for flag in tool.flags {
        line.push(roman(" ["));
        line.extend(option(flag));
        line.push(roman("]"));
    }
    for positional in tool.positionals {
        let (before, after) = match positional.optionality {
            Optionality::Required => (" ", ""),
            Optionality::Optional => (" [", "]"),
            Optionality::Repeating | Optionality::Greedy => (" [", "...]"),
        };
        line.extend([roman(before), italic(positional.name), roman(after)]);
    }
    line
}

fn option(flag: &FlagInfo<'_>) -> Vec<Inline> {
    let mut option = vec![bold(flag.long)];
    if let FlagInfoKind::Option { arg_name } = flag.kind {
        option.extend([roman(" "), italic(arg_name)]);
    }
    option
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apropos_shows_a_clause() {
        assert_eq!(summary("Replaces whole tables, each in one go: readers see"), "replaces whole tables");
        assert_eq!(summary(""), "");
    }
}
