//! What the tests share.
use std::time::{Duration, Instant};

use replica_testkit::{Client, Pair, Program, ProgramExit, Server};

/// The tool, copying between the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-monthly-parallel-streaming")).between(pair)
}

/// The same without TLS beyond the login, which costs more than these tables do.
pub fn plain(pair: &Pair, more: &str) -> Program {
    let connection = |of: &str| format!("{of};Encrypt=false;{more}");
    tool(pair)
        .with("REPLICA_SOURCE", &connection(&pair.source.connection))
        .with("REPLICA_TARGET", &connection(&pair.target.connection))
}

/// Replaces the months of dbo.t in the first half of 2024, and expects success.
#[track_caller]
pub fn copy(pair: &Pair, more: &[&str]) -> ProgramExit {
    tool(pair).run(&half_a_year(more)).exits(0)
}

pub const HALF_A_YEAR: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-06-30"];

pub const MONTHS: [&str; 6] = ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05", "2024-06"];

/// [`HALF_A_YEAR`] and more.
pub fn half_a_year<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&HALF_A_YEAR, more].concat()
}

/// dbo.t (id, day, label) with `key` on both sides, and 600 rows at the source over the days of 2024.
pub fn pair(key: &str) -> Pair {
    pair_on(Server::start(), key)
}

/// [`pair`] on the sandbox, for what only it can show.
pub fn sandbox(key: &str) -> Pair {
    pair_on(Server::sandbox(), key)
}

fn pair_on(server: Server, key: &str) -> Pair {
    let pair = Pair::on(server);
    pair.both(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL{key})"
    ));
    let mut source = pair.source.client();
    source.run("INSERT INTO dbo.t (id, day, label) VALUES (0, '2024-01-01', N'first')");
    for doubling in 0..10 {
        let by = 1 << doubling;
        source.run(&format!(
            "INSERT INTO dbo.t (id, day, label) SELECT id + {by}, DATEADD(day, (id + {by}) % 366, '2024-01-01'), \
             CASE (id + {by}) % 3 WHEN 0 THEN NULL WHEN 1 THEN N'' ELSE N'Ünï ' + CAST(id + {by} AS nvarchar(9)) END \
             FROM dbo.t WHERE id + {by} < 600"
        ));
    }
    pair
}

/// The rows of the first half of 2024 are the same on both sides.
#[track_caller]
pub fn assert_half_a_year(pair: &Pair) {
    pair.assert_equal(
        "SELECT id, day, label FROM dbo.t WHERE day >= '2024-01-01' AND day < '2024-07-01' ORDER BY id",
    );
}

/// Asks the sandbox for a fault.
pub fn fault(pair: &Pair, arguments: &str) {
    pair.server.client("master").batch(&format!("EXEC sp_sandbox_fault {arguments}"));
}

/// Disarms all faults, and lets go who is stalled.
pub fn no_fault(pair: &Pair) {
    fault(pair, "@fault = 'none'");
}

/// The target's disabled indexes.
pub fn disabled(pair: &Pair) -> Vec<String> {
    texts(
        &mut pair.target.client(),
        "SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.t') AND is_disabled = 1 ORDER BY name",
    )
}

/// The first column of a result, as text.
#[track_caller]
pub fn texts(client: &mut Client, sql: &str) -> Vec<String> {
    let rows = client.rows(sql);
    rows.iter().map(|row| row.get::<&str, _>(0).expect("a text").to_owned()).collect()
}

/// (window, outcome) of the lines on stdout, in order of the windows.
pub fn outcomes(run: &ProgramExit) -> Vec<(String, String)> {
    let mut outcomes: Vec<_> =
        run.lines().iter().map(|line| (line[1].to_owned(), line[2].to_owned())).collect();
    outcomes.sort_unstable();
    outcomes
}

/// The last column of all lines on stdout, summed up.
pub fn retries(run: &ProgramExit) -> u64 {
    run.lines().iter().map(|line| line.last().unwrap().parse::<u64>().unwrap()).sum()
}

/// The windows that were loaded, in order: those that were skipped have a line, too.
pub fn loaded(run: &ProgramExit) -> Vec<String> {
    let loaded = outcomes(run).into_iter().filter(|(_, outcome)| outcome != "skipped");
    loaded.map(|(window, _)| window).collect()
}

/// All six months, each with one outcome.
pub fn all_months(outcome: &str) -> Vec<(String, String)> {
    MONTHS.map(|month| (month.to_owned(), outcome.to_owned())).to_vec()
}

/// Asks again and again until the answer is at least `least`: something happens on another connection.
#[track_caller]
pub fn until(client: &mut Client, least: i64, sql: &str) {
    let begun = Instant::now();
    while client.number(sql) < least {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {sql}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Another host, which is alive, takes over the windows that a run is loading.
pub fn overtake(other: &mut Client) {
    other.run(
        "INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, pid, shared, phase, \
         started, lease_until, windows_done, windows_failed, windows_skipped, row_count, byte_count, retries, \
         disable_ms, rebuild_ms) SELECT batch_id, N'other', schema_name, table_name, object_id, source, 0, 1, 'copying', \
         started, DATEADD(hour, 1, SYSUTCDATETIME()), 0, 0, 0, 0, 0, 0, 0, 0 FROM replica.runs",
    );
    other.run(
        "UPDATE replica.windows SET run_id = (SELECT MAX(run_id) FROM replica.runs), attempts = attempts + 1 \
         WHERE state = 'loading'",
    );
}

/// The other host has loaded them.
pub fn completed(other: &mut Client) {
    other.run("UPDATE replica.windows SET state = 'complete', row_count = 3, row_hash = 'abc' WHERE state = 'loading'");
}

/// How many requests for a lock of this mode have had to wait.
pub fn waited(mode: &str) -> String {
    format!("SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting' AND request_mode = '{mode}'")
}
