//! What breaks in the middle, and what is tried again.
use std::time::Duration;

use replica_testkit::proxy::{self, From, Harm, Rule, utf16};
use replica_testkit::{Pair, ProgramExit, Troubled};

use crate::util::{assert_old_rows, copy, fault, fill, ids, pair_with_old_rows, skip, tool};

/// A pair on the sandbox, with 64 new rows in the source.
fn pair() -> Option<Pair> {
    let pair = pair_with_old_rows("varchar(10) NULL");
    if !pair.server.is_sandbox() {
        skip("only the sandbox breaks on request");
        return None;
    }
    fill(&mut pair.source.client(), 6);
    Some(pair)
}

#[test]
fn a_full_log_leaves_the_old_rows() {
    let Some(pair) = pair() else { return };
    fault(&pair, "@fault = 'log_full', @table = 'dbo.t', @at = 3, @count = 100");
    tool(&pair).run(&["dbo.t", "--chunk-size=10"]).exits(1).says("9002");
    assert_old_rows(&pair);
}

#[test]
fn a_deadlock_is_tried_again_from_the_start() {
    let Some(pair) = pair() else { return };
    fault(&pair, "@fault = 'deadlock', @table = 'dbo.t', @at = 3");
    copy(&pair, &["dbo.t", "--chunk-size=10", "--verify=hash"]).says("1205").says("retry 1");
    assert_eq!(ids(&mut pair.target.client()), (1..=64).collect::<Vec<_>>());
}

#[test]
fn a_lost_connection_is_tried_again_wherever_it_breaks() {
    let Some(pair) = pair() else { return };
    for kind in ["cut_receiving", "cut_replying", "cut_before_commit", "cut_after_commit"] {
        fault(&pair, &format!("@fault = '{kind}'"));
        let run = copy(&pair, &["dbo.t"]);
        assert!(run.stderr.contains("retry 1"), "{kind}\n{run}");
        assert_eq!(ids(&mut pair.target.client()).len(), 64, "{kind}");
        fault(&pair, "@fault = 'none'");
    }
}

#[test]
fn a_source_that_hangs_up_within_a_row_is_tried_again() {
    let Some(pair) = pair() else { return };
    fault(&pair, "@fault = 'half_row', @table = 'dbo.t', @value = 20");
    copy(&pair, &["dbo.t", "--verify=hash"]).says("retry 1");
    assert_eq!(ids(&mut pair.target.client()).len(), 64);
}

#[test]
fn a_row_that_lies_about_its_length_leaves_the_old_rows() {
    let Some(pair) = pair() else { return };
    fault(&pair, "@fault = 'lying_length', @table = 'dbo.t', @value = 20, @count = 100");
    tool(&pair).run(&["dbo.t"]).exits(1).says("reading from the source");
    assert_old_rows(&pair);
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    let mut other = pair.target.client();
    let object = other.number("SELECT OBJECT_ID('dbo.t')");
    other.batch(&format!(
        "EXEC sp_getapplock @Resource = 'replica table {object}', @LockMode = 'Exclusive', @LockOwner = 'Session'"
    ));
    let session = other.number("CAST(@@SPID AS int)");
    let run = tool(&pair).run(&["dbo.t"]).exits(4).says("another run holds this table: ");
    let run = run.says(&format!("login sa, session {session}, since 20"));
    assert_old_rows(&pair);
    // Whoever may not see other sessions learns how to.
    pair.target("CREATE LOGIN minimal WITH PASSWORD = 'Minimal-1'; CREATE USER minimal FOR LOGIN minimal; GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO minimal");
    let minimal = pair.server.connection_as(&pair.target.name, "minimal", "Minimal-1");
    let refused = tool(&pair).with("REPLICA_TARGET", &minimal).run(&["dbo.t"]).exits(4);
    refused.says("another run holds this table").says("VIEW SERVER STATE");
    drop(run);
}

#[test]
fn servers_that_are_troubled_at_first() {
    let pair = pair_with_old_rows("nvarchar(20) NULL");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, N'new')");
    let Some((tool, troubled)) = tool(&pair).between_troubled(&pair) else { return };
    let run = tool.run(&["dbo.t"]).exits(0).says("40613").says("tried again until");
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    assert!(!run.stderr.contains("://"), "{run}");
    assert_eq!(ids(&mut pair.target.client()), [1]);
}

/// On either side. The question comes after half of the time for an answer, ten seconds at the most.
#[test]
fn whoever_holds_the_table_is_named() {
    for at_source in [false, true] {
        let pair = pair_with_old_rows("varchar(10) NULL");
        pair.source("INSERT INTO dbo.t VALUES (1, 'new')");
        let database = if at_source { &pair.source } else { &pair.target };
        let mut other = database.client();
        other.batch("BEGIN TRANSACTION");
        other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCKX, HOLDLOCK)");
        let session = other.number("CAST(@@SPID AS int)");
        let patience = format!("{};Command Timeout=8", database.connection);
        let variable = if at_source { "REPLICA_SOURCE" } else { "REPLICA_TARGET" };
        let mut running = tool(&pair).with(variable, &patience).start(&["dbo.t"]);
        let side = if at_source { "source" } else { "target" };
        running.until_it_says(&format!("dbo.t ({side}): no answer for 4."));
        other.batch("ROLLBACK");
        let run = running.finish().exits(0).says(&format!("held by session {session} (login sa, host "));
        assert_eq!(ids(&mut pair.target.client()), [1], "{run}");
    }
}

#[test]
fn who_may_not_see_others_hears_once_which_right_is_missing() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.server.client("master").batch("CREATE LOGIN minimal WITH PASSWORD = 'Minimal-1'");
    pair.target("CREATE USER minimal FOR LOGIN minimal; GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO minimal; GRANT VIEW DEFINITION TO minimal");
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCKX, HOLDLOCK)");
    let minimal = pair.server.connection_as(&pair.target.name, "minimal", "Minimal-1");
    let patience = format!("{minimal};Command Timeout=2");
    let tool = tool(&pair).with("REPLICA_TARGET", &patience);
    let mut running = tool.start(&["dbo.t", "--allow-shrink"]);
    running.until_it_says("why is not to be learnt: session ");
    other.batch("ROLLBACK");
    let run = running.finish().exits(0).says("GRANT VIEW SERVER STATE");
    assert_eq!(run.stderr.matches("why is not to be learnt").count(), 1, "{run}");
}

/// An error that does not end its batch, not even with XACT_ABORT ON (Microsoft docs, "SET XACT_ABORT", Remarks).
#[test]
fn what_is_not_committed_is_not_on_record_as_done() {
    let Some(pair) = pair() else { return };
    copy(&pair, &["dbo.t"]);
    pair.target("DELETE FROM dbo.t; INSERT INTO dbo.t (id, label) VALUES (901, 'old'), (902, 'older')");
    // A batch's text comes after the number of requests that are under way (MS-TDS 2.2.5.3.2).
    let request = |sql: &str| [vec![1, 0, 0, 0], utf16(sql)].concat();
    let harm = Harm::Replace(request("RAISERROR('',16,1);"));
    let rule = Rule { from: From::Client, pattern: request("COMMIT TRANSACTION;"), harm, times: u32::MAX };
    let (proxy, through) = proxy::through(&pair.target.connection, rule).unwrap();
    tool(&pair).with("REPLICA_TARGET", &through).run(&["dbo.t"]).exits(1);
    assert!(proxy.has_struck(Duration::ZERO));
    assert_old_rows(&pair);
    let last = "SELECT COUNT(*) FROM replica.runs WHERE outcome = 'failed' AND run_id = (SELECT MAX(run_id) FROM replica.runs)";
    assert_eq!(pair.target.client().number(last), 1);
}

/// Fifty tables with two new rows each, and an old one in the target.
fn fifty() -> Option<(Pair, Vec<String>)> {
    let pair = Pair::new();
    if !pair.server.is_sandbox() {
        skip("only the sandbox breaks on request");
        return None;
    }
    let names: Vec<String> = (0..50).map(|n| format!("dbo.t{n}")).collect();
    let every = |sql: &str| names.iter().map(|name| sql.replace('?', name)).collect::<Vec<_>>().join("; ");
    pair.both(&every("CREATE TABLE ? (id int NOT NULL PRIMARY KEY)"));
    pair.source(&every("INSERT INTO ? VALUES (1), (2)"));
    pair.target(&every("INSERT INTO ? VALUES (901)"));
    Some((pair, names))
}

/// All tables have the new rows, and their last record says so. Where one does not, the records and the runs' words are told.
#[track_caller]
fn assert_all_new(pair: &Pair, names: &[String], runs: &[ProgramExit]) {
    let mut target = pair.target.client();
    let recorded = target.values("SELECT run_id, table_name, outcome, row_count, error FROM replica.runs");
    let recorded = recorded.iter().map(|values| values.join(" "));
    let told = recorded.chain(runs.iter().map(ProgramExit::to_string)).collect::<Vec<_>>().join("\n");
    for name in names {
        let sum = target.number(&format!("SELECT SUM(id) * 10 + COUNT(*) FROM {name}"));
        assert_eq!(sum, 32, "{name}\n{told}");
    }
    let last =
        "run_id IN (SELECT MAX(run_id) FROM replica.runs WHERE schema_name = N'dbo' GROUP BY table_name)";
    let well = format!("SELECT COUNT(*) FROM replica.runs WHERE {last} AND outcome = 'ok' AND row_count = 2");
    assert_eq!(target.number(&well), 50, "{told}");
    assert_eq!(target.number("SELECT COUNT(*) FROM replica.runs WHERE ended IS NULL"), 0, "{told}");
}

#[test]
fn many_tables_are_copied_through_many_faults() {
    let Some((pair, names)) = fifty() else { return };
    for (kind, count) in [("deadlock", 6), ("cut_before_commit", 3), ("cut_after_commit", 3)] {
        fault(&pair, &format!("@fault = '{kind}', @at = 5, @count = {count}"));
    }
    let run = copy(&pair, &["dbo.t*", "--max-workers=8"]);
    assert!(run.stderr.matches("retry 1").count() >= 6, "{run}");
    assert_all_new(&pair, &names, &[run]);
}

#[test]
fn two_runs_over_the_same_tables_leave_each_whole() {
    let Some((pair, names)) = fifty() else { return };
    copy(&pair, &["dbo.t0"]);
    let runs = [(); 2].map(|()| tool(&pair).start(&["dbo.t*", "--max-workers=8"]));
    let runs = runs.map(|run| run.finish().exits(0));
    assert_all_new(&pair, &names, &runs);
}
