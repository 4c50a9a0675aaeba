//! The old names still work, and say what the new one is.
use std::os::unix::fs::symlink;
use std::path::Path;

use replica_testkit::Program;
use tempfile::TempDir;

/// A name, its binary, and the tool of today.
macro_rules! old_names {
    ($($name:ident: $tool:literal),* $(,)?) => {
        &[$((stringify!($name), env!(concat!("CARGO_BIN_EXE_", stringify!($name))), $tool)),*]
    };
}

const OLD_NAMES: &[(&str, &str, &str)] = old_names! {
    export_and_load_replica: "replicate-reference-tables",
    replicate_reference_tables: "replicate-reference-tables",
    replicate_monthly_parallel: "replicate-monthly-parallel-streaming",
    replicate_monthly_parallel_streaming: "replicate-monthly-parallel-streaming",
    run_replica_etl: "run-replica-etl",
    verify_replica: "verify-replica",
    find_string_overflows: "find-string-overflows",
    debug_datetime_range: "debug-datetime-range",
    debug_numeric_overflow: "debug-numeric-overflow",
    debug_single_row_insert: "debug-single-row-insert",
};

#[test]
fn old_names_run_the_tool_and_say_its_name() {
    for (name, binary, tool) in OLD_NAMES {
        let loud = Program::new(binary).run(&["--version"]).exits(0);
        assert_eq!(loud.stdout.split(' ').next(), Some(*name));
        assert_eq!(loud.stderr.lines().count(), 1, "{loud}");
        assert!(loud.stderr.contains(&format!("{name} is now {tool};")), "{loud}");
        let quiet = Program::new(binary).with("REPLICA_NO_DEPRECATION", "1").run(&["--version"]).exits(0);
        assert_eq!(quiet.stderr, "");
        Program::new(binary).run(&["--no-such-option"]).exits(2);
    }
}

#[test]
fn a_link_by_an_old_name_is_enough() {
    let folder = TempDir::new().unwrap();
    for (name, binary, tool) in OLD_NAMES {
        let link = folder.path().join(name);
        symlink(Path::new(binary).with_file_name(tool), &link).unwrap();
        let run = Program::new(link.to_str().unwrap()).run(&["--version"]).exits(0);
        assert_eq!(run.stdout.split(' ').next(), Some(*name), "{run}");
        assert!(run.stderr.contains(&format!("{name} is now {tool};")), "{run}");
    }
}

#[test]
fn another_name_is_not_called_old() {
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("nightly");
    let tool = Path::new(OLD_NAMES[0].1).with_file_name("verify-replica");
    symlink(tool, &link).unwrap();
    let run = Program::new(link.to_str().unwrap()).run(&["--version"]).exits(0);
    assert_eq!(run.stdout.split(' ').next(), Some("verify-replica"), "{run}");
    assert_eq!(run.stderr, "");
}
