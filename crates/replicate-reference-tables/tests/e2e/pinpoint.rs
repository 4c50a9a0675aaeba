//! A load that fails on data says which row it was, and leaves everything as it was.
use replica_testkit::Pair;

use crate::util::tool;

/// 2^10 rows, ids from 1, in dbo.t on the source; one old row in the target.
fn pair(target: &str) -> Pair {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n bigint NULL, label varchar(50) NULL, day datetime2(7) NULL)",
    );
    pair.target(target);
    pair.source("INSERT INTO dbo.t VALUES (1, 1, 'new', '2024-01-31T10:00:00')");
    for n in 0..10 {
        pair.source(&format!("INSERT INTO dbo.t SELECT id + {0}, id + {0}, label, day FROM dbo.t", 1 << n));
    }
    pair.target("INSERT INTO dbo.t (id, n, label, day) VALUES (9001, 9001, 'old', '2024-01-31T10:00:00')");
    pair
}

#[track_caller]
fn fails_with(pair: &Pair, args: &[&str], said: &[&str], key: &str) {
    let before = pair.target.client().values("SELECT * FROM dbo.t");
    let run = tool(pair).run(&[&["dbo.t", "--chunk-size", "100"], args].concat()).exits(1);
    let error = run.lines()[0][7].to_owned();
    said.iter().for_each(|said| assert!(error.contains(said), "{said}: {error}"));
    assert!(error.ends_with(&format!("debug-single-row-insert dbo.t --key {key}")), "{error}");
    assert_eq!(pair.target.client().values("SELECT * FROM dbo.t"), before);
}

#[test]
fn values_that_do_not_fit_are_named() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NULL, label varchar(10) NULL, day datetime NOT NULL)",
    );
    for (id, change, said) in [
        (
            777,
            "label = 'eleven char'",
            &["error 2628", "column label", "11 bytes", "(sync-replica-schema dbo.t shows how)"][..],
        ),
        (
            555,
            "n = 3000000000",
            &["error 8115", "column n", "out of range", "3000000000", "sync-replica-schema dbo.t"],
        ),
        (444, "day = '1700-01-01'", &["error 242", "column day", "out of range"]),
        (333, "day = NULL", &["error 515", "column day", "NULL"]),
    ] {
        let row = pair.source.client().values(&format!("SELECT n, label, day FROM dbo.t WHERE id = {id}"));
        assert_eq!(row.len(), 1);
        pair.source(&format!("UPDATE dbo.t SET {change} WHERE id = {id}"));
        fails_with(&pair, &[], said, &id.to_string());
        pair.source(&format!(
            "UPDATE dbo.t SET n = id, label = 'new', day = '2024-01-31T10:00:00' WHERE id = {id}"
        ));
    }
    tool(&pair).run(&["dbo.t"]).exits(0);
}

#[test]
fn rows_that_constraints_refuse_are_narrowed_down() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NULL CONSTRAINT small CHECK (n < 10000), \
         label varchar(50) NULL, day datetime NULL)",
    );
    pair.source("UPDATE dbo.t SET n = 20000 WHERE id IN (640, 900)");
    fails_with(&pair, &["--check-constraints"], &["error 547", "\"small\""], "640");
    pair.source("UPDATE dbo.t SET n = 1 WHERE id IN (640, 900)");
    tool(&pair).run(&["dbo.t", "--check-constraints"]).exits(0);
}

#[test]
fn the_second_of_two_equal_keys_is_named() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NULL CONSTRAINT once UNIQUE, label varchar(50) NULL, \
         day datetime NULL)",
    );
    pair.source("UPDATE dbo.t SET n = 17 WHERE id = 950");
    fails_with(&pair, &[], &["error 2627", "'once'", "(17)"], "950");
}

#[test]
fn rows_that_a_trigger_refuses_are_narrowed_down() {
    let pair =
        pair("CREATE TABLE dbo.t (id int NOT NULL, n int NULL, label varchar(50) NULL, day datetime NULL)");
    pair.target(
        "CREATE TRIGGER dbo.picky ON dbo.t AFTER INSERT AS \
         IF EXISTS (SELECT 1 FROM inserted WHERE label = 'evil') THROW 50001, 'no evil here', 1",
    );
    pair.source("UPDATE dbo.t SET label = 'evil' WHERE id = 321");
    fails_with(&pair, &["--fire-triggers"], &["error 50001", "no evil here"], "321");
}

#[test]
fn a_row_without_a_key_is_named_by_its_values() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (a int NULL, label varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (a int NULL CONSTRAINT small CHECK (a < 5), label varchar(3) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'abc'), (2, 'it''s')");
    let run = tool(&pair).run(&["dbo.t"]).exits(1);
    let command = r#"debug-single-row-insert dbo.t --where '[a] = 2 AND [label] = '\''it'\'''\''s'\'''"#;
    assert!(run.lines()[0][7].ends_with(command), "{run}");
    pair.source("UPDATE dbo.t SET label = NULL, a = 7 WHERE a = 2");
    let run = tool(&pair).run(&["dbo.t", "--check-constraints"]).exits(1);
    assert!(run.lines()[0][7].ends_with("--where '[a] = 7 AND [label] IS NULL'"), "{run}");
}

#[test]
fn a_preflight_stops_before_any_table_is_touched() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NULL, label varchar(10) NULL, day datetime NULL)",
    );
    pair.both("CREATE TABLE dbo.fine (id int NOT NULL)");
    pair.both("INSERT INTO dbo.fine VALUES (-1)");
    pair.source("UPDATE dbo.t SET label = 'eleven char', n = 3000000000 WHERE id = 777");
    let run = tool(&pair).run(&["dbo.fine", "dbo.t", "--preflight"]).exits(1);
    let lines = run.lines();
    assert_eq!(
        [lines[0][..2].to_vec(), lines[1][..2].to_vec()],
        [["dbo.t", "failed"], ["dbo.fine", "failed"]]
    );
    for said in [
        "n (bigint to int): out of range, 1 row, 3000000000, the first is --key 777",
        "label (varchar(50) to varchar(10)): too long, 1 row, 11 bytes, the first is --key 777",
    ] {
        assert!(lines[0][7].contains(said), "{run}");
    }
    assert!(lines[1][7].contains("not replaced, since another table would fail"), "{run}");
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t"), 1);
    assert_eq!(target.number("SELECT MAX(id) FROM dbo.fine"), -1);
    pair.source("UPDATE dbo.t SET label = 'fits', n = 777 WHERE id = 777");
    tool(&pair).run(&["dbo.fine", "dbo.t", "--preflight"]).exits(0);
}

#[test]
fn a_preflight_looks_at_the_days_that_are_copied() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NULL, label varchar(10) NULL, day datetime NULL)",
    );
    pair.source("UPDATE dbo.t SET label = 'eleven char', day = '2024-02-01' WHERE id = 777");
    let days = |first, last| ["dbo.t", "--preflight", "--start-date", first, "--end-date", last];
    tool(&pair).run(&days("2024-01-01", "2024-01-31")).exits(0);
    tool(&pair).run(&days("2024-02-01", "2024-02-29")).exits(1).says("the first is --key 777");
}

/// It is no row's fault, and no other column's, even where that has a value that is too long as well.
#[test]
fn a_default_that_does_not_fit_its_column_is_named() {
    for (default, error) in
        [("varchar(3) NULL DEFAULT 'abcdef'", "error 2628"), ("int NULL DEFAULT 'many'", "error 245")]
    {
        let pair = pair(
            "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n bigint NULL, label varchar(10) NULL, day datetime NULL)",
        );
        pair.target(&format!("ALTER TABLE dbo.t ADD made {default}"));
        pair.source("UPDATE dbo.t SET label = 'eleven char' WHERE id = 777");
        fails_with(&pair, &[], &[error, "column made", "takes its default"], "1");
    }
}
