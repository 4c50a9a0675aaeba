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
        let flags = fish.lines().map(|line| format!("--{}", line.split(' ').nth(4).unwrap()));
        assert_eq!(flags.collect::<BTreeSet<_>>(), expected, "{tool}");
        let zsh = read(&folder, &format!("zsh/_{tool}"));
        let flags = zsh.lines().filter_map(|line| line.trim().strip_prefix("'--")?.split('[').next());
        assert_eq!(flags.map(|flag| format!("--{flag}")).collect::<BTreeSet<_>>(), expected, "{tool}");
    }
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
    for page in files(&folder.path().join("man/man1")) {
        let Some(run) = run("groff", &["-man", "-Tutf8", "-ww", page.to_str().unwrap()]) else { return };
        let run = run.exits(0);
        assert_eq!(run.stderr, "");
        assert!(run.stdout.lines().count() > 50, "{run}");
    }
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
