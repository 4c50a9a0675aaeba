//! Stopped by a signal: everything is left in order, and `--resume` goes on from there.
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use replica_testkit::{Pair, Running};

use crate::util::{
    assert_half_a_year, copy, disabled, fault, half_a_year, loaded, no_fault, outcomes, plain, sandbox,
    until, waited,
};

/// A heap with an index, whose loads stay where they are from the third on.
fn stalled(workers: usize) -> (Pair, Running) {
    let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)");
    pair.target("CREATE INDEX ix_label ON dbo.t (label)");
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @at = 3, @count = 100");
    let mut running = plain(&pair, "").start(&half_a_year(&["--max-workers", &workers.to_string()]));
    running.until_it_says("[TIMING] dbo.t 2024-");
    running.until_it_says("[TIMING] dbo.t 2024-");
    let mut client = pair.target.client();
    // Of all workers: a claim that is under way at the signal may come after the windows are given back.
    let loading = "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'";
    until(&mut client, workers as i64, loading);
    (pair, running)
}

#[test]
fn the_first_signal_leaves_everything_in_order() {
    for (signal, code, outcome) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let (pair, running) = stalled(2);
        running.signal(signal);
        let run = running.finish().exits(code).says("2 of 6 windows replaced");
        let run = run.says("The same command with --resume loads the windows that are left");
        no_fault(&pair);
        assert!(outcomes(&run).iter().all(|(_, outcome)| outcome == "ok"), "{run}");
        assert_eq!(disabled(&pair), [""; 0]);
        let mut client = pair.target.client();
        let state = |state: &str| format!("SELECT COUNT(*) FROM replica.windows WHERE state = '{state}'");
        assert_eq!(client.number(&state("complete")), 2, "{run}");
        assert_eq!(client.number(&state("pending")), 4, "{run}");
        let ended =
            format!("SELECT COUNT(*) FROM replica.runs WHERE outcome = '{outcome}' AND windows_done = 2");
        assert_eq!(client.number(&ended), 1);
        // Locks are gone: a run that needs the table alone begins at once.
        let run = copy(&pair, &["--resume"]);
        assert_eq!(loaded(&run).len(), 4, "{run}");
        assert_half_a_year(&pair);
    }
}

#[test]
fn a_second_signal_leaves_at_once_and_the_next_run_repairs() {
    let (pair, mut running) = stalled(1);
    // Someone else uses the table: the index cannot be rebuilt yet.
    let mut other = pair.target.client();
    let before = other.number(&waited("Sch-M"));
    pair.target("INSERT INTO dbo.t VALUES (999, '2025-01-01', N'other')");
    other.batch("BEGIN TRANSACTION");
    other.batch("UPDATE dbo.t SET label = N'others' WHERE id = 999");
    running.signal("INT");
    running.until_it_says("a second signal stops at once");
    until(&mut pair.target.client(), before + 1, &waited("Sch-M"));
    running.signal("INT");
    running.finish().exits(130);
    no_fault(&pair);
    assert_eq!(disabled(&pair), ["ix_label"]);
    other.batch("COMMIT");
    copy(&pair, &["--resume"]);
    assert_eq!(disabled(&pair), [""; 0]);
    assert_half_a_year(&pair);
}

/// In a terminal that `script` makes, while loads stand still: bars are drawn again and again; then Ctrl-C is typed.
#[test]
fn on_a_terminal_bars_are_redrawn_while_nothing_moves_and_ctrl_c_says_how_to_go_on() {
    let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)");
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @at = 3, @count = 100");
    let command = format!(
        "{} {}",
        env!("CARGO_BIN_EXE_replicate-monthly-parallel-streaming"),
        half_a_year(&[]).join(" ")
    );
    let begun = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .envs([("REPLICA_SOURCE", &pair.source.connection), ("REPLICA_TARGET", &pair.target.connection)])
        .env("TERM", "xterm")
        .env("RUST_LOG", "info")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = begun.inspect_err(|error| eprintln!("skipped: script: {error}")) else { return };
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    until(&mut pair.target.client(), 2, "SELECT COUNT(*) FROM sys.tables WHERE name IN ('runs', 'windows')");
    let loading = "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'";
    let complete = "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'complete'";
    until(&mut pair.target.client(), 2, complete);
    until(&mut pair.target.client(), 2, loading);
    // Nothing moves from here on. What comes after a pause was not there before.
    let (mut screen, mut some) = (String::new(), [0; 4096]);
    let mut read = |screen: &mut String| {
        let begun = Instant::now();
        let count = stdout.read(&mut some).unwrap_or_default();
        let text = String::from_utf8_lossy(&some[..count]);
        screen.push_str(&text);
        (count > 0).then(|| begun.elapsed() > Duration::from_millis(300) && text.contains(" rows"))
    };
    let mut redrawn = 0;
    while redrawn < 3 {
        redrawn += u32::from(read(&mut screen).expect("it goes on"));
    }
    stdin.write_all(b"\x03").unwrap();
    stdin.flush().unwrap();
    while read(&mut screen).is_some() {}
    assert_eq!(child.wait().unwrap().code(), Some(130), "{screen:?}");
    no_fault(&pair);
    assert!(screen.contains("The same command with --resume loads the windows that are left"), "{screen:?}");
    copy(&pair, &["--resume"]);
    assert_half_a_year(&pair);
}
