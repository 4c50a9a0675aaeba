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
    let patience = format!("{};Command Timeout=8", pair.target.connection);
    let mut running = tool(&pair).with("REPLICA_TARGET", &patience).start(QUARTER);
    running.until_it_says(&format!("held by session {session} (login sa, host "));
    other.batch("ROLLBACK");
    running.finish().exits(0).says("(target): no answer for 4.");
}

/// Rows of dbo.t that were sent so far.
fn sent(side: &CountedSide) -> i64 {
    let rows = side.server.client(side.database).rows("EXEC sp_sandbox_counters 'dbo.t'");
    CatalogRow::from(&rows[0]).int("rows_sent").unwrap()
}

/// Rows of dbo.t that either side sends to the tool.
fn rows_read(source: &CountedSide, target: &CountedSide, args: &[&str], code: i32) -> [i64; 2] {
    let before = [source, target].map(sent);
    read(source, target, args, code);
    [sent(source) - before[0], sent(target) - before[1]]
}

const MANY: i64 = 1 << 14;

/// dbo.t on both sides with `MANY` rows, made of the numbers `n`.
fn many(columns: &str, row: &str) -> [CountedSide; 2] {
    ["a", "b"].map(|database| {
        let side = CountedSide::new(database);
        side.run("CREATE TABLE dbo.n (n int NOT NULL PRIMARY KEY); INSERT INTO dbo.n VALUES (0)");
        for doubling in 0..14 {
            side.run(&format!("INSERT INTO dbo.n SELECT n + {} FROM dbo.n", 1 << doubling));
        }
        side.run(&format!("CREATE TABLE dbo.t ({columns}); INSERT INTO dbo.t SELECT {row} FROM dbo.n"));
        side
    })
}

/// Whatever the key: ranges of it, and no whole table, are read a second time.
#[test]
fn only_the_stretch_of_the_key_that_differs_is_read_again() {
    let guid = "CAST(CAST(n * 7919 % 16384 AS binary(4)) + CAST(n AS binary(12)) AS uniqueidentifier)";
    let text = "'k' + CAST(n * 7919 % 16384 AS varchar(9))";
    for (columns, row) in [
        ("id int NOT NULL PRIMARY KEY, v int NULL", "n * 10 - 5000, n".to_owned()),
        ("id uniqueidentifier NOT NULL PRIMARY KEY, v int NULL", format!("{guid}, n")),
        (
            "id varchar(20) COLLATE Latin1_General_CI_AS NOT NULL PRIMARY KEY, v int NULL",
            format!("{text}, n"),
        ),
        (
            "a int NOT NULL, b int NOT NULL, v int NULL, PRIMARY KEY (a DESC, b)",
            "n / 100, n % 100, n".to_owned(),
        ),
        ("id bigint NULL, v int NULL, INDEX cl CLUSTERED (id)", "NULLIF(n, 5), n".to_owned()),
        ("id int NOT NULL, day date NOT NULL, v int NULL, PRIMARY KEY (id)", "n, '2024-01-05', n".to_owned()),
    ] {
        let [source, target] = many(columns, &row);
        source.run("UPDATE STATISTICS dbo.t");
        assert_eq!(rows_read(&source, &target, &["dbo.t"], 0), [MANY; 2], "{columns}");
        target.run("UPDATE dbo.t SET v = -1 WHERE v = 5000");
        let once_more = rows_read(&source, &target, &["dbo.t"], 1).map(|rows| rows - MANY);
        assert!(once_more.iter().all(|rows| (1..=MANY / 8).contains(rows)), "{columns}: {once_more:?}");
        // The rows without a key are in the first stretch, and those beyond all boundaries in the ends.
        target.run("DELETE FROM dbo.t WHERE v IN (5, 16383)");
        let once_more = rows_read(&source, &target, &["dbo.t"], 1).map(|rows| rows - MANY);
        assert!(once_more[0] > 0 && once_more[0] <= 3 * MANY / 8, "{columns}: {once_more:?}");
    }
}

#[test]
fn a_repair_reads_only_that_stretch_again_too() {
    let [source, target] = many("id int NOT NULL PRIMARY KEY, v int NULL", "n, n");
    target.run("UPDATE dbo.t SET v = -1 WHERE id = 5000; DELETE FROM dbo.t WHERE id = 5001");
    let read = rows_read(&source, &target, &["dbo.t", "--repair"], 0);
    // Compared, written as a difference, and compared again: three passes, and the stretch twice.
    assert!(read[0] >= 3 * MANY && read[0] <= 3 * MANY + MANY / 4, "{read:?}");
    // Without statistics the source tells the least and the greatest key.
    assert_eq!(rows_read(&source, &target, &["dbo.t"], 0), [MANY + 2, MANY]);
}
