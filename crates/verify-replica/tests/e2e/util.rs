//! What the tests share.
use replica_testkit::{Client, Pair, Program, ProgramExit};

/// The tool, comparing the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_verify-replica")).between(pair)
}

/// Compares, shows every row that differs, and expects this exit code.
#[track_caller]
pub fn verify(pair: &Pair, args: &[&str], code: i32) -> ProgramExit {
    tool(pair).run(&[args, &["--show-rows=1000"]].concat()).exits(code)
}

/// The lines of rows that differ, from `finding` on: `changed`, `id=3`, `1`, `n`, `5`, `6`, note.
pub fn findings(run: &ProgramExit) -> Vec<Vec<&str>> {
    let lines =
        run.lines().into_iter().filter(|line| ["missing", "extra", "changed", "newer"].contains(&line[2]));
    lines.map(|line| line[2..].to_vec()).collect()
}

/// The lines of windows.
pub fn windows(run: &ProgramExit) -> Vec<Vec<&str>> {
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

pub const QUARTER: &[&str] = &["dbo.t", "--start-date=2024-01-01", "--end-date=2024-03-31"];

/// A row a day of the first quarter of 2024, and one without a date.
pub fn quarter(day: &str) -> Pair {
    let pair = Pair::new();
    pair.both(&format!("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day {day} NULL, n int NOT NULL)"));
    let rows: Vec<String> = (0..91)
        .map(|n| {
            let date = replica_core::window::date("day", "2024-01-01").unwrap()
                + std::time::Duration::from_secs(86_400 * n);
            match day {
                "int" => format!("({n}, {}, {n})", date.to_string().replace('-', "")),
                _ => format!("({n}, '{date}', {n})"),
            }
        })
        .collect();
    pair.both(&format!("INSERT INTO dbo.t VALUES {}, (500, NULL, 0)", rows.join(", ")));
    pair
}

/// Asks the sandbox for a fault.
pub fn fault(pair: &Pair, arguments: &str) {
    pair.server.client("master").batch(&format!("EXEC sp_sandbox_fault {arguments}"));
}
