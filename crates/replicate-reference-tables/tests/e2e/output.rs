//! Lines on stdout, and what goes to stderr.
use std::time::{Duration, Instant};

use replica_testkit::Program;
use replica_testkit::proxy::{self, From, Harm, Rule};

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

/// What a duration of the lines says, in seconds.
fn seconds(text: &str) -> f64 {
    let (whole, last) =
        text.trim_end_matches('s').rsplit_once('m').unwrap_or(("0", text.trim_end_matches('s')));
    whole.parse::<f64>().unwrap() * 60.0 + last.parse::<f64>().unwrap()
}

#[test]
fn timing_has_all_of_the_time_where_the_catalog_is_slow() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    // The target thinks for two seconds whenever its catalog is asked.
    let asked = "-- Who the server is, and which database this is.";
    let slow = format!("{:width$}--", "WAITFOR DELAY '00:00:02';", width = asked.len() - 2);
    let bytes = |sql: &str| sql.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let harm = Harm::Replace(bytes(&slow));
    let rule = Rule { from: From::Client, pattern: bytes(asked), harm, times: u32::MAX };
    let (proxy, through) = proxy::through(&pair.target.connection, rule).unwrap();
    let begun = Instant::now();
    let run = tool(&pair).with("REPLICA_TARGET", &through).with("RUST_LOG", "").run(&["dbo.t"]).exits(0);
    let wall = begun.elapsed().as_secs_f64();
    assert!(proxy.has_struck(Duration::ZERO), "{run}");
    let mut all = 0.0;
    for line in run.stderr.lines().filter(|line| line.starts_with("[TIMING] ")) {
        let (_, phases) = line.split_once(": ").unwrap();
        let phases: Vec<(&str, f64)> = phases
            .split(" | ")
            .map(|phase| phase.split_once(' ').unwrap())
            .map(|(name, took)| (name, seconds(took)))
            .collect();
        let (&(last, total), phases) = phases.split_last().unwrap();
        let sum: f64 = phases.iter().map(|(_, took)| took).sum();
        assert_eq!(last, "TOTAL", "{run}");
        assert!((sum - total).abs() <= 0.1 + 0.05 * phases.len() as f64, "{line}");
        all += total;
        if line.starts_with("[TIMING] dbo.t: ") {
            let catalog = phases.iter().find(|(name, _)| *name == "CATALOG").unwrap();
            assert!(catalog.1 >= 2.0 && phases.iter().any(|(name, _)| *name == "CONNECT"), "{line}");
        }
    }
    // The program's own start is in no line.
    assert!(all <= wall + 0.5 && wall - all < 1.0 + wall / 10.0, "{all} of {wall}\n{run}");
}
