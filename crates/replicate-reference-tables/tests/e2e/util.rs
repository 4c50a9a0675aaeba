//! What the tests share.
use std::time::{Duration, Instant};

use replica_testkit::{Client, Pair, Program, ProgramExit};

/// The tool, copying between the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-reference-tables")).between(pair)
}

/// Copies tables and expects success.
#[track_caller]
pub fn copy(pair: &Pair, args: &[&str]) -> ProgramExit {
    tool(pair).run(args).exits(0)
}

/// `dbo.t (id, label)` on both sides, with old rows in the target that a failure must leave.
pub fn pair_with_old_rows(label: &str) -> Pair {
    let pair = Pair::new();
    pair.source(&format!("CREATE TABLE dbo.t (id int NOT NULL, label {label})"));
    pair.target(&format!("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label {label})"));
    pair.target("INSERT INTO dbo.t (id, label) VALUES (901, 'old'), (902, 'older')");
    pair
}

/// The old rows of [`pair_with_old_rows`], and nothing else, are in the target.
#[track_caller]
pub fn assert_old_rows(pair: &Pair) {
    let ids = ids(&mut pair.target.client());
    assert_eq!(ids, [901, 902], "the target is not as it was");
}

/// The ids in dbo.t, in order.
#[track_caller]
pub fn ids(client: &mut Client) -> Vec<i32> {
    let rows = client.rows("SELECT id FROM dbo.t ORDER BY id");
    rows.iter().filter_map(|row| row.get::<i32, _>(0)).collect()
}

/// Fills dbo.t (id, label) with 2^doublings rows, ids from 1.
pub fn fill(client: &mut Client, doublings: u32) {
    client.run("INSERT INTO dbo.t (id, label) VALUES (1, 'new')");
    for n in 0..doublings {
        client.run(&format!("INSERT INTO dbo.t (id, label) SELECT id + {}, label FROM dbo.t", 1 << n));
    }
}

/// Until `waiting`, a count of the sandbox's log of locks, tells that the tool has come to a lock that a test holds.
#[track_caller]
pub fn until_it_waits(observer: &mut Client, waiting: &str) {
    let started = Instant::now();
    while observer.number(waiting) == 0 {
        assert!(started.elapsed() < Duration::from_secs(30), "the tool does not come to the lock");
        std::thread::yield_now();
    }
}

/// Asks the sandbox for a fault.
pub fn fault(pair: &Pair, arguments: &str) {
    pair.server.client("master").batch(&format!("EXEC sp_sandbox_fault {arguments}"));
}

/// Of every [`User`].
pub const PASSWORD: &str = "Reader-4711-pw";

/// A login that may connect to both databases and nothing else, and the tool under it.
pub struct User {
    pub name: String,
    pub program: Program,
    master: String,
}

impl Drop for User {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = Client::connect(&self.master).try_batch(&format!("DROP LOGIN [{}]", self.name));
        }
    }
}

impl User {
    /// `None` where logins cannot be made.
    pub fn of(pair: &Pair) -> Option<Self> {
        let name = format!("u_{}", pair.source.name);
        let create = format!("CREATE LOGIN [{name}] WITH PASSWORD = '{PASSWORD}'");
        if let Err(error) = pair.server.client("master").try_batch(&create) {
            skip(&format!("no logins here: {error}"));
            return None;
        }
        pair.both(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
        let connection = |database: &str| pair.server.connection_as(database, &name, PASSWORD);
        let program = tool(pair)
            .with("REPLICA_SOURCE", &connection(&pair.source.name))
            .with("REPLICA_TARGET", &connection(&pair.target.name));
        Some(Self { name, program, master: pair.server.connection("master") })
    }
}

/// Says why a test does nothing here.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
