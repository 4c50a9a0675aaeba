//! The pages and completions hold what the programs' help says, and their readers take them.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use replica_testkit::{Program, ProgramExit};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_replica-manual");

fn manual() -> TempDir {
    let folder = TempDir::new().unwrap();
    Program::new(BINARY).run(&[folder.path().to_str().unwrap()]).exits(0);
    folder
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

/// The programs, by their pages.
fn tools(folder: &TempDir) -> Vec<String> {
    let pages = files(&folder.path().join("man/man1"));
    pages.iter().map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What the program itself lists under `--help`.
fn options(tool: &str) -> BTreeSet<String> {
    let help = Program::new(Path::new(BINARY).with_file_name(tool)).run(&["--help"]).exits(0);
    let words = help.stdout.lines().filter_map(|line| line.strip_prefix("  ")?.split([' ', ',']).next());
    let options: BTreeSet<String> = words.filter(|word| word.starts_with("--")).map(str::to_owned).collect();
    assert!(options.contains("--version"), "{help}");
    options
}

fn read(folder: &TempDir, path: &str) -> String {
    std::fs::read_to_string(folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs a program that may not be installed here.
fn run(program: &str, args: &[&str]) -> Option<ProgramExit> {
    let there =
        std::env::var("PATH").unwrap().split(':').any(|folder| Path::new(folder).join(program).exists());
    if !there {
        eprintln!("skipped: no {program} here");
        return None;
    }
    Some(Program::new(program).run(args))
}

#[test]
fn every_option_of_the_help_and_no_other() {
    let folder = manual();
    for tool in tools(&folder) {
        let expected = options(&tool);
        let page = read(&folder, &format!("man/man1/{tool}.1"));
        // A term, its option in bold, after .TP; hyphens are escaped.
        let terms = page.split(".TP\n").skip(1).filter_map(|entry| entry.strip_prefix("\\fB"));
        let terms = terms.map(|term| term.split("\\f").next().unwrap().replace("\\-", "-"));
        assert_eq!(terms.collect::<BTreeSet<_>>(), expected, "{tool}");
        let fish = read(&folder, &format!("fish/{tool}.fish"));
        let flags = fish.lines().filter(|line| line.contains(" -l "));
        let flags = flags.map(|line| format!("--{}", line.split(' ').nth(4).unwrap()));
        assert_eq!(flags.collect::<BTreeSet<_>>(), expected, "{tool}");
        let zsh = read(&folder, &format!("zsh/_{tool}"));
        let flags = zsh.lines().filter_map(|line| line.trim().strip_prefix("'--")?.split('[').next());
        assert_eq!(flags.map(|flag| format!("--{flag}")).collect::<BTreeSet<_>>(), expected, "{tool}");
    }
}

#[test]
fn the_old_names_complete_as_the_programs_that_they_stand_for() {
    let folder = manual();
    for (old, today) in [
        ("export_and_load_replica", "replicate-reference-tables"),
        ("replicate_monthly_parallel", "replicate-monthly-parallel-streaming"),
        ("run_replica_etl", "run-replica-etl"),
        ("debug_single_row_insert", "debug-single-row-insert"),
    ] {
        for [before, after] in [["bash/", ""], ["zsh/_", ""], ["fish/", ".fish"]] {
            let of = |name: &str| read(&folder, &format!("{before}{name}{after}"));
            assert_eq!(of(old), of(today).replace(today, old), "{before}{old}{after}");
        }
    }
    assert!(!folder.path().join("bash/check_replica").exists(), "it is of today");
}

#[test]
fn no_program_is_forgotten() {
    let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let crates = files(Path::new(crates)).into_iter().filter(|folder| folder.join("src/main.rs").exists());
    let names = crates.map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned());
    // What is there for development alone is called replica-something.
    let programs: Vec<_> = names.filter(|name| !name.starts_with("replica-")).collect();
    assert_eq!(tools(&manual()), programs);
}

#[test]
fn groff_takes_every_page_without_a_warning() {
    let folder = manual();
    let pages = ["man/man1", "man/man5", "man/man7"].map(|section| files(&folder.path().join(section)));
    for page in pages.concat() {
        let Some(run) = run("groff", &["-man", "-Tutf8", "-ww", page.to_str().unwrap()]) else { return };
        let run = run.exits(0);
        assert_eq!(run.stderr, "");
        assert!(run.stdout.lines().count() > 50, "{run}");
    }
}

/// What the tool's help lists of an option: `--window <month|week|day>`.
fn listed_values(help: &str) -> Vec<(&str, Vec<&str>)> {
    let entries = help.lines().filter_map(|line| line.strip_prefix("  --")?.split_once([' ', '\n']));
    let valued = entries.filter_map(|(option, rest)| {
        let value = rest.trim_start().split(['>', ']']).next()?.trim_start_matches(['<', '[']);
        (rest.starts_with(['<', '[']) && value.contains('|')).then(|| (option, value.split('|').collect()))
    });
    valued.collect()
}

fn help(tool: &str) -> String {
    Program::new(Path::new(BINARY).with_file_name(tool)).run(&["--help"]).exits(0).stdout
}

#[test]
fn help_fits_a_terminal_and_has_examples() {
    for tool in tools(&manual()) {
        let help = help(&tool);
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{tool}: {line}");
        }
        assert!(help.contains("\nExamples:\n  ") && help.contains("\nWhat is told:\n  --"), "{help}");
    }
}

/// What help and completions offer is what the tool takes, and all that it takes.
#[test]
fn the_values_that_are_listed_are_those_there_are() {
    let mut seen = BTreeSet::new();
    for tool in tools(&manual()) {
        let help = help(&tool);
        let run = |option: &str, value: &str| {
            let run =
                Program::new(Path::new(BINARY).with_file_name(&tool)).run(&[&format!("--{option}={value}")]);
            run.exits(2).stderr
        };
        // What is said when no table is named, or no connection, is not of the option.
        let is_refused = |said: &str| said.contains("with value") || said.contains("is unknown");
        for (option, values) in listed_values(&help) {
            seen.insert(option.to_owned());
            for value in values {
                let said = run(option, value);
                assert!(!is_refused(&said), "{tool} --{option}={value}: {said}");
            }
            let said = run(option, "nonsense");
            assert!(
                is_refused(&said) || option == "index-scope" || option == "tablock",
                "{tool} --{option}: {said}"
            );
        }
    }
    for option in
        ["window", "output", "apply", "verify", "repair", "tablock", "log-format", "full-table-mode"]
    {
        assert!(seen.contains(option), "{option}: {seen:?}");
    }
}

#[test]
fn a_version_names_commit_target_and_features() {
    for tool in tools(&manual()) {
        let run = Program::new(Path::new(BINARY).with_file_name(&tool)).run(&["--version"]).exits(0);
        let names: Vec<&str> =
            run.stdout.lines().map(|line| line.split([':', ' ']).next().unwrap()).collect();
        assert_eq!(names, [&tool, "commit", "target", "features"], "{run}");
        let target = run.stdout.lines().nth(2).unwrap();
        assert!(target.contains(std::env::consts::ARCH) && target.contains(std::env::consts::OS), "{run}");
    }
}

/// What bash offers for the last of these words.
fn offered(folder: &TempDir, tool: &str, words: &[&str]) -> Vec<String> {
    let script = folder.path().join("bash").join(tool);
    let binary = Path::new(BINARY).with_file_name(tool);
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let command = format!(
        "set -e; source '{}'; COMP_WORDS=('{}' {}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); '_{tool}'; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        binary.display(),
        words.join(" ")
    );
    let configuration = "reference_tables = ['dbo.Airlines', 'sales.*']\ndate_tables = ['dbo.Flights']\n\
                         [groups]\nsmall = ['dbo.Airlines']\n[source]\npassword_env = 'NOT_SET'\n";
    let program = Program::new("bash").file("replica.toml", configuration);
    let other = "reference_tables = ['x.y']";
    let run = program.file("other.toml", other).run(&["-c", &command]).exits(0);
    run.stdout.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_values_and_tables() {
    let folder = manual();
    let expected: [(&[&str], &[&str]); 8] = [
        (&["dbo.t", "--window", ""], &["month", "week", "day"]),
        (&["--output", "t"], &["text", "tsv"]),
        (&["--repair", "w"], &["windows"]),
        (&["--repair", "dbo.F"], &["dbo.Flights"]),
        (&["dbo."], &["dbo.Airlines", "dbo.Flights"]),
        (&[""], &["dbo.Airlines", "dbo.Flights", "small"]),
        (&["--config", "other.toml", ""], &["x.y"]),
        (&["--config", "oth"], &["other.toml"]),
    ];
    for (words, values) in expected {
        assert_eq!(offered(&folder, "verify-replica", words), values, "{words:?}");
    }
    assert_eq!(offered(&folder, "run-replica-etl", &["--only", "s"]), ["small"]);
}

#[test]
fn bash_completes_options_wherever_they_stand() {
    let folder = manual();
    for tool in tools(&folder) {
        let script = folder.path().join("bash").join(&tool);
        for (words, expected) in [
            (format!("{tool} --ver"), "--version"),
            (format!("{tool} dbo.t --conf"), "--config"),
            (format!("/usr/bin/{tool} --out"), "--output"),
        ] {
            let command = format!(
                "set -e; source '{}'; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
                 '_{tool}'; echo \"${{COMPREPLY[*]}}\"; complete -p '{tool}'",
                script.display()
            );
            let run = Program::new("bash").run(&["-c", &command]).exits(0);
            assert!(
                run.stdout.lines().next().unwrap().split(' ').any(|word| word == expected),
                "{words}\n{run}"
            );
        }
    }
}

#[test]
fn zsh_and_fish_take_the_scripts() {
    let folder = manual();
    for shell in ["zsh", "fish"] {
        for script in files(&folder.path().join(shell)) {
            let Some(run) = run(shell, &["-n", script.to_str().unwrap()]) else { break };
            assert_eq!(run.exits(0).stderr, "");
        }
    }
}
