//! Memory-optimized tables: the flag, and what is refused for it.
use crate::testing::{errors, ok, rows, session};
use sandbox_session::Session;

fn number(s: &mut Session, sql: &str) -> i32 {
    errors(s, sql)[0].0
}

#[test]
fn what_it_is_made_of_and_how_it_shows() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE m (a int NOT NULL PRIMARY KEY NONCLUSTERED, b int) WITH (MEMORY_OPTIMIZED = ON, DURABILITY = SCHEMA_ONLY)",
    );
    ok(
        &mut s,
        "CREATE TABLE n (a int NOT NULL PRIMARY KEY NONCLUSTERED) WITH (MEMORY_OPTIMIZED = ON); CREATE TABLE d (a int)",
    );
    assert_eq!(
        rows(&mut s, "SELECT name, is_memory_optimized, durability_desc FROM sys.tables ORDER BY name"),
        [["d", "0", "SCHEMA_AND_DATA"], ["m", "1", "SCHEMA_ONLY"], ["n", "1", "SCHEMA_AND_DATA"]]
    );
    assert_eq!(
        number(&mut s, "CREATE TABLE x (a int NOT NULL PRIMARY KEY) WITH (MEMORY_OPTIMIZED = ON)"),
        12317
    );
    assert_eq!(number(&mut s, "CREATE TABLE x (a int) WITH (MEMORY_OPTIMIZED = ON)"), 41321);
    assert_eq!(
        number(&mut s, "CREATE TABLE x (a int) WITH (MEMORY_OPTIMIZED = ON, DURABILITY = SCHEMA_ONLY)"),
        41327
    );
    assert_eq!(number(&mut s, "TRUNCATE TABLE m"), 10794);
    assert_eq!(number(&mut s, "CREATE INDEX i ON m (b)"), 10794);
    assert_eq!(number(&mut s, "ALTER TABLE n SWITCH TO d"), 10794);
}

#[test]
fn isolation_levels_that_it_does_not_take() {
    let mut s = session();
    ok(&mut s, "CREATE DATABASE d; ALTER DATABASE d SET ALLOW_SNAPSHOT_ISOLATION ON; USE d");
    ok(
        &mut s,
        "CREATE TABLE m (a int NOT NULL PRIMARY KEY NONCLUSTERED) WITH (MEMORY_OPTIMIZED = ON); INSERT m VALUES (1)",
    );
    assert_eq!(rows(&mut s, "SELECT a FROM m"), [["1"]]);
    assert_eq!(number(&mut s, "SELECT a FROM m WITH (UPDLOCK)"), 10794);
    assert_eq!(number(&mut s, "BEGIN TRANSACTION; SELECT a FROM m"), 41368);
    assert_eq!(rows(&mut s, "SELECT a FROM m WITH (SNAPSHOT); ROLLBACK"), [["1"]]);
    assert_eq!(number(&mut s, "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT a FROM m"), 41333);
    assert_eq!(rows(&mut s, "SELECT a FROM m WITH (SNAPSHOT)"), [["1"]]);
    ok(&mut s, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT");
    for sql in ["SELECT a FROM m", "SELECT a FROM m WITH (SNAPSHOT)", "INSERT m VALUES (2)", "DELETE m"] {
        assert_eq!(number(&mut s, sql), 41332, "{sql}");
    }
    assert_eq!(
        number(
            &mut s,
            "CREATE TABLE n (a int NOT NULL PRIMARY KEY NONCLUSTERED) WITH (MEMORY_OPTIMIZED = ON)"
        ),
        41332
    );
}
