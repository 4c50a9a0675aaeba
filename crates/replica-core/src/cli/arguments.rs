//! From the shell's words to the words that argh takes.
//!
//! The parser of the scripts that these tools replace (Python's argparse) took `--name=value`, any unambiguous beginning
//! of an option's name, and `-h`, and so do we. Tables were options of some of those scripts; here they are
//! arguments, and the old spellings still name them. argh takes none of this, nor a lone `-`, nor an option whose value
//! may be left out: such a one has the name of its value in brackets, `arg_name = "[percent]"`, and gets an empty value.
use argh::{FlagInfo, FlagInfoKind};

use super::HELP;
use crate::error::{Error, Result};

/// What argh takes, and what it does not have to know.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Arguments {
    pub args: Vec<String>,
    /// A lone `-`: names come from stdin.
    pub stdin: bool,
    /// `--version`, whatever else there is.
    pub version: bool,
    /// `--help` or `help`, whatever else there is.
    pub help: bool,
}

/// Makes `--name=value` two words, spells options out, and says whether there is a lone `-`, `--version` or `--help`.
///
/// # Errors
/// No such option; a beginning that several options have; a value for an option that takes none.
pub(super) fn normalise(
    flags: &[FlagInfo<'_>],
    words: impl IntoIterator<Item = String>,
) -> Result<Arguments> {
    let mut out = Arguments::default();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-" => out.stdin = true,
            "help" | "-h" => out.help = true,
            "--" => {
                out.args.push(word);
                out.args.extend(words);
                break;
            }
            option if option.starts_with("--") => {
                let (typed, value) = match option.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (option, None),
                };
                if !is_option(flags, typed) && TABLES.contains(&typed) {
                    // The names that follow are arguments anyway.
                    out.args.extend(value);
                    continue;
                }
                let name = spelled_out(flags, typed)?;
                if name == FULL_TABLE && value.is_some() {
                    out.args.push(name.to_owned());
                    out.args.extend(value);
                    continue;
                }
                let switch = name == HELP || flags.iter().any(|flag| flag.long == name && is_switch(flag));
                if switch && value.is_some() {
                    return Err(Error::usage(format!("{name} takes no value")));
                }
                out.version |= name == "--version";
                out.help |= name == HELP;
                out.args.push(name.to_owned());
                if switch {
                    continue;
                }
                let value = match flags.iter().find(|flag| flag.long == name) {
                    // A number, or one of the values there are, can only be its value: the next word may be a table.
                    Some(flag) if may_lack_its_value(flag) => value
                        .or_else(|| words.next_if(|word| is_number(word) || is_one_of(flag, word)))
                        .or_else(|| Some(String::new())),
                    // The next word is its value, whatever it looks like.
                    _ => value.or_else(|| words.next()),
                };
                out.args.extend(value);
            }
            _ => out.args.push(word),
        }
    }
    Ok(out)
}

/// What the old scripts called the names of tables.
const TABLES: [&str; 2] = ["--table", "--tables"];

/// A switch now; a script of old had the table as its value.
const FULL_TABLE: &str = "--full-table";

/// Other spellings of the old scripts, and ours.
const OTHERWISE: [(&str, &str); 2] = [("--t-0", "--t0"), ("--t-1", "--t1")];

/// Options that came after the scripts' own had their beginnings: they take none from these.
const NEWER: [&str; 16] = [
    "--allow-cascade",
    "--allow-row-filters",
    "--allow-shrink",
    "--apply",
    "--clean-up",
    "--column",
    "--create",
    "--exclude-columns",
    "--fill-missing-columns",
    "--foreign-keys",
    "--header",
    "--log-format",
    "--publish",
    "--streams",
    "--target",
    "--where",
];

fn is_option(flags: &[FlagInfo<'_>], typed: &str) -> bool {
    flags.iter().any(|flag| flag.long == typed)
}

fn is_switch(flag: &FlagInfo<'_>) -> bool {
    matches!(flag.kind, FlagInfoKind::Switch)
}

fn may_lack_its_value(flag: &FlagInfo<'_>) -> bool {
    matches!(flag.kind, FlagInfoKind::Option { arg_name } if arg_name.starts_with('['))
}

/// Is it one of the values that the option's help lists, as `[rows|windows]`?
fn is_one_of(flag: &FlagInfo<'_>, word: &str) -> bool {
    let FlagInfoKind::Option { arg_name } = flag.kind else { return false };
    let listed = arg_name.trim_matches(['[', ']']);
    listed.contains('|') && listed.split('|').any(|value| value == word)
}

/// One that the option does not take, too: it was meant for it.
fn is_number(word: &str) -> bool {
    let word = word.strip_suffix('%').unwrap_or(word);
    !word.contains(char::is_alphabetic) && word.parse::<f64>().is_ok()
}

/// The option that `typed` is or begins.
fn spelled_out<'a>(flags: &[FlagInfo<'a>], typed: &'a str) -> Result<&'a str> {
    let typed = OTHERWISE.iter().find(|(theirs, _)| *theirs == typed).map_or(typed, |(_, ours)| *ours);
    let names = || flags.iter().map(|flag| flag.long).chain([HELP]);
    if let Some(name) = names().find(|name| *name == typed) {
        return Ok(name);
    }
    let mut begun: Vec<&str> = names().filter(|name| name.starts_with(typed)).collect();
    begun.dedup();
    // The scripts of old, and their callers, knew fewer.
    if begun.iter().any(|name| !NEWER.contains(name)) {
        begun.retain(|name| !NEWER.contains(name));
    }
    match begun.as_slice() {
        [] => Err(unknown(names(), typed)),
        [name] => Ok(name),
        several => Err(Error::usage(format!("{typed} may be {}", several.join(" or ")))),
    }
}

/// Nobody knows `typed`; the nearest of `names` is the way out.
fn unknown<'a>(names: impl Iterator<Item = &'a str>, typed: &str) -> Error {
    let error = Error::usage(format!("There is no option {typed}"));
    let near = names.map(|name| (strsim::damerau_levenshtein(name, typed), name)).min();
    match near {
        Some((distance, name)) if distance <= typed.len() / 3 => {
            error.remedy(format!("Did you mean {name}?"))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use argh::{ArgsInfo, FromArgs};

    use super::*;

    #[derive(FromArgs, ArgsInfo)]
    /// a tool
    #[expect(dead_code, reason = "only its description is of interest")]
    struct Args {
        /// a number
        #[argh(option)]
        max_workers: Option<usize>,
        /// a number
        #[argh(option)]
        max_retries: Option<usize>,
        /// a number, or none
        #[argh(option, arg_name = "[percent]")]
        share: Option<String>,
        /// a switch
        #[argh(switch)]
        all: bool,
        /// a text
        #[argh(option)]
        window: Option<String>,
        /// a text
        #[argh(option, long = "where")]
        filter: Option<String>,
        /// a switch
        #[argh(switch)]
        allow_cascade: bool,
        /// a number
        #[argh(option)]
        allow_shrink: Option<String>,
        /// a switch
        #[argh(switch)]
        full_table: bool,
        /// a switch
        #[argh(switch)]
        t0: bool,
        /// a switch
        #[argh(switch)]
        t1: bool,
        /// a switch
        #[argh(switch)]
        version: bool,
    }

    fn normalised(line: &str) -> Result<Arguments> {
        normalise(Args::get_args_info().flags, line.split_whitespace().map(str::to_owned))
    }

    fn args(line: &str) -> Vec<String> {
        normalised(line).unwrap().args
    }

    #[test]
    fn values_come_after_a_space_or_an_equals_sign() {
        assert_eq!(args("a --max-workers=2 b"), ["a", "--max-workers", "2", "b"]);
        assert_eq!(args("--max-workers=a=b"), ["--max-workers", "a=b"]);
        assert_eq!(
            args("--max-workers --all"),
            ["--max-workers", "--all"],
            "a value, whatever it looks like"
        );
        assert_eq!(args("--max-workers - "), ["--max-workers", "-"]);
        assert!(!normalised("--max-workers -").unwrap().stdin);
    }

    #[test]
    fn a_value_may_be_left_out_where_its_name_is_in_brackets() {
        assert_eq!(args("--share t"), ["--share", "", "t"]);
        assert_eq!(
            args("--sh 80 t --share=90 --share"),
            ["--share", "80", "t", "--share", "90", "--share", ""]
        );
        assert_eq!(args("--share --all"), ["--share", "", "--all"]);
        assert_eq!(args("--share=x"), ["--share", "x"], "refused later");
    }

    #[test]
    fn a_beginning_will_do_if_it_is_one_options_only() {
        assert_eq!(args("--max-w 2 --al --h"), ["--max-workers", "2", "--all", "--help"]);
        assert_eq!(args("--max-r=2"), ["--max-retries", "2"]);
        let error = normalised("--max 2").unwrap_err().to_string();
        assert!(error.contains("--max-workers or --max-retries"), "{error}");
    }

    #[test]
    fn newer_options_take_no_beginning_from_older_ones() {
        assert_eq!(args("--w month --al --whe a=1"), ["--window", "month", "--all", "--where", "a=1"]);
        let error = normalised("--allow").unwrap_err().to_string();
        assert!(error.contains("--allow-cascade or --allow-shrink"), "{error}");
    }

    #[test]
    fn an_unknown_option_has_a_neighbour() {
        let error = |line: &str| normalised(line).unwrap_err().to_string();
        assert_eq!(
            error("t --max-wrokers=2"),
            "There is no option --max-wrokers. Did you mean --max-workers?"
        );
        assert_eq!(error("--nothing"), "There is no option --nothing");
    }

    #[test]
    fn the_old_scripts_spellings_count() {
        assert!(normalised("-h").unwrap().help);
        assert_eq!(args("--tables A B --all"), ["A", "B", "--all"]);
        assert_eq!(args("--table=A --full-table=B"), ["A", "--full-table", "B"]);
        assert_eq!(args("--t-1 --t-0"), ["--t1", "--t0"]);
    }

    #[test]
    fn a_switch_takes_no_value() {
        for switch in ["--all", "--version", "--help"] {
            let error = normalised(&format!("{switch}=true")).unwrap_err().to_string();
            assert_eq!(error, format!("{switch} takes no value"));
        }
    }

    #[test]
    fn a_lone_dash_is_stdin_and_two_end_the_options() {
        let found = normalised("a - --all").unwrap();
        assert_eq!((found.stdin, found.args), (true, vec!["a".to_owned(), "--all".to_owned()]));
        assert_eq!(args("-- --all=x -"), ["--", "--all=x", "-"]);
        assert!(normalised("x --vers").unwrap().version);
        assert!(!normalised("-- --version").unwrap().version);
    }
}
