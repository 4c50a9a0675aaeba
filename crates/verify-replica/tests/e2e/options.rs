//! What the command line promises.
use replica_testkit::Pair;

use crate::util::{findings, tool, verify, windows};

#[test]
fn both_sides_are_read_in_the_targets_types() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n smallint NOT NULL, s varchar(10) COLLATE Latin1_General_CI_AS, t datetime2(7), stamp rowversion)");
    pair.target("CREATE TABLE dbo.t (stamp rowversion, T datetime2(3), s nvarchar(30) NULL, N bigint NULL, id bigint NOT NULL PRIMARY KEY, twice AS id * 2)");
    pair.source("INSERT INTO dbo.t (id, n, s, t) VALUES (1, -5, 'caf\u{e9}', '2024-01-01T00:00:00.1234567'), (2, 5, NULL, NULL)");
    pair.target("INSERT INTO dbo.t (id, n, s, t) VALUES (1, -5, N'caf\u{e9}', '2024-01-01T00:00:00.123'), (2, 5, NULL, NULL)");
    let run = verify(&pair, &["dbo.t"], 0);
    assert_eq!(windows(&run)[0][12], "stamp (rowversion), twice (computed, in the target only)", "{run}");
    run.says("left out, as by the copy: twice (computed, in the target only)");
    pair.target("UPDATE dbo.t SET n = 6 WHERE id = 2");
    let run = verify(&pair, &["dbo.t"], 1);
    assert_eq!(findings(&run), [["changed", "id=2", "1", "N", "5", "6", ""]], "{run}");
}

#[test]
fn every_format_says_the_same() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a varchar(10) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'x'), (2, 'y')");
    pair.target("INSERT INTO dbo.t VALUES (1, 'x '), (3, 'z')");
    let run = tool(&pair).run(&["dbo.t", "--output=json", "--show-rows=2"]).exits(1);
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(lines[0].contains(r#""table":"dbo.t","window":null,"outcome":"different","source_rows":2,"target_rows":2,"missing":1,"extra":1,"changed":1"#), "{run}");
    assert!(lines[1].contains(r#""finding":"changed","key":"id=1","count":1,"column":"a""#), "{run}");
    assert!(lines[1].contains("trailing blanks"), "{run}");
    assert!(lines[2].contains(r#""finding":"missing","key":"id=2","count":1,"column":null"#), "{run}");
    assert_eq!(lines.len(), 3, "two rows were asked for\n{run}");
    let run = tool(&pair).run(&["dbo.t", "--output=text", "--show-rows=9"]).exits(1);
    run.says("dbo.t  different  ").says("  changed: id=1\n    a: 'x' at the source, 'x ' at the target");
}

#[test]
fn tables_come_from_stdin_and_one_failure_does_not_stop_the_others() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.a (id int NOT NULL PRIMARY KEY)");
    pair.both("CREATE TABLE dbo.b (id int NOT NULL PRIMARY KEY)");
    pair.source("CREATE TABLE dbo.c (id int NOT NULL PRIMARY KEY)");
    let run = tool(&pair).stdin("dbo.a\ndbo.c\ndbo.b\n").run(&["-"]).exits(1);
    let mut outcomes: Vec<_> = windows(&run).iter().map(|line| (line[0], line[2])).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("dbo.a", "equal"), ("dbo.b", "equal"), ("dbo.c", "failed")], "{run}");
    run.says("2 of 3 tables equal, 0 different, 1 failed");
}

#[test]
fn a_table_is_not_compared_with_itself() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL)");
    let program = tool(&pair).with("REPLICA_TARGET", &pair.source.connection);
    program.run(&["dbo.t"]).exits(2).says("the same table");
}

#[test]
fn rows_newer_than_the_copy_are_told_apart() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NOT NULL, made datetime2(0) NOT NULL)");
    pair.both("INSERT INTO dbo.t VALUES (1, 1, '2024-01-01'), (2, 2, '2024-01-01'), (3, 3, '2024-01-01')");
    pair.source("UPDATE dbo.t SET n = 20, made = '2024-01-03T08:00:00' WHERE id = 2");
    pair.source("INSERT INTO dbo.t VALUES (4, 4, '2024-01-03T09:00:00')");
    verify(&pair, &["dbo.t"], 1);
    let run = verify(&pair, &["dbo.t", "--as-of=made=2024-01-03"], 0);
    assert_eq!(windows(&run)[0][2..9], ["behind", "4", "3", "0", "0", "0", "2"], "{run}");
    let kinds: Vec<_> = findings(&run).iter().map(|line| (line[0], line[1])).collect();
    assert_eq!(kinds[0], ("newer", "id=2"), "{run}");
    // What the copy should have had is still a difference.
    pair.target("DELETE FROM dbo.t WHERE id = 1");
    let run = verify(&pair, &["dbo.t", "--as-of=2024-01-03"], 1);
    assert_eq!(windows(&run)[0][5..9], ["1", "0", "0", "2"], "{run}");
}

#[test]
fn a_rowversion_tells_newer_rows_too() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NOT NULL, stamp rowversion)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NOT NULL, stamp binary(8) NOT NULL)");
    pair.source("INSERT INTO dbo.t (id, n) VALUES (1, 1), (2, 2)");
    let stamps = pair.source.client().values("SELECT CAST(stamp AS bigint) FROM dbo.t ORDER BY id");
    let stamp = |row: &[String]| {
        row[0].trim_start_matches("I64(Some(").trim_end_matches("))").parse::<i64>().unwrap()
    };
    let (one, two) = (stamp(&stamps[0]), stamp(&stamps[1]));
    pair.target(&format!(
        "INSERT INTO dbo.t VALUES (1, 1, CAST({one} AS binary(8))), (2, 2, CAST({two} AS binary(8)))"
    ));
    pair.source("UPDATE dbo.t SET n = 9 WHERE id = 2");
    verify(&pair, &["dbo.t"], 1);
    let run = verify(&pair, &["dbo.t", &format!("--as-of=0x{two:016X}")], 0);
    assert_eq!(windows(&run)[0][2], "behind", "{run}");
}

#[test]
fn a_slower_pace_changes_nothing_else() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a char(1000) NOT NULL)");
    pair.both("INSERT INTO dbo.t VALUES (1, 'x'), (2, 'x'), (3, 'x'), (4, 'x')");
    let started = std::time::Instant::now();
    tool(&pair).run(&["dbo.t", "--max-mb-per-second=0.04"]).exits(0);
    // Twice 4 kB at 40 kB a second.
    assert!(started.elapsed() >= std::time::Duration::from_millis(200));
}
