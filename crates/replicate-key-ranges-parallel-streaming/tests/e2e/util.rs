//! What the tests share.
use replica_testkit::{Client, Pair, Program, ProgramExit};

/// The tool, copying between the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-key-ranges-parallel-streaming")).between(pair)
}

/// Replaces dbo.t, and expects success.
#[track_caller]
pub fn copy(pair: &Pair, more: &[&str]) -> ProgramExit {
    tool(pair).run(&[&["dbo.t"], more].concat()).exits(0)
}

/// dbo.n (n) at the source, with the numbers from 0 to `2^doublings - 1`.
pub fn numbers(pair: &Pair, doublings: u32) {
    let mut source = pair.source.client();
    source.run("CREATE TABLE dbo.n (n int NOT NULL CONSTRAINT PK_n PRIMARY KEY)");
    source.run("INSERT INTO dbo.n VALUES (0)");
    for doubling in 0..doublings {
        source.run(&format!("INSERT INTO dbo.n SELECT n + {} FROM dbo.n", 1 << doubling));
    }
}

/// dbo.t of these columns on both sides; at the source a row for each of `2^doublings` numbers.
pub fn filled(columns: &str, row: &str, doublings: u32) -> Pair {
    let pair = Pair::new();
    pair.both(&format!("CREATE TABLE dbo.t ({columns})"));
    numbers(&pair, doublings);
    pair.source(&format!("INSERT INTO dbo.t SELECT {row} FROM dbo.n"));
    pair
}

/// Window, outcome and rows of each line, in order of the windows.
pub fn lines(run: &ProgramExit) -> Vec<(String, String, u64)> {
    let rows = |text: &str| text.parse().unwrap_or_default();
    let mut lines: Vec<_> =
        run.lines().iter().map(|line| (line[1].to_owned(), line[2].to_owned(), rows(line[3]))).collect();
    lines.sort_unstable();
    lines
}

/// Range, first and next key on record, in order.
pub fn ranges(target: &mut Client) -> Vec<Vec<String>> {
    target.values(
        "SELECT range_number, first_key, next_key, state FROM replica.windows WHERE table_name = 't' ORDER BY range_number",
    )
}

/// How many times the mean the last of `workers` equal ones has, which take the largest ranges first.
pub fn last_of(workers: usize, run: &ProgramExit) -> f64 {
    let mut rows: Vec<u64> = lines(run).into_iter().map(|(_, _, rows)| rows).collect();
    rows.sort_unstable_by(|left, right| right.cmp(left));
    let mut loads = vec![0; workers];
    for rows in &rows {
        *loads.iter_mut().min().unwrap() += rows;
    }
    let mean = rows.iter().sum::<u64>() as f64 / workers as f64;
    *loads.iter().max().unwrap() as f64 / mean
}
