//! How often a server is asked, as it counts itself.
use replica_core::catalog::record::CatalogRow;
use replica_testkit::{Program, Server};

use crate::util::{QUARTER, quarter, tool};

struct CountedSide {
    server: Server,
    database: &'static str,
}

impl CountedSide {
    fn new(database: &'static str) -> Self {
        let side = Self { server: Server::sandbox(), database };
        side.server.client("master").batch(&format!("CREATE DATABASE {database}"));
        side
    }

    fn run(&self, sql: &str) {
        self.server.client(self.database).batch(sql);
    }

    /// How often dbo.t was read so far.
    fn scans(&self) -> i64 {
        let rows = self.server.client(self.database).rows("EXEC sp_sandbox_counters 'dbo.t'");
        CatalogRow::from(&rows[0]).int("scans").unwrap()
    }
}

/// Source and target on servers of their own, which count by the table's name.
fn read(source: &CountedSide, target: &CountedSide, args: &[&str], code: i32) -> (i64, i64) {
    let before = (source.scans(), target.scans());
    Program::new(env!("CARGO_BIN_EXE_verify-replica"))
        .with("REPLICA_SOURCE", &source.server.connection(source.database))
        .with("REPLICA_TARGET", &target.server.connection(target.database))
        .run(&[args, &["--show-rows=9"]].concat())
        .exits(code);
    (source.scans() - before.0, target.scans() - before.1)
}

#[test]
fn equal_tables_are_read_once_and_others_twice() {
    for key in [" PRIMARY KEY", ""] {
        let (source, target) = (CountedSide::new("a"), CountedSide::new("b"));
        for side in [&source, &target] {
            side.run(&format!(
                "CREATE TABLE dbo.t (id int NOT NULL{key}, day date NOT NULL, n int NOT NULL)"
            ));
            side.run(
                "INSERT INTO dbo.t VALUES (1, '2024-01-05', 1), (2, '2024-01-06', 2), (3, '2024-02-01', 3)",
            );
        }
        assert_eq!(read(&source, &target, &["dbo.t"], 0), (1, 1));
        target.run("UPDATE dbo.t SET n = 0 WHERE id = 2");
        assert_eq!(read(&source, &target, &["dbo.t"], 1), (2, 2));
        let months = ["dbo.t", "--start-date=2024-01-01", "--end-date=2024-02-29"];
        assert_eq!(
            read(&source, &target, &months, 1),
            (4, 4),
            "January twice, February once; and what no window holds is counted"
        );
    }
}

/// The sandbox makes a million of a thousand.
#[test]
fn of_a_million_equal_rows_nothing_is_reported() {
    let (source, target) = (CountedSide::new("a"), CountedSide::new("b"));
    let rows: Vec<String> = (0..1000).map(|n| format!("({n}, N'row {n}', {}.25)", n * 7)).collect();
    for side in [&source, &target] {
        side.run("CREATE TABLE dbo.t (id int NOT NULL, label nvarchar(20) NULL, amount decimal(9, 2) NULL)");
        side.run(&format!("INSERT INTO dbo.t VALUES {}", rows.join(", ")));
        side.run("EXEC sp_sandbox_replay 'dbo.t', 1000000");
    }
    let run = Program::new(env!("CARGO_BIN_EXE_verify-replica"))
        .with("REPLICA_SOURCE", &source.server.connection(source.database))
        .with("REPLICA_TARGET", &target.server.connection(target.database))
        .run(&["dbo.t", "--show-rows=9", "--output=json"])
        .exits(0);
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
    assert!(run.stdout.contains("\"equal\"") && run.stdout.contains("1000000"), "{run}");
}

#[test]
fn whoever_holds_a_table_is_named() {
    let pair = quarter("date");
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("UPDATE dbo.t SET n = 7 WHERE id = 5");
    let session = other.number("CAST(@@SPID AS int)");
    let patience = format!("{};Command Timeout=4", pair.target.connection);
    let mut running = tool(&pair).with("REPLICA_TARGET", &patience).start(QUARTER);
    running.until_it_says(&format!("held by session {session} (login sa, host "));
    other.batch("ROLLBACK");
    running.finish().exits(0).says("(target): no answer for 2.0s; session ");
}
