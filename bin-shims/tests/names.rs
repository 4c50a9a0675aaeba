//! The old names still work, and say what the new one is.
use replica_testkit::Program;

#[test]
fn old_names_run_the_tool_and_say_its_name() {
    for (name, binary, tool) in [
        (
            "export_and_load_replica",
            env!("CARGO_BIN_EXE_export_and_load_replica"),
            "replicate-reference-tables",
        ),
        (
            "replicate_reference_tables",
            env!("CARGO_BIN_EXE_replicate_reference_tables"),
            "replicate-reference-tables",
        ),
        ("verify_replica", env!("CARGO_BIN_EXE_verify_replica"), "verify-replica"),
    ] {
        let loud = Program::new(binary).run(&["--version"]).exits(0);
        assert_eq!(loud.stdout.split(' ').next(), Some(name));
        assert_eq!(loud.stderr.lines().count(), 1, "{loud}");
        assert!(loud.stderr.contains(&format!("{name} is now {tool};")), "{loud}");
        let quiet = Program::new(binary).with("REPLICA_NO_DEPRECATION", "1").run(&["--version"]).exits(0);
        assert_eq!(quiet.stderr, "");
        Program::new(binary).run(&["--no-such-option"]).exits(2);
    }
}
