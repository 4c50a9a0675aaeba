//! What the tests share.
use replica_testkit::{Client, Pair, Program, Run};

/// The tool, comparing the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_verify-replica")).between(pair)
}

/// Compares, shows every row that differs, and expects this exit code.
#[track_caller]
pub fn verify(pair: &Pair, args: &[&str], code: i32) -> Run {
    tool(pair).run(&[args, &["--show-rows=1000"]].concat()).exits(code)
}

/// The lines of rows that differ, from `finding` on: `changed`, `id=3`, `1`, `n`, `5`, `6`, note.
pub fn findings(run: &Run) -> Vec<Vec<&str>> {
    let lines =
        run.lines().into_iter().filter(|line| ["missing", "extra", "changed", "newer"].contains(&line[2]));
    lines.map(|line| line[2..].to_vec()).collect()
}

/// The lines of windows.
pub fn windows(run: &Run) -> Vec<Vec<&str>> {
    let outcomes = ["equal", "behind", "different", "failed"];
    run.lines().into_iter().filter(|line| outcomes.contains(&line[2])).collect()
}

/// Runs statements in turn.
#[track_caller]
pub fn each(client: &mut Client, statements: &[&str]) {
    statements.iter().for_each(|sql| client.run(sql));
}

/// Says why a test does nothing here.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
