//! Foreign keys, checks and triggers of the target.
use replica_testkit::{Client, Pair};

use crate::util::{copy, skip, tool};

/// A parent `dbo.t` that a child points at, with old rows in both.
fn family() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
    pair.target(
        "CREATE TABLE dbo.child (id int NOT NULL, parent int NULL CONSTRAINT fk_child REFERENCES dbo.t (id))",
    );
    pair.target("INSERT INTO dbo.t VALUES (1, 'old'), (2, 'old')");
    pair.target("INSERT INTO dbo.child VALUES (10, 1)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'new'), (3, 'new')");
    pair
}

/// (is_disabled, is_not_trusted) of a constraint.
fn state(client: &mut Client, view: &str, name: &str) -> (i64, i64) {
    let mut ask = |column: &str| {
        client.number(&format!("SELECT CAST({column} AS int) FROM sys.{view} WHERE name = '{name}'"))
    };
    (ask("is_disabled"), ask("is_not_trusted"))
}

#[test]
fn a_parent_is_replaced_under_its_children() {
    let pair = family();
    copy(&pair, &["dbo.t", "--verify=hash"]);
    pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
    assert_eq!(state(&mut pair.target.client(), "foreign_keys", "fk_child"), (0, 0));
    let error = pair.target.client().try_run("INSERT INTO dbo.child VALUES (11, 99)").unwrap_err();
    assert!(error.has_number(547), "{error}");
}

#[test]
fn an_orphan_left_behind_takes_everything_back() {
    let pair = family();
    pair.target("INSERT INTO dbo.child VALUES (11, 2)");
    tool(&pair).run(&["dbo.t"]).exits(1).says("foreign key fk_child of dbo.child").says("547");
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = 'old'"), 2);
    assert_eq!(state(&mut target, "foreign_keys", "fk_child"), (0, 0));
}

#[test]
fn an_untrusted_key_stays_untrusted_and_a_disabled_one_disabled() {
    let pair = family();
    pair.target("INSERT INTO dbo.child VALUES (11, 2)");
    pair.target("ALTER TABLE dbo.child NOCHECK CONSTRAINT fk_child");
    pair.target("ALTER TABLE dbo.child WITH NOCHECK CHECK CONSTRAINT fk_child");
    assert_eq!(state(&mut pair.target.client(), "foreign_keys", "fk_child"), (0, 1));
    copy(&pair, &["dbo.t"]);
    assert_eq!(state(&mut pair.target.client(), "foreign_keys", "fk_child"), (0, 1));
    pair.target("ALTER TABLE dbo.child NOCHECK CONSTRAINT fk_child");
    copy(&pair, &["dbo.t"]);
    assert_eq!(state(&mut pair.target.client(), "foreign_keys", "fk_child"), (1, 1));
}

#[test]
fn a_table_may_point_at_itself() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, boss int NULL CONSTRAINT fk_boss REFERENCES dbo.t (id))");
    pair.source("INSERT INTO dbo.t VALUES (1, NULL), (2, 1), (3, 2)");
    pair.target("INSERT INTO dbo.t VALUES (7, NULL), (8, 7)");
    for more in ["--verify=hash", "--check-constraints"] {
        copy(&pair, &["dbo.t", more, "--chunk-size=2"]);
        pair.assert_equal("SELECT id, boss FROM dbo.t ORDER BY id");
    }
}

#[test]
fn checks_are_not_checked_unless_asked_for_and_that_is_said() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, CONSTRAINT ck_small CHECK (id < 10))");
    pair.target("INSERT INTO dbo.t VALUES (5)");
    pair.source("INSERT INTO dbo.t VALUES (50)");
    let mut target = pair.target.client();
    tool(&pair).run(&["dbo.t", "--check-constraints"]).exits(1).says("ck_small");
    assert_eq!(target.number("SELECT SUM(id) FROM dbo.t"), 5);
    assert_eq!(state(&mut target, "check_constraints", "ck_small"), (0, 0));
    copy(&pair, &["dbo.t"]).says("left untrusted: ck_small");
    assert_eq!(target.number("SELECT SUM(id) FROM dbo.t"), 50);
    assert_eq!(state(&mut target, "check_constraints", "ck_small"), (0, 1));
}

#[test]
fn deleting_past_a_trigger_is_refused() {
    let pair = family();
    let trigger = "CREATE TRIGGER dbo.tr ON dbo.t AFTER DELETE AS DELETE FROM dbo.child";
    if let Err(error) = pair.target.client().try_batch(trigger) {
        return skip(&format!("this server has no triggers: {error}"));
    }
    tool(&pair).run(&["dbo.t"]).exits(1).says("trigger tr").says("--fire-triggers");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE label = 'old'"), 2);
}

#[test]
fn triggers_fire_only_when_asked_to() {
    let pair = family();
    pair.target("DROP TABLE dbo.child");
    pair.target("CREATE TABLE dbo.seen (id int NOT NULL)");
    let trigger =
        "CREATE TRIGGER dbo.tr ON dbo.t AFTER INSERT AS INSERT INTO dbo.seen SELECT id FROM inserted";
    if let Err(error) = pair.target.client().try_batch(trigger) {
        return skip(&format!("this server has no triggers: {error}"));
    }
    let seen = || pair.target.client().number("SELECT COUNT(*) FROM dbo.seen");
    copy(&pair, &["dbo.t"]);
    assert_eq!(seen(), 0);
    copy(&pair, &["dbo.t", "--fire-triggers", "--verify=hash"]);
    assert_eq!(seen(), 2);
}

/// Parents and children on both sides, the children more than the parents, so that they would begin first.
fn generations(rows: i32) -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.parent (id int NOT NULL PRIMARY KEY)");
    pair.both("CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, parent int NOT NULL)");
    pair.both("CREATE TABLE dbo.grandchild (id int NOT NULL PRIMARY KEY, child int NOT NULL)");
    for sql in [
        "ALTER TABLE dbo.child ADD CONSTRAINT fk_parent FOREIGN KEY (parent) REFERENCES dbo.parent (id)",
        "ALTER TABLE dbo.grandchild ADD CONSTRAINT fk_child FOREIGN KEY (child) REFERENCES dbo.child (id)",
    ] {
        pair.target(sql);
    }
    pair.source("INSERT INTO dbo.parent VALUES (1)");
    let mut source = pair.source.client();
    for id in 0..rows {
        source.run(&format!("INSERT INTO dbo.child VALUES ({id}, 1)"));
        for twin in 0..2 {
            source.run(&format!("INSERT INTO dbo.grandchild VALUES ({}, {id})", 2 * id + twin));
        }
    }
    pair
}

const GENERATIONS: [&str; 3] = ["dbo.grandchild", "dbo.child", "dbo.parent"];

#[track_caller]
fn assert_generations(pair: &Pair) {
    for table in GENERATIONS {
        pair.assert_equal(&format!("SELECT * FROM {table} ORDER BY id"));
    }
}

#[test]
fn parents_come_before_children_whose_keys_are_checked() {
    let pair = generations(9);
    let check = [&GENERATIONS[..], &["--check-constraints", "--max-workers", "3"]].concat();
    let explained = copy(&pair, &[&check[..], &["--explain", "--output", "text"]].concat());
    explained.says("after     dbo.child, to which a foreign key that is checked points");
    let run = copy(&pair, &check);
    let order: Vec<_> = run.lines().iter().map(|line| line[0].to_owned()).collect();
    assert_eq!(order, ["dbo.parent", "dbo.child", "dbo.grandchild"], "{run}");
    assert!(!run.stderr.contains("547"), "{run}");
    assert_generations(&pair);
    for key in ["fk_parent", "fk_child"] {
        assert_eq!(state(&mut pair.target.client(), "foreign_keys", key), (0, 0));
    }
}

/// What is gone at the source is still pointed at by the old rows of children that come later.
#[test]
fn a_parent_that_old_children_hold_back_is_tried_once_more() {
    for options in [&["--check-constraints"][..], &[]] {
        let pair = generations(3);
        let all = [&GENERATIONS[..], options].concat();
        copy(&pair, &[&GENERATIONS[..], &["--check-constraints"]].concat());
        pair.source("DELETE FROM dbo.grandchild WHERE child = 2; DELETE FROM dbo.child WHERE id = 2");
        let run = copy(&pair, &[&all[..], &["--max-workers", "1"]].concat());
        assert_eq!(run.lines().len(), 3, "a line a table\n{run}");
        assert_generations(&pair);
    }
}
