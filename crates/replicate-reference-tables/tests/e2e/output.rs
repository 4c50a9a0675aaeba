//! Lines on stdout, and what goes to stderr.
use replica_testkit::Program;

use crate::util::{copy, pair_with_old_rows, skip, tool};

#[test]
fn tsv_is_for_pipes_and_has_fixed_columns() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let run = copy(&pair, &["dbo.t"]);
    let lines = run.lines();
    assert_eq!(lines[0].len(), 8, "{run}");
    assert_eq!(lines[0][..3], ["dbo.t", "ok", "1"]);
    assert!(lines[0][3].parse::<u64>().unwrap() > 0 && lines[0][4].parse::<f64>().is_ok());
    assert_eq!(lines[0][7], "");
}

#[test]
fn json_is_an_object_a_line() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let run = tool(&pair).run(&["dbo.t", "dbo.nothing", "--output", "json"]).exits(1);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{run}");
    assert!(lines[0].starts_with("{\"table\":\"dbo.nothing\",\"outcome\":\"failed\",\"rows\":null"), "{run}");
    assert!(lines[1].starts_with("{\"table\":\"dbo.t\",\"outcome\":\"ok\",\"rows\":1,\"bytes\":"), "{run}");
    assert!(lines[1].contains(",\"hash\":\"") && lines[1].ends_with("\"error\":null}"), "{run}");
}

#[test]
fn timing_goes_to_stderr_and_nothing_else_to_stdout() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let program = tool(&pair).with("RUST_LOG", "");
    let run = program.run(&["dbo.t", "--verify", "count", "--output=text"]).exits(0);
    let [head, line] = run.stdout.lines().collect::<Vec<_>>()[..] else { panic!("{run}") };
    assert!(head.starts_with("table  outcome  rows"), "{run}");
    assert!(line.split_whitespace().take(3).eq(["dbo.t", "ok", "1"]), "{run}");
    let timing = run.stderr.lines().find(|line| line.starts_with("[TIMING] dbo.t: ")).unwrap_or_default();
    for phase in ["DELETE ", "INSERT ", "VERIFY ", "COMMIT ", "TOTAL "] {
        assert!(timing.contains(phase), "{phase}\n{run}");
    }
}

#[test]
fn lines_that_nobody_can_have_are_a_failure_that_says_so() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let shell = Program::new("/bin/sh").between(&pair);
    let run =
        shell.run(&["-c", "exec \"$0\" dbo.t >/dev/full", env!("CARGO_BIN_EXE_replicate-reference-tables")]);
    run.exits(1).says("replicate-reference-tables: stdout: No space left on device");
}

#[test]
fn help_that_nobody_can_have_is_a_failure() {
    let tool = env!("CARGO_BIN_EXE_replicate-reference-tables");
    for option in ["--help", "--version"] {
        let run = Program::new("/bin/sh").run(&["-c", "exec \"$0\" $1 >/dev/full", tool, option]);
        run.exits(1).says("replicate-reference-tables: stdout: No space left on device");
        // Who has seen enough has closed the pipe.
        let run = Program::new("/bin/sh").run(&["-c", "{ \"$0\" $1; echo $? >&2; } | :", tool, option]);
        assert_eq!(run.stderr, "0\n");
    }
}

#[test]
fn what_an_option_cannot_do_is_said() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    copy(&pair, &["dbo.t", "--commit-interval=100"]).says("--commit-interval changes nothing");
}

#[test]
fn the_catalog_is_read_in_one_round_trip() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let run = tool(&pair).with("RUST_LOG", "debug").run(&["dbo.t"]).exits(0);
    if !pair.server.is_sandbox() {
        return skip("older servers are asked one question at a time");
    }
    assert!(!run.stderr.contains("one by one"), "{run}");
    assert!(!run.stderr.contains("could not learn"), "{run}");
}
