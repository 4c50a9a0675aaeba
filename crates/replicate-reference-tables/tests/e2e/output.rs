//! Lines on stdout, and what goes to stderr.
use std::time::Duration;

use replica_testkit::{Gate, Pair, Program, Server, TimingLine, slow_catalog};

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

#[test]
fn timing_has_all_of_the_time_where_the_catalog_is_slow() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    // The target thinks for two seconds whenever its catalog is asked.
    let (proxy, through) = slow_catalog(&pair.target.connection, Duration::from_secs(2), u32::MAX);
    let (whole, lines, run) =
        TimingLine::of_run(tool(&pair).with("REPLICA_TARGET", &through), &["dbo.t", "--max-workers=1"]);
    assert!(proxy.has_struck(Duration::ZERO), "{run}");
    assert!(whole.took("PLAN") >= 2.0, "{run}");
    let [table] = &lines[..] else { panic!("{run}") };
    assert_eq!(table.what, "dbo.t");
    assert!((whole.took("COPY") - table.total).abs() <= 0.3, "{run}");
    assert!(table.phases.iter().any(|(name, _)| name == "CONNECT"), "{run}");
}

#[test]
fn tables_are_planned_side_by_side() {
    let pair = Pair::on(Server::sandbox());
    let names: Vec<String> = (0..4).map(|n| format!("dbo.t{n}")).collect();
    for name in &names {
        pair.both(&format!("CREATE TABLE {name} (id int NOT NULL PRIMARY KEY)"));
        pair.source(&format!("INSERT INTO {name} VALUES (1), (2)"));
    }
    let planned = |workers| {
        let (_proxy, through) = slow_catalog(&pair.target.connection, Duration::from_secs(2), 4);
        let args: Vec<&str> = names.iter().map(String::as_str).chain(["--max-workers", workers]).collect();
        TimingLine::of_run(tool(&pair).with("REPLICA_TARGET", &through), &args).0.took("PLAN")
    };
    let (one, four) = (planned("1"), planned("4"));
    assert!(one >= 8.0 && (2.0..7.0).contains(&four), "{one} {four}");
}

#[test]
fn a_login_that_is_refused_is_tried_once_however_many_workers_there_are() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.both("CREATE TABLE dbo.u (id int NOT NULL) CREATE TABLE dbo.v (id int NOT NULL)");
    let gate = Gate::before(pair.server.port().unwrap()).unwrap();
    let refused = format!("{};Password=wrong", gate.through(&pair.target.connection));
    let requests = |workers| {
        let before = gate.sent().requests;
        let tool = tool(&pair).with("REPLICA_TARGET", &refused);
        tool.run(&["dbo.t", "dbo.u", "dbo.v", "--max-workers", workers]).exits(3);
        gate.sent().requests - before
    };
    assert_eq!(requests("1"), requests("4"));
}
