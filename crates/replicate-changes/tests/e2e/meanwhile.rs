//! What happens between the steps of a round, and while servers are away.
use replica_testkit::{Client, Gate, Pair, Server};

use crate::util::{ROWS, beside, carried, kept, outcomes, pair, shown, somebody_waits, table, tool};

/// A table that is kept by its rowversion, and a session whose new row is not committed yet.
fn with_a_late_commit() -> (Pair, Client) {
    let pair = Pair::new();
    pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL, stamp rowversion)");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, 'one')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    let mut late = pair.source.client();
    late.batch("BEGIN TRANSACTION; INSERT INTO dbo.t (id, label) VALUES (100, 'late')");
    (pair, late)
}

#[test]
fn what_commits_between_the_bound_and_the_snapshot_comes_in_the_next_round() {
    let (pair, mut late) = with_a_late_commit();
    pair.source("INSERT INTO dbo.t (id, label) VALUES (5, 'early')");
    // The round has asked for the bound when it comes to look at the target's table.
    let mut busy = pair.target.client();
    busy.batch("BEGIN TRANSACTION; ALTER TABLE dbo.t ADD more int NULL");
    let running = tool(&pair).start(&["dbo.t"]);
    somebody_waits(&mut pair.target.client());
    late.batch("COMMIT TRANSACTION");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (6, 'later')");
    busy.batch("ROLLBACK TRANSACTION");
    let run = running.finish().exits(0);
    assert_eq!(outcomes(&run), ["dbo.t ok changes 0 0 0"], "{run}");
    assert_eq!(shown(&pair, "SELECT id FROM dbo.t ORDER BY id"), ["1"], "the bound held them up");
    carried(&pair, [3, 0, 0]);
    pair.assert_equal(ROWS);
}

#[test]
fn an_open_transaction_shows_in_the_lag() {
    let (pair, mut late) = with_a_late_commit();
    pair.target("UPDATE replica.versions SET as_of = DATEADD(minute, -10, as_of)");
    let lag = |pair: &Pair| -> f64 {
        let run = tool(pair).run(&["dbo.t"]).exits(0);
        run.lines()[0][9].parse().unwrap_or_else(|_| panic!("{run}"))
    };
    assert!(lag(&pair) >= 600.0);
    late.batch("COMMIT TRANSACTION");
    assert!(lag(&pair) < 600.0);
}

#[test]
fn changes_during_a_reload_are_carried_over_after_it() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'first' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    let mut busy = pair.target.client();
    busy.batch("BEGIN TRANSACTION; UPDATE dbo.t SET label = 'in the way' WHERE id = 1");
    let reload = beside(&pair, "replicate-reference-tables").start(&["dbo.t"]);
    somebody_waits(&mut pair.target.client());
    pair.source("UPDATE dbo.t SET label = 'meanwhile' WHERE id = 2; DELETE FROM dbo.t WHERE id = 3");
    let left = tool(&pair).run(&["dbo.t"]).exits(4);
    left.says("another run holds this table");
    busy.batch("ROLLBACK TRANSACTION");
    reload.finish().exits(0);
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
}

#[test]
fn servers_that_restart_are_waited_for() {
    let pair = Pair::on(Server::sandbox());
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(20) NULL");
    let port = pair.server.port().unwrap();
    for side in ["REPLICA_SOURCE", "REPLICA_TARGET"] {
        let gate = Gate::before(port).unwrap();
        let database = if side == "REPLICA_SOURCE" { &pair.source } else { &pair.target };
        let tool = tool(&pair).with(side, &gate.through(&database.connection));
        let mut running = tool.start(&["dbo.t", "--every", "1s"]);
        running.until_it_says("in step");
        gate.shut();
        pair.source(&format!("INSERT INTO dbo.t SELECT ISNULL(MAX(id), 0) + 1, '{side}' FROM dbo.t"));
        running.until_it_says("retry 1");
        gate.reopen();
        running.until_it_says("1 had changes");
        pair.assert_equal(ROWS);
        running.signal("TERM");
        running.finish().exits(143);
    }
}

#[test]
fn a_process_that_was_killed_is_followed_at_once() {
    let pair = kept();
    for n in 0..3 {
        let mut running = tool(&pair).start(&["dbo.t", "--every", "1h"]);
        running.until_it_says("in step");
        running.kill();
        pair.source(&format!("UPDATE dbo.t SET label = '{n}' WHERE id = 1"));
        tool(&pair).run(&["dbo.t"]).exits(0);
        pair.assert_equal(ROWS);
    }
}

#[test]
fn memory_does_not_grow_with_the_changes() {
    let pair = pair();
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(2000) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'x')");
    let mut running = tool(&pair).start(&["dbo.t", "--every", "1s"]);
    running.until_it_says("in step");
    pair.source("INSERT INTO dbo.t VALUES (2, REPLICATE('y', 1500)), (3, REPLICATE('z', 1500))");
    running.until_it_says("1 had changes");
    pair.source("UPDATE dbo.t SET label = REPLICATE('x', 1500) WHERE id = 1");
    running.until_it_says("1 had changes");
    let before = running.peak_kib().unwrap();
    let mut source = pair.source.client();
    source.batch("BEGIN TRANSACTION");
    for n in 0..14 {
        source.run(&format!("INSERT INTO dbo.t SELECT id + {}, label FROM dbo.t", 3 << n));
    }
    source.batch("DELETE FROM dbo.t WHERE id <= 3; COMMIT TRANSACTION");
    running.until_it_says("1 had changes");
    let grown = running.peak_kib().unwrap() - before;
    running.signal("TERM");
    running.finish().exits(143);
    pair.assert_equal("SELECT COUNT(*), SUM(id), SUM(DATALENGTH(label)) FROM dbo.t");
    // 49,149 rows of 1,500 bytes are 74 MB.
    assert!(grown < 24 << 10, "{grown} KiB more than for three rows");
}
