//! A table that others point at, with each action that a foreign key can have: what deletes of its rows would reach.
use crate::Pair;

const TABLES: [&str; 5] = [
    "CREATE TABLE dbo.p (id int NOT NULL PRIMARY KEY, d date NOT NULL, v varchar(9) NULL)",
    "CREATE TABLE dbo.m (id int NOT NULL PRIMARY KEY, \
     pid int NOT NULL CONSTRAINT m_p REFERENCES dbo.p (id) ON DELETE CASCADE)",
    "CREATE TABLE dbo.g (id int NOT NULL PRIMARY KEY, \
     mid int NOT NULL CONSTRAINT g_m REFERENCES dbo.m (id) ON DELETE CASCADE)",
    "CREATE TABLE dbo.n (id int NOT NULL PRIMARY KEY, \
     pid int NULL CONSTRAINT n_p REFERENCES dbo.p (id) ON DELETE SET NULL)",
    "CREATE TABLE dbo.f (id int NOT NULL PRIMARY KEY, \
     pid int NOT NULL DEFAULT 1 CONSTRAINT f_p REFERENCES dbo.p (id) ON DELETE SET DEFAULT)",
];

/// Two rows of `dbo.p` are of January; the third is the one that f's default is.
const ROWS: [&str; 5] = [
    "INSERT INTO dbo.p VALUES (1, '2024-02-03', 'old'), (2, '2024-01-05', 'old'), (3, '2024-01-20', 'old')",
    "INSERT INTO dbo.m VALUES (10, 1), (20, 2), (30, 3)",
    "INSERT INTO dbo.g VALUES (100, 10), (200, 20), (300, 30)",
    "INSERT INTO dbo.n VALUES (10, 1), (20, 2), (30, 3)",
    "INSERT INTO dbo.f VALUES (10, 1), (20, 2), (30, 3)",
];

/// The arguments that ask for January of `dbo.p`.
pub const JANUARY: [&str; 5] = ["dbo.p", "--start-date", "2024-01-01", "--end-date", "2024-01-31"];

/// The keys that act, each with the table that has it.
pub const KEYS: [(&str, &str, &str); 3] =
    [("m", "m_p", "CASCADE"), ("n", "n_p", "SET NULL"), ("f", "f_p", "SET DEFAULT")];

/// The tables on both sides, three rows each; the source has other values in `dbo.p`, and no other rows.
pub fn family() -> Pair {
    let pair = Pair::new();
    TABLES.iter().chain(&ROWS).for_each(|sql| pair.both(sql));
    pair.source("UPDATE dbo.p SET v = 'new'");
    pair
}

/// The rows of the tables that point at `dbo.p`, directly or through others.
pub const OTHERS: [&str; 4] = [
    "SELECT id, pid FROM dbo.m ORDER BY id",
    "SELECT id, mid FROM dbo.g ORDER BY id",
    "SELECT id, pid FROM dbo.n ORDER BY id",
    "SELECT id, pid FROM dbo.f ORDER BY id",
];

const STATE_OF_KEYS: &str =
    "SELECT name, is_disabled, is_not_trusted, delete_referential_action FROM sys.foreign_keys ORDER BY name";

/// All rows of the other tables in the target, and how their keys are.
pub fn others(pair: &Pair) -> Vec<Vec<String>> {
    let mut client = pair.target.client();
    OTHERS.iter().chain(&[STATE_OF_KEYS]).flat_map(|sql| client.values(sql)).collect()
}

/// The target's rows of `dbo.p` that have come from the source.
#[track_caller]
pub fn replaced(pair: &Pair) -> i64 {
    pair.target.client().number("SELECT COUNT(*) FROM dbo.p WHERE v = 'new'")
}
