//! What the tests share.
use std::time::{Duration, Instant};

use replica_testkit::{Client, Database, Pair, Program, ProgramExit, Server};

pub const MONTHLY: &str = "replicate-monthly-parallel-streaming";

pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_show-replica-status")).with("REPLICA_TARGET", &pair.target.connection)
}

/// What it shows now.
#[track_caller]
pub fn status(pair: &Pair, code: i32) -> ProgramExit {
    tool(pair).run(&[]).exits(code)
}

pub fn beside(pair: &Pair, name: &str) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_show-replica-status"), name).between(pair)
}

/// dbo.t with 30 rows in each of the first three months of 2024, on the sandbox.
pub fn pair() -> Pair {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, n int NULL, CONSTRAINT PK_t PRIMARY KEY (day, id))");
    let mut source = pair.source.client();
    for month in 1..=3 {
        let rows: Vec<_> = (0..30).map(|id| format!("({id}, '2024-0{month}-15', {id})")).collect();
        source.run(&format!("INSERT INTO dbo.t VALUES {}", rows.join(", ")));
    }
    pair
}

pub const QUARTER: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-03-31"];

pub fn months(pair: &Pair) -> ProgramExit {
    beside(pair, MONTHLY).run(&QUARTER)
}

pub fn fault(pair: &Pair, arguments: &str) {
    pair.server.client("master").batch(&format!("EXEC sp_sandbox_fault {arguments}"));
}

/// Asks again and again until the answer is at least `least`: something happens on another connection.
#[track_caller]
pub fn until(client: &mut Client, least: i64, sql: &str) {
    let begun = Instant::now();
    while client.number(sql) < least {
        assert!(begun.elapsed() < Duration::from_secs(60), "never: {sql}");
        std::thread::yield_now();
    }
}

/// Windows that are at work.
pub fn until_loading(pair: &Pair, windows: i64) {
    let loading = "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'";
    let there = "SELECT COUNT(*) FROM sys.tables WHERE name = 'windows'";
    let mut client = pair.target.client();
    until(&mut client, 1, there);
    until(&mut client, windows, loading);
}

/// Nobody has renewed the leases for longer than they last.
pub fn leases_are_over(pair: &Pair) {
    pair.target("UPDATE replica.runs SET lease_until = DATEADD(minute, -5, SYSUTCDATETIME())");
}

/// Columns by name, as docs/COMMANDS.md lists them.
pub struct ShownStatus(Vec<String>);

const COLUMNS: [&str; 24] = [
    "table",
    "what",
    "state",
    "tool",
    "host",
    "pid",
    "run",
    "time",
    "seconds",
    "last_success",
    "rows",
    "estimated_rows",
    "rows_per_s",
    "eta_seconds",
    "complete",
    "committing",
    "loading",
    "pending",
    "failed",
    "oldest_window",
    "oldest_seconds",
    "index",
    "blocked_by",
    "error",
];

impl ShownStatus {
    #[track_caller]
    pub fn get(&self, column: &str) -> &str {
        &self.0[COLUMNS.iter().position(|name| *name == column).expect("a column")]
    }

    /// Windows: complete, committing, loading, pending, failed.
    pub fn windows(&self) -> [&str; 5] {
        ["complete", "committing", "loading", "pending", "failed"].map(|state| self.get(state))
    }
}

/// The lines about one thing: `run`, `table`, `index`, `etl`.
pub fn shown(exit: &ProgramExit, what: &str) -> Vec<ShownStatus> {
    let lines = exit.lines();
    let lines = lines.iter().map(|line| ShownStatus(line.iter().map(|cell| (*cell).to_owned()).collect()));
    lines
        .inspect(|line| assert_eq!(line.0.len(), COLUMNS.len(), "{exit}"))
        .filter(|line| line.get("what") == what)
        .collect()
}

/// The only line about one thing.
#[track_caller]
pub fn only(exit: &ProgramExit, what: &str) -> ShownStatus {
    let mut lines = shown(exit, what);
    assert_eq!(lines.len(), 1, "{what}\n{exit}");
    lines.remove(0)
}

/// A login of its own at the target, without any right.
pub fn login(pair: &Pair, name: &str) -> String {
    let master = &mut pair.server.client("master");
    master.batch(&format!("CREATE LOGIN [{name}] WITH PASSWORD = 'Reader-4711'"));
    pair.target(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    as_login(&pair.server, &pair.target, name)
}

fn as_login(server: &Server, database: &Database, name: &str) -> String {
    server.connection_as(&database.name, name, "Reader-4711")
}
