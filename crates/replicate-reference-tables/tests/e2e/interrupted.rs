//! What breaks in the middle, and what is tried again.
use replica_testkit::{Pair, Troubled};

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
    tool(&pair).run(&["dbo.t"]).exits(4).says("another run holds this table");
    assert_old_rows(&pair);
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
