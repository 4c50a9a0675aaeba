//! Rows of other tables: a child that was refreshed is not emptied, by its parent, in the same run.
use replica_testkit::family::{OTHERS, family, others, replaced};
use replica_testkit::{Pair, Program};

fn tool(pair: &Pair, config: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair).file("replica.toml", config)
}

const DAYS: [&str; 3] = ["--as-of=2024-01-31", "--look-back", "30"];

#[test]
fn days_of_a_parent_are_refused_before_any_table_is_touched() {
    let pair = family();
    let config = "reference_tables = ['dbo.m', 'dbo.g', 'dbo.n', 'dbo.f']\ndate_tables = ['dbo.p']\n";
    let before = others(&pair);
    let run = tool(&pair, config).run(&[&DAYS[..], &["--explain"]].concat()).exits(1);
    let last = run.lines().pop().map(|line| line.join("\t")).unwrap_or_default();
    assert!(last.starts_with("dbo.p\trefused: "), "{run}");
    assert!(
        last.contains("m_p of dbo.m (ON DELETE CASCADE)") && last.contains("through them dbo.g"),
        "{run}"
    );
    assert_eq!(others(&pair), before);

    // What the run brings to a child is there when it ends.
    pair.source("UPDATE dbo.n SET pid = NULL WHERE id = 30");
    let run = tool(&pair, config).run(&DAYS).exits(1).says("4 of 5 tables refreshed").says("failed: dbo.p");
    let lines = run.lines();
    assert_eq!(lines[0][0], "dbo.p", "refused before the others began\n{run}");
    OTHERS.iter().for_each(|sql| pair.assert_equal(sql));
    assert_eq!(replaced(&pair), 0);
}

#[test]
fn a_parent_that_is_replaced_as_a_whole_keeps_its_children() {
    let pair = family();
    let config = "reference_tables = ['dbo.p', 'dbo.m', 'dbo.g', 'dbo.n', 'dbo.f']\n";
    tool(&pair, config).run(&["--t0"]).exits(0).says("5 of 5 tables refreshed");
    assert_eq!(replaced(&pair), 3);
    OTHERS.iter().for_each(|sql| pair.assert_equal(sql));
}

#[test]
fn days_of_a_parent_are_written_by_their_differences() {
    let pair = family();
    let config = "reference_tables = ['dbo.m', 'dbo.g', 'dbo.n', 'dbo.f']\ndate_tables = ['dbo.p']\n[etl]\napply = 'auto'\n";
    let run = tool(&pair, config).run(&[&DAYS[..], &["--explain"]].concat()).exits(0);
    assert!(!run.stdout.contains("refused"), "{run}");
    tool(&pair, config).run(&DAYS).exits(0).says("5 of 5 tables refreshed");
    OTHERS.iter().for_each(|sql| pair.assert_equal(sql));
    assert_eq!(replaced(&pair), 2);
}

/// A new row of the child wants a new parent, whose table has a row to lose that an old row of the child points at.
#[test]
fn rows_come_parents_first_and_go_children_first() {
    let pair = replica_testkit::Pair::new();
    pair.both("CREATE TABLE dbo.a (id int NOT NULL PRIMARY KEY, v int NULL)");
    pair.both("CREATE TABLE dbo.b (id int NOT NULL PRIMARY KEY, a int NOT NULL REFERENCES dbo.a (id))");
    pair.both("CREATE TABLE dbo.c (id int NOT NULL PRIMARY KEY, b int NOT NULL REFERENCES dbo.b (id))");
    pair.source("INSERT INTO dbo.a VALUES (1, 1), (3, 3); INSERT INTO dbo.b VALUES (10, 1), (30, 3); INSERT INTO dbo.c VALUES (300, 30)");
    pair.target("INSERT INTO dbo.a VALUES (1, 0), (2, 2); INSERT INTO dbo.b VALUES (10, 1), (20, 2); INSERT INTO dbo.c VALUES (200, 20)");
    let config =
        "reference_tables = ['dbo.c', 'dbo.b', 'dbo.a']\n[etl]\napply = 'difference'\nverify = 'hash'\n";
    tool(&pair, config).run(&["--t0"]).exits(0).says("once more").says("3 of 3 tables refreshed");
    for table in ["a", "b", "c"] {
        pair.assert_equal(&format!("SELECT * FROM dbo.{table} ORDER BY id"));
    }
}
