//! Rounds: that cost little, do not overlap, survive what happens to connections, and end at a signal.
use replica_testkit::{Client, ProgramExit};

use crate::util::{ROWS, assert_others, carried, fault, kept, outcomes, pair, shown, table, tool, versions};

#[test]
fn a_connection_that_breaks_anywhere_leaves_old_rows_or_new_ones() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'first' WHERE id = 1; INSERT INTO dbo.t VALUES (30, 'n')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    for (n, kind) in
        ["cut_receiving", "cut_replying", "cut_before_commit", "cut_after_commit"].iter().enumerate()
    {
        pair.source(&format!("UPDATE dbo.t SET label = '{kind}' WHERE id = 2"));
        pair.source(&format!(
            "DELETE FROM dbo.t WHERE id = {}; INSERT INTO dbo.t VALUES ({}, 'n')",
            30 + n,
            31 + n
        ));
        // The COMMIT of the source's snapshot is not the one that matters: the target's comes first.
        fault(&pair, &format!("@fault = '{kind}'"));
        let run = tool(&pair).run(&["dbo.t"]).exits(0);
        fault(&pair, "@fault = 'none'");
        assert!(run.stderr.contains("retry 1"), "{kind}\n{run}");
        // Also where the answer to the COMMIT is lost, and the ledger tells that it happened.
        assert_eq!(outcomes(&run), ["dbo.t ok changes 1 1 1"], "{kind}\n{run}");
        pair.assert_equal(ROWS);
        assert_others(&pair);
    }
    pair.source("UPDATE dbo.t SET label = 'full' WHERE id = 2");
    let (before, on_record) = (shown(&pair, ROWS), versions(&pair));
    fault(&pair, "@fault = 'log_full', @count = 100");
    tool(&pair).run(&["dbo.t"]).exits(1).says("9002");
    fault(&pair, "@fault = 'none'");
    assert_eq!((shown(&pair, ROWS), versions(&pair)), (before, on_record));
}

#[test]
fn one_process_keeps_a_table() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    let mut running = tool(&pair).start(&["dbo.t", "--every", "1h"]);
    running.until_it_says("in step");
    let refused = tool(&pair).run(&["dbo.t"]).exits(4);
    refused.says("another process keeps dbo.t").says("process");
    // Another table is nobody's.
    table(&pair, "dbo.free", "id int NOT NULL PRIMARY KEY");
    tool(&pair).run(&["dbo.free"]).exits(0);
    running.signal("TERM");
    running.finish().exits(143);
    carried_later(&pair);
}

fn carried_later(pair: &replica_testkit::Pair) {
    pair.source("UPDATE dbo.t SET label = 'later' WHERE id = 1");
    carried(pair, [0, 1, 0]);
    pair.assert_equal(ROWS);
}

#[test]
fn rounds_go_on_until_a_signal_comes() {
    let pair = kept();
    let mut running = tool(&pair).start(&["dbo.t", "--every", "1s"]);
    running.until_it_says("in step");
    for label in ["one", "two"] {
        pair.source(&format!("UPDATE dbo.t SET label = '{label}' WHERE id = 2"));
        running.until_it_says("1 had changes");
    }
    pair.assert_equal(ROWS);
    running.signal("INT");
    let run: ProgramExit = running.finish().exits(130);
    let carried: Vec<String> = outcomes(&run).into_iter().filter(|line| !line.contains("quiet")).collect();
    assert_eq!(carried.len(), 2, "{run}");
}

#[test]
fn lost_connections_are_made_again() {
    let pair = kept();
    let mut running = tool(&pair).start(&["dbo.t", "--every", "1s"]);
    running.until_it_says("in step");
    let mut master: Client = pair.server.client("master");
    // What a fail-over does to connections.
    let others = "SELECT session_id FROM sys.dm_exec_sessions WHERE program_name LIKE 'replica%' AND session_id <> @@SPID";
    let sessions = master.rows(others);
    for row in sessions {
        let id = row.get::<i16, _>(0).map_or(0, i32::from);
        let _ = master.try_batch(&format!("KILL {id}"));
    }
    pair.source("UPDATE dbo.t SET label = 'after' WHERE id = 2");
    running.until_it_says("1 had changes");
    pair.assert_equal(ROWS);
    running.signal("TERM");
    running.finish().exits(143);
}

#[test]
fn changes_during_a_comparison_come_after_it() {
    let pair = pair();
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(20) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two')");
    let mut busy = pair.target.client();
    busy.batch("BEGIN TRANSACTION; INSERT INTO dbo.t VALUES (9, 'in the way')");
    let mut running = tool(&pair).start(&["dbo.t"]);
    running.until_it_says("both sides are compared");
    pair.source("UPDATE dbo.t SET label = 'changed' WHERE id = 1; INSERT INTO dbo.t VALUES (3, 'new')");
    busy.batch("ROLLBACK TRANSACTION");
    running.finish().exits(0);
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
}

#[test]
fn quiet_tables_move_on_and_busy_ones_are_told_apart() {
    let pair = pair();
    let names: Vec<String> = (0..12).map(|n| format!("dbo.t{n}")).collect();
    for name in &names {
        table(&pair, name, "id int NOT NULL PRIMARY KEY");
    }
    let tables: Vec<&str> = names.iter().map(String::as_str).collect();
    tool(&pair).run(&tables).exits(0);
    pair.source("INSERT INTO dbo.t3 VALUES (1)");
    tool(&pair).run(&tables).exits(0);
    pair.source("INSERT INTO dbo.t3 VALUES (2)");
    let run = tool(&pair).run(&tables).exits(0);
    let busy: Vec<String> = outcomes(&run).into_iter().filter(|line| !line.contains("quiet")).collect();
    assert_eq!(busy, ["dbo.t3 ok changes 1 0 0"], "{run}");
    let versions = shown(&pair, "SELECT DISTINCT version FROM replica.versions");
    assert_eq!(versions.len(), 1, "all are at the source's version: {versions:?}");
    pair.assert_equal("SELECT id FROM dbo.t3 ORDER BY id");
}

#[test]
fn what_would_be_done_is_said_and_not_done() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.both("CREATE TABLE dbo.plain (id int NOT NULL PRIMARY KEY, stamp rowversion)");
    let before = versions(&pair);
    let run = tool(&pair).run(&["dbo.t", "dbo.plain", "--explain"]).exits(0);
    let lines = run.lines();
    let said = |table: &str, topic: &str| {
        let of = lines.iter().filter(|line| line[0] == table && line[1] == topic);
        of.map(|line| line[2]).collect::<Vec<_>>().join("\n")
    };
    assert!(said("dbo.t", "method").starts_with("change-tracking"), "{run}");
    assert!(said("dbo.t", "statement").contains("CHANGETABLE(CHANGES [dbo].[t], @P1)"), "{run}");
    assert!(said("dbo.plain", "method").starts_with("rowversion"), "{run}");
    assert!(
        said("dbo.plain", "missing").contains("ALTER TABLE [dbo].[plain] ENABLE CHANGE_TRACKING"),
        "{run}"
    );
    assert_eq!(versions(&pair), before);
}
