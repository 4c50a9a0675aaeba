//! Completions for shells: of options, of their values, and of the tables that the configuration names.
use std::fmt::Write;

use argh::{CommandInfoWithArgs, FlagInfo, FlagInfoKind};

/// Where packages take the old names from.
const SHIMS: &str = include_str!("../../../scripts/install-shims");

/// The names of old of a program, which is installed under them, too.
pub fn old_names(program: &str) -> impl Iterator<Item = &'static str> {
    let (_, list) = SHIMS.split_once("\nshims='\n").unwrap_or_default();
    let (list, _) = list.split_once("\n'\n").unwrap_or_default();
    let pairs = list.lines().filter_map(|line| line.split_once(' '));
    pairs.filter(move |(_, today)| today.trim() == program).map(|(old, _)| old)
}

/// What may follow an option, as the name of its value says.
enum Follows<'a> {
    /// Another word: it is a switch.
    Nothing,
    /// One of these. `may`: it may be left out.
    OneOf {
        values: Vec<&'a str>,
        may: bool,
    },
    Table,
    File,
    Folder,
    Anything,
}

fn follows<'a>(flag: &FlagInfo<'a>) -> Follows<'a> {
    let FlagInfoKind::Option { arg_name } = flag.kind else { return Follows::Nothing };
    let may = arg_name.starts_with('[');
    match arg_name.trim_matches(['[', ']']) {
        "table" => Follows::Table,
        "file" => Follows::File,
        "dir" | "folder" => Follows::Folder,
        values if values.contains('|') => Follows::OneOf { values: values.split('|').collect(), may },
        _ if may => Follows::Nothing,
        _ => Follows::Anything,
    }
}

/// The tool itself says which tables there are, of the file that the command line names so far or the one that is found.
const TABLES: &str = "--complete-tables";

pub fn bash(name: &str, tool: &CommandInfoWithArgs) -> String {
    let options = tool.flags.iter().map(|flag| flag.long).collect::<Vec<_>>().join(" ");
    let mut cases = String::new();
    for flag in tool.flags {
        let (words, may) = match follows(flag) {
            Follows::Nothing => continue,
            Follows::OneOf { values, may } => (format!("compgen -W '{}' -- \"$cur\"", values.join(" ")), may),
            Follows::Table => ("tables".to_owned(), false),
            Follows::File => ("compgen -f -- \"$cur\"".to_owned(), false),
            Follows::Folder => ("compgen -d -- \"$cur\"".to_owned(), false),
            Follows::Anything => (":".to_owned(), false),
        };
        // A value that may be left out may be another word, too.
        let end = if may { "[[ ${#COMPREPLY[@]} -eq 0 ]] || return 0" } else { "return 0" };
        let _ = writeln!(cases, "        {}) mapfile -t COMPREPLY < <({words}); {end} ;;", flag.long);
    }
    format!(
        r#"_{name}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} file= n
    for ((n = 1; n < COMP_CWORD; n++)); do
        [[ ${{COMP_WORDS[n]}} != --config ]] || file=${{COMP_WORDS[n+1]}}
    done
    tables() {{ compgen -W "$("${{COMP_WORDS[0]}}" {TABLES} "$file" 2>/dev/null)" -- "$cur"; }}
    COMPREPLY=()
    case $prev in
{cases}    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '{options}' -- "$cur")
    else
        mapfile -t COMPREPLY < <(tables)
    fi
}}
complete -F _{name} {name}
"#
    )
}

pub fn zsh(name: &str, tool: &CommandInfoWithArgs) -> String {
    let tables = format!("_{name}_tables");
    let mut arguments = String::new();
    for flag in tool.flags {
        let value = match follows(flag) {
            Follows::Nothing => String::new(),
            Follows::OneOf { values, may } => {
                format!(":{}value:({})", if may { ":" } else { "" }, values.join(" "))
            }
            Follows::Table => format!(":table:{tables}"),
            Follows::File => ":file:_files".to_owned(),
            Follows::Folder => ":folder:_files -/".to_owned(),
            Follows::Anything => ":value: ".to_owned(),
        };
        let description = flag.description.replace('\'', "'\\''");
        let description = ['[', ']', ':']
            .into_iter()
            .fold(description, |text, sign| text.replace(sign, &format!("\\{sign}")));
        let _ = writeln!(arguments, "        '{}[{description}]{value}' \\", flag.long);
    }
    format!(
        r#"#compdef {name}

{tables}() {{
    local file=${{words[(i)--config]}}
    local -a tables=(${{(f)"$({name} {TABLES} "${{words[file+1]}}" 2>/dev/null)"}})
    compadd -- $tables
}}

_{name}() {{
    _arguments -S \
{arguments}        '*:table:{tables}'
}}

if [[ $funcstack[1] == _{name} ]]; then
    _{name} "$@"
else
    compdef _{name} {name}
fi
"#
    )
}

pub fn fish(name: &str, tool: &CommandInfoWithArgs) -> String {
    let tables = format!("({name} {TABLES} 2>/dev/null)");
    let mut out = String::new();
    for flag in tool.flags {
        let long = flag.long.trim_start_matches("--");
        let value = match follows(flag) {
            Follows::Nothing => String::new(),
            Follows::OneOf { values, may } => {
                format!("{} -a {}", if may { " -f" } else { " -x" }, quoted(&values.join(" ")))
            }
            Follows::Table => format!(" -x -a {}", quoted(&tables)),
            Follows::File => " -r -F".to_owned(),
            Follows::Folder => " -x -a '(__fish_complete_directories)'".to_owned(),
            Follows::Anything => " -x".to_owned(),
        };
        let _ = writeln!(out, "complete -c {name} -l {long}{value} -d {}", quoted(flag.description));
    }
    let _ = writeln!(out, "complete -c {name} -f -a {}", quoted(&tables));
    out
}

/// In fish a backslash escapes itself and a quote within single quotes, and nothing else.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
