//! Tables that take every kind of change, and changes of few keys, so that they meet.
use replica_testkit::{Pair, Program};

/// Each table, and what is compared of it. The server gives rowversions: the two sides have their own.
pub const TABLES: [(&str, &str); 5] = [
    ("dbo.parent", "SELECT id, code, name FROM dbo.parent ORDER BY id"),
    ("dbo.child", "SELECT id, parent_id, amount FROM dbo.child ORDER BY id"),
    ("dbo.keyed", "SELECT s, n, v FROM dbo.keyed ORDER BY s, n"),
    ("dbo.hot", "SELECT id, v FROM dbo.hot ORDER BY id"),
    (STAMPED, "SELECT id, v FROM dbo.stamped ORDER BY id"),
];
/// It has a rowversion, and is not tracked.
pub const STAMPED: &str = "dbo.stamped";

const DEFINITIONS: [&str; 5] = [
    "CREATE TABLE dbo.parent (id int NOT NULL PRIMARY KEY, code int NOT NULL CONSTRAINT parent_code UNIQUE, name varchar(20) NULL)",
    "CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, parent_id int NULL CONSTRAINT child_parent REFERENCES dbo.parent (id),
        amount decimal(9, 2) NULL)",
    "CREATE TABLE dbo.keyed (n int NOT NULL, s varchar(10) COLLATE Latin1_General_CI_AS NOT NULL, v nvarchar(max) NULL,
        PRIMARY KEY (s, n))",
    "CREATE TABLE dbo.hot (id int NOT NULL PRIMARY KEY, v int NOT NULL)",
    "CREATE TABLE dbo.stamped (id int NOT NULL PRIMARY KEY, v int NOT NULL, stamp rowversion NOT NULL)",
];

/// Both sides with the tables, a few rows at the source, and a first round behind them.
pub fn begun() -> (Pair, Program) {
    let pair = Pair::new();
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    DEFINITIONS.iter().for_each(|table| pair.both(table));
    for (table, _) in TABLES.iter().filter(|(table, _)| *table != STAMPED) {
        pair.source(&format!("ALTER TABLE {table} ENABLE CHANGE_TRACKING"));
    }
    pair.source(
        "INSERT INTO dbo.parent VALUES (1, 1, 'one'), (2, 2, NULL), (3, 18, 'three');
         INSERT INTO dbo.child VALUES (1, 1, 1.5), (2, NULL, NULL);
         INSERT INTO dbo.keyed VALUES (1, 'a', N'x'), (2, 'b', NULL);
         INSERT INTO dbo.hot VALUES (1, 1), (2, 2);
         INSERT INTO dbo.stamped (id, v) VALUES (1, 1), (2, 2)",
    );
    let tool = Program::new(env!("CARGO_BIN_EXE_replicate-changes")).between(&pair);
    tool.run(&names()).exits(0);
    (pair, tool)
}

pub fn names() -> Vec<&'static str> {
    TABLES.iter().map(|(table, _)| *table).collect()
}

/// The kind of change that only a rowversion tells.
pub const UPDATE_STAMPED: u32 = 16;

/// A change of one of so many keys, drawn by three numbers. It may be refused: by a key, a foreign key, or a lock.
pub fn change([kind, a, b]: [u32; 3], keys: u32) -> String {
    let (a, b) = (a % keys, b % keys);
    let s = ["a", "A", "b", "ab", "B "][a as usize % 5];
    match kind % 20 {
        0 => format!("INSERT INTO dbo.hot VALUES ({a}, {b})"),
        1 => format!("UPDATE dbo.hot SET v = v + 1 WHERE id IN ({a}, {b})"),
        2 => format!("DELETE FROM dbo.hot WHERE id = {a}"),
        3 => format!("DELETE FROM dbo.hot WHERE id = {a}; INSERT INTO dbo.hot VALUES ({a}, {b})"),
        4 => format!("INSERT INTO dbo.keyed VALUES ({b}, '{s}', N'{a}')"),
        5 => format!("UPDATE dbo.keyed SET n = n + 1 WHERE s = '{s}' AND n >= {b}"),
        6 => format!("UPDATE dbo.keyed SET s = {}(s) WHERE n = {b}", if a % 2 == 0 { "UPPER" } else { "LOWER" }),
        7 => format!("UPDATE dbo.keyed SET v = REPLICATE(N'{}', {b} % 10 * 900) WHERE s = '{s}' AND n = {b}", if a % 2 == 0 { "x" } else { "X" }),
        8 => format!("DELETE FROM dbo.keyed WHERE n = {b}"),
        9 => format!(
            "INSERT INTO dbo.parent VALUES ({a}, {b}, 'new'); INSERT INTO dbo.child VALUES ({a}, {a}, 1), ({b} + {keys}, {a}, NULL)"
        ),
        // Two unique values change places.
        10 => format!("UPDATE dbo.parent SET code = {keys} - code WHERE code IN ({a}, {keys} - {a})"),
        11 => format!("UPDATE dbo.child SET parent_id = {b} WHERE id = {a}"),
        12 => format!("UPDATE dbo.child SET parent_id = NULL WHERE parent_id = {a}; DELETE FROM dbo.parent WHERE id = {a}"),
        13 => format!("DELETE FROM dbo.child WHERE parent_id = {a}; DELETE FROM dbo.parent WHERE id = {a}"),
        14 => format!("UPDATE dbo.parent SET name = '{s}' WHERE id = {b}"),
        15 => format!("INSERT INTO dbo.stamped (id, v) VALUES ({a}, {b})"),
        UPDATE_STAMPED => format!("UPDATE dbo.stamped SET v = v + 1 WHERE id IN ({a}, {b})"),
        17 => format!("DELETE FROM dbo.stamped WHERE id = {a}"),
        // A unique value passes from a row that goes to one that comes.
        18 => format!(
            "DECLARE @code int = (SELECT code FROM dbo.parent WHERE id = {a}); DELETE FROM dbo.child WHERE parent_id = {a};
             DELETE FROM dbo.parent WHERE id = {a}; INSERT INTO dbo.parent SELECT {b}, @code, 'heir' WHERE @code IS NOT NULL"
        ),
        _ => format!("UPDATE dbo.parent SET id = {b} + {keys} WHERE id = {a}"),
    }
}
